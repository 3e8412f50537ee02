"""What a nemesis is: a fault that can be started and stopped, acting on ``Control`` alone.

A nemesis is one file with one subclass, whose class line registers it by name. ``start`` and ``stop``
return a ``Report``: it stands in the history as evidence. ``stop`` undoes ``start`` and is harmless when
repeated or when nothing was started.

    class KillNode(Kill, name="kill-node"): ...

``Kill`` and its like, in ``_processes`` and ``_links``, are bases without a name of their own.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, ClassVar

from dsm_jepsen.env import Capability, Control, Link, Rng, Role

NEMESES: dict[str, type["Nemesis"]] = {}
"""Nemesis by name."""


class Outcome(StrEnum):
    """What became of a fault."""

    INSTALLED = "installed"
    """It acts: somebody has seen it."""
    SKIPPED = "skipped"
    """It was not begun, and ``why`` tells."""
    INDETERMINATE = "indeterminate"
    """It was begun, and nobody has seen it act."""
    ENDED = "ended"
    """It is undone, or there was nothing to undo."""


Report = dict[str, Any]
"""``{"outcome": "installed", "nodes": ["n3"], ...evidence}``: a JSON value of the history."""


def report(outcome: Outcome, nodes: Iterable[str] = (), **evidence: Any) -> Report:
    """Say what became of a fault, on which nodes, and how that is known."""
    return {"outcome": str(outcome), "nodes": list(nodes), **evidence}


class Nemesis:
    """A fault, not yet started."""

    name: ClassVar[str]
    needs: ClassVar[frozenset[Capability]] = frozenset()

    def __init_subclass__(
        cls, *, name: str | None = None, needs: Capability | frozenset[Capability] | None = None
    ) -> None:
        """Register the fault, and what a cluster must be able to do for it; a base of others has no name.

        Raises:
            ValueError: two faults have one name.
        """
        if needs is not None:
            cls.needs = frozenset({needs}) if isinstance(needs, Capability) else needs
        if name is None:
            return
        if name in NEMESES:
            raise ValueError(f"two faults are called {name!r}: {NEMESES[name].__module__}, {cls.__module__}")
        cls.name = name
        NEMESES[name] = cls

    async def start(self, control: Control, rng: Rng, wanted: tuple[str, ...] = ()) -> Report:
        """Begin the fault on the wanted nodes, or else on targets drawn anew; skipped while it is begun."""
        raise NotImplementedError

    async def stop(self, control: Control) -> Report:
        """End the fault."""
        raise NotImplementedError


def between(some: Iterable[str], others: Iterable[str]) -> tuple[Link, ...]:
    """All links from any process of some hosts to any process of others, one way."""
    targets = tuple(others)
    return tuple(
        Link(one, one_role, other, other_role)
        for one in some
        for other in targets
        for one_role in Role
        for other_role in Role
    )
