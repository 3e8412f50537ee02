"""Transactions over several keys that take effect at one moment.

Both models judge ``txn`` of a list of ``[what, key, value]``, taken one after another; ok with the same list,
in which the values of reads are those that were read. Elle's short names, ``r`` and ``w``, do as well.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from dsm_jepsen.checkers.models._base import REJECT, UNKNOWN, Fact
from dsm_jepsen.checkers.models._values import Entries, entries, frozen, same

_READS = frozenset({"read", "r"})
_WRITES = frozenset({"write", "w"})


class _Transactions:
    """What the two have in common."""

    refusals: ClassVar[frozenset[str]] = frozenset()

    def judges(self, f: str) -> bool:
        """Judge transactions."""
        return f == "txn"

    def step(self, state: Entries, f: str, argument: Any, result: Any) -> Any:
        """Take one micro-operation after another."""
        values = dict(state)
        for (what, key, value), read in zip(_steps(argument), _reads(argument, result), strict=True):
            named = frozen(key)
            if what not in _READS:
                values[named] = self._changed(values.get(named), what, value)
            elif read is not UNKNOWN and not self._shows(named, values.get(named), read):
                return REJECT
        return entries({key: value for key, value in values.items() if value is not None})

    def facts(self, f: str, argument: Any, result: Any) -> Fact:
        """One that only reads changes nothing; one that read nothing we know of is always possible."""
        reads = [what in _READS for what, *_ in _steps(argument)]
        known = Fact.OBSERVES if all(reads) else Fact(0)
        return known | (Fact.TOTAL if result is UNKNOWN or not any(reads) else Fact(0))

    def _changed(self, before: Any, what: str, value: Any) -> Hashable:
        raise NotImplementedError

    def _shows(self, key: Hashable, value: Any, read: Any) -> bool:
        raise NotImplementedError


def _reads(argument: Any, result: Any) -> list[Any]:
    """Give what each micro-operation returned."""
    if result is UNKNOWN:
        return [UNKNOWN] * len(argument)
    if not same([one[:2] for one in argument], [one[:2] for one in _steps(result)]):
        raise ValueError(f"the transaction {argument} ended as {result}, in which other things are done")
    return [value for _, _, value in result]


def _steps(argument: Any) -> list[Any]:
    if not isinstance(argument, list | tuple) or not all(
        isinstance(one, list | tuple) and len(one) == 3 for one in argument
    ):
        raise ValueError(f"{argument!r} is no list of [what, key, value], and that is what a transaction is")
    return list(argument)


@dataclass(frozen=True)
class MultiRegister(_Transactions):
    """Registers that transactions read and write: ``["read", key, null]``, ``["write", key, value]``.

    A read asserts that the value is this one. Of null: nothing where the register began with another value,
    else that it is null; see ``registers``.

    Attributes:
        initial: values by key at first; null for any other.
    """

    initial: Mapping[str, Any] | Entries = ()

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "initial", entries({key: frozen(value) for key, value in dict(self.initial).items()})
        )

    def init(self) -> Entries:
        """Start with the initial values."""
        assert isinstance(self.initial, tuple)
        return self.initial

    def _changed(self, before: Any, what: str, value: Any) -> Hashable:
        if what not in _WRITES:
            raise ValueError(f"a transaction does {what!r}; registers know read and write")
        return frozen(value)

    def _shows(self, key: Hashable, value: Any, read: Any) -> bool:
        if read is None:
            return value is None or dict(self.init()).get(key) is not None
        return bool(frozen(read) == value)


@dataclass(frozen=True)
class ListAppend(_Transactions):
    """Lists that transactions read and append to: ``["r", key, null]``, ``["append", key, value]``.

    A read asserts that these are all the values, in this order. Of null: that there are none.
    """

    def init(self) -> Entries:
        """Start with nothing."""
        return ()

    def _changed(self, before: Any, what: str, value: Any) -> Hashable:
        if what != "append":
            raise ValueError(f"a transaction does {what!r}; lists know append and r")
        return (*(before or ()), frozen(value))

    def _shows(self, key: Hashable, value: Any, read: Any) -> bool:
        return same(read or [], value or [])
