"""What a nemesis is: a fault that can be started and stopped, acting on ``Control`` alone.

A nemesis is one file with one subclass, whose class line registers it by name. ``start`` and ``stop``
return what was done as a JSON value: it stands in the history as evidence. ``stop`` undoes ``start``
and is harmless when repeated or when nothing was started.
"""

from typing import Any, ClassVar

from dsm_jepsen.env import Capability, Control, Rng

NEMESES: dict[str, type["Nemesis"]] = {}
"""Nemesis by name."""


class Nemesis:
    """A fault, not yet started."""

    name: ClassVar[str]
    needs: ClassVar[Capability]

    def __init_subclass__(cls, *, name: str, needs: Capability) -> None:
        """Register the fault, and what a cluster must be able to do for it."""
        cls.name = name
        cls.needs = needs
        NEMESES[name] = cls

    async def start(self, control: Control, rng: Rng) -> Any:
        """Begin the fault on targets drawn anew, and tell what was done."""
        raise NotImplementedError

    async def stop(self, control: Control) -> Any:
        """End the fault and tell what was done."""
        raise NotImplementedError
