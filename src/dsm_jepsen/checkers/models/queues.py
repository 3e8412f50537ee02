"""Things that values are put into and taken from: queues and a stack, empty at first.

Values are any JSON value but null: to take null asserts that there was nothing to take, and so does to fail
as ``empty``. Of what was taken by nobody knows whom, nobody knows what it was; if there was nothing, it was
nothing.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from dsm_jepsen.checkers.models._base import REJECT, UNKNOWN, Fact, Refused
from dsm_jepsen.checkers.models._values import Bag, frozen, put, taken, within


class _Container:
    """What all of them have in common."""

    refusals: ClassVar[frozenset[str]] = frozenset({"empty"})
    puts: ClassVar = "enqueue"
    takes: ClassVar = "dequeue"

    def judges(self, f: str) -> bool:
        """Judge what puts into it and what takes from it."""
        return f in {self.puts, self.takes}

    def facts(self, f: str, argument: Any, result: Any) -> Fact:
        """Only taking may be impossible; finding nothing to take changes nothing."""
        if f == self.puts:
            return Fact.TOTAL | (Fact.OBSERVES if isinstance(result, Refused) else Fact(0))
        if result is UNKNOWN:
            return Fact.TOTAL
        return Fact.OBSERVES if _nothing(result) else Fact(0)


def _nothing(result: Any) -> bool:
    return result is None or isinstance(result, Refused)


def _some(value: Any) -> Hashable:
    if value is None:
        raise ValueError("null was put in; to take it out again would say that there was nothing")
    return frozen(value)


class _Row(_Container):
    """Values in the order in which they were put in."""

    ends: ClassVar[tuple[slice, slice]]
    """What is taken next, and the rest."""

    def init(self) -> tuple[Hashable, ...]:
        """Start empty."""
        return ()

    def step(self, state: tuple[Hashable, ...], f: str, argument: Any, result: Any) -> Any:
        """Put in at the end, or take what is next."""
        if f == self.puts:
            return state if isinstance(result, Refused) else (*state, _some(argument))
        following, rest = (state[part] for part in self.ends)
        if result is UNKNOWN:
            return rest
        if _nothing(result):
            return REJECT if state else state
        return rest if following == (frozen(result),) else REJECT


@dataclass(frozen=True)
class FifoQueue(_Row):
    """First in, first out.

    * ``enqueue`` of a value: it comes last from now on. Ok asserts nothing.
    * ``dequeue``, ok with a value: asserts that it was the first; it is gone from now on.
    """

    ends: ClassVar = (slice(1), slice(1, None))


@dataclass(frozen=True)
class Stack(_Row):
    """Last in, first out.

    * ``push`` of a value: it is on top from now on. Ok asserts nothing.
    * ``pop``, ok with a value: asserts that it was on top; it is gone from now on.
    """

    puts: ClassVar = "push"
    takes: ClassVar = "pop"
    ends: ClassVar = (slice(-1, None), slice(-1))


class Lot(NamedTuple):
    """A state of an unordered queue.

    Attributes:
        values: all that may be in it.
        lost: how many of them are gone, though nobody knows which; fewer than all, unless there are none.
    """

    values: Bag = ()
    lost: int = 0


@dataclass(frozen=True)
class UnorderedQueue(_Container):
    """Values come out in any order.

    * ``enqueue`` of a value. Ok asserts nothing.
    * ``dequeue``, ok with a value: asserts that it was there; it is gone from now on, once.

    A dequeue of unknown outcome may have taken any value. Instead of choosing, it is counted as lost. One
    that was enqueued later may then have been lost to it as well, against the order of things, but not
    against the verdict: what never returned may have come later, just after what it took was enqueued, since
    nothing between the two found the queue empty or took that value.
    """

    def init(self) -> Lot:
        """Start empty."""
        return Lot()

    def step(self, state: Lot, f: str, argument: Any, result: Any) -> Any:
        """Put in, or take."""
        values, lost = state
        if f == self.puts:
            return state if isinstance(result, Refused) else Lot(put(values, _some(argument)), lost)
        if result is UNKNOWN:
            return _without(values, lost + 1) if values else state
        if _nothing(result):
            return REJECT if values else state
        return _without(taken(values, result), lost) if within(values, result) else REJECT


def _without(values: Bag, lost: int) -> Lot:
    return Lot(values, lost) if lost < len(values) else Lot()
