"""What a checker is and what it says: ``History -> Verdict``, pure, the same for the same history.

A checker's first docstring lines tell what it catches, what it misses, and what it costs.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from dsm_jepsen.history import History


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a checker found.

    Attributes:
        valid: true, false, or ``None`` for unknown (a budget ran out, or a checker crashed).
        because: one line for people: what was seen and what was expected, naming operations.
        anomaly: the field's name for what is wrong (``stale-read``, ``lost-update`` ...), if invalid.
        culprits: indexes of the history's events that show it, first the decisive one.
        details: further JSON values for machines and reports.
    """

    valid: bool | None
    because: str
    anomaly: str | None = None
    culprits: tuple[int, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


Checker = Callable[[History], Verdict]


def worst(verdicts: Iterable[bool | None]) -> bool | None:
    """Merge by the worst: false, then unknown, then true."""
    answers = list(verdicts)
    if False in answers:
        return False
    return None if None in answers else True


class Context(NamedTuple):
    """A state machine's configuration (outermost state first) and variables (sorted by name)."""

    states: tuple[str, ...]
    variables: tuple[tuple[str, Any], ...]


class Machine(Protocol):
    """The state chart as the checkers know it; ``scenarios`` makes one from the system's definition."""

    def start(self) -> Context:
        """Give the context of version 0."""
        ...

    def apply(self, context: Context, event: Mapping[str, Any]) -> Context | None:
        """Take one event, ``{"event": name, "parameters": {...}}``; ``None`` if it is not applicable."""
        ...
