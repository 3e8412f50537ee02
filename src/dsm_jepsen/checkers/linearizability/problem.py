"""What a search is given, and what it finds: operations, symbols and states are numbers."""

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, NamedTuple, Protocol

from dsm_jepsen.checkers.models import Fact

REJECTED: Final = -1
UNREAD: Final = -2
"""All states that are replaced before anybody can read them."""

NEVER: Final = 2**31 - 1

OBSERVES: Final = int(Fact.OBSERVES)
TOTAL: Final = int(Fact.TOTAL)
RESETS: Final = int(Fact.RESETS)
"""Facts as plain numbers, which are quicker to look at."""


class Problem(NamedTuple):
    """A history as the search sees it; operations are numbered by their calls.

    Attributes:
        events: an operation's call, ``~operation`` for its return, in order.
        symbols: by operation; equal for those that no machine can tell apart.
        returns: by operation: the place of its return in ``events``, or ``NEVER``.
        facts: by symbol.
    """

    events: list[int]
    symbols: list[int]
    returns: list[int]
    facts: list[int]


class Machine(Protocol):
    """A sequential machine of numbered states."""

    def step(self, state: int, symbol: int) -> int:
        """Give the state after, or ``REJECTED``."""
        ...

    def seen(self, state: int, event: int, left: Callable[[int], bool]) -> int:
        """What a state is to what comes after an event, as far as the machine foresees.

        Itself, ``UNREAD`` if nobody can tell, or ``REJECTED`` if that cannot come of it. ``left`` tells
        whether there is still one of a symbol that never returned.
        """
        ...

    def alike(self, problem: "Problem", start: int, end: int) -> Sequence[int]:
        """Give states of which one is, to what happens between two events, as good as the one there was.

        None if that cannot be told.
        """
        ...


class Step(NamedTuple):
    """An operation that took effect.

    Attributes:
        operation: which.
        event: at which it was made to.
        anywhere: it may stand before this place as well, where nothing that follows changes.
    """

    operation: int
    event: int
    anywhere: bool


class Window(NamedTuple):
    """Events between which more configurations are kept."""

    first: int
    end: int
    beam: int


class Bounds(NamedTuple):
    """How one run is held in bounds.

    Attributes:
        beam: configurations kept in a layer.
        windows: where it is more, in order.
        plenty: events before this one at which whatever never returned may take effect any number of times
            after its call. From here on it is counted, as if none of it had been used yet.
        until: events looked at.
        scarce: symbols that are counted all the same, if it is told at all; of the rest no more is used than
            there is while that will do.
        start: event before which all is left out: what was open there may have taken effect or not, in any
            state it began with.
    """

    beam: int
    windows: Sequence[Window] = ()
    plenty: int = 0
    until: int = NEVER
    scarce: Set[int] | None = None
    start: int = 0


class End(Enum):
    """How a run ended: all explained, stuck at a return that nothing survives, or out of budget."""

    EXPLAINED = "explained"
    STUCK = "stuck"
    STOPPED = "stopped"


@dataclass(slots=True)
class Outcome:
    """What a run found.

    Attributes:
        end: how it ended.
        event: the return that nothing survived, or where it was stopped.
        pruned: configurations were left out, so being stuck is no proof.
        states: stuck: all that the operation that returned could have met.
        widest: the most configurations in a layer.
    """

    end: End = End.EXPLAINED
    event: int = 0
    pruned: bool = False
    states: list[int] = field(default_factory=list)
    widest: int = 0
