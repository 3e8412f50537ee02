"""Things that are added up: a counter, and sets.

A read of null asserts nothing: none of these is ever null, so it is how a client says that it learnt nothing.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from dsm_jepsen.checkers.models._base import REJECT, UNKNOWN, Fact
from dsm_jepsen.checkers.models._values import Bag, bag, put, taken, within


@dataclass(frozen=True)
class Counter:
    """A whole number.

    * ``add`` of a whole number, negative ones too. Ok asserts nothing.
    * ``read``, ok with a whole number: asserts that it is the sum of all that was added.

    Attributes:
        initial: the number at first.
    """

    initial: int = 0
    refusals: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        _whole(self.initial)

    def judges(self, f: str) -> bool:
        """Judge adds and reads."""
        return f in {"add", "read"}

    def init(self) -> int:
        """Start with the initial number."""
        return self.initial

    def step(self, state: int, f: str, argument: Any, result: Any) -> Any:
        """Add, or compare with what was read."""
        if f == "add":
            return state + _whole(argument)
        return state if result is UNKNOWN or result is None or _whole(result) == state else REJECT

    def facts(self, f: str, argument: Any, result: Any) -> Fact:
        """Only reads of a number may be impossible; nothing else is changed by them, or by adding 0."""
        if f == "add":
            return Fact.TOTAL if argument else Fact.TOTAL | Fact.OBSERVES
        return _facts_of_read(result)


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise ValueError(f"{value!r} is no whole number, and counters count in these")
    return value


def _facts_of_read(result: Any) -> Fact:
    return Fact.OBSERVES | Fact.TOTAL if result is UNKNOWN or result is None else Fact.OBSERVES


@dataclass(frozen=True)
class GrowOnlySet:
    """A set, empty at first, of any JSON values.

    * ``add`` of a value: it is an element from now on. Ok asserts nothing.
    * ``read``, ok with a list of values in any order: asserts that these are the elements, each once.
    """

    refusals: ClassVar[frozenset[str]] = frozenset()

    def judges(self, f: str) -> bool:
        """Judge adds and reads."""
        return f in {"add", "read"}

    def init(self) -> Bag:
        """Start with nothing."""
        return ()

    def step(self, state: Bag, f: str, argument: Any, result: Any) -> Any:
        """Add, or compare with what was read."""
        if f == "add":
            return state if within(state, argument) else put(state, argument)
        return state if result is UNKNOWN or result is None or bag(_elements(result)) == state else REJECT

    def facts(self, f: str, argument: Any, result: Any) -> Fact:
        """Only reads of something may be impossible, and change nothing."""
        return _facts_of_read(result) if f == "read" else Fact.TOTAL


def _elements(result: Any) -> list[Any]:
    if not isinstance(result, list | tuple):
        raise ValueError(f"{result!r} is no list of elements, and that is what a read of a set gives")  # noqa: TRY004
    return list(result)


@dataclass(frozen=True)
class RemovableSet(GrowOnlySet):
    """A set from which elements can be removed.

    * ``add``, ``read``: as of ``GrowOnlySet``.
    * ``remove`` of a value: it is no element from now on, whether it was one or not. Ok asserts nothing.
    """

    def judges(self, f: str) -> bool:
        """Judge adds, removes and reads."""
        return f in {"add", "remove", "read"}

    def step(self, state: Bag, f: str, argument: Any, result: Any) -> Any:
        """Add, remove, or compare with what was read."""
        if f == "remove":
            return taken(state, argument) if within(state, argument) else state
        return super().step(state, f, argument, result)
