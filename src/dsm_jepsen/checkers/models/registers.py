"""Registers: one value, or several by key, that are read and written.

What a read of null asserts: where a register begins with null, that it is null; where it begins with another
value, nothing, for null is then how a client says that it learnt nothing (knossos' histories do).
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from dsm_jepsen.checkers.models._base import KEEP, REJECT, UNKNOWN, Assignment, Refused, Verb
from dsm_jepsen.checkers.models._values import same, told_apart


@dataclass(frozen=True)
class Register:
    """One value, any JSON value.

    * ``read``, ok with the value: asserts that it is this one. Of null: see above.
    * ``write`` of the value: it is this one from now on. Ok asserts nothing.

    Attributes:
        initial: the value at first.
    """

    initial: Hashable = None
    refusals: ClassVar[frozenset[str]] = frozenset()
    verbs: ClassVar[Mapping[str, Verb]] = {"read": Verb.READS, "write": Verb.WRITES}

    def judges(self, f: str) -> bool:
        """Judge reads and writes."""
        return f in {"read", "write"}

    def init(self) -> Hashable:
        """Start with the initial value."""
        return self.initial

    def step(self, state: Any, f: str, argument: Any, result: Any) -> Any:
        """Replace the value, or compare it with what was read."""
        if f == "write":
            return argument
        return state if self._learnt_nothing(result) or same(result, state) else REJECT

    def assignment(self, f: str, argument: Any, result: Any) -> Assignment:
        """Say the same without a state."""
        if f == "write":
            return Assignment("always", None, argument, possible=False)
        if self._learnt_nothing(result):
            return Assignment("always", None, KEEP, possible=True)
        return Assignment("equals", result, KEEP, possible=False)

    def _learnt_nothing(self, result: Any) -> bool:
        return result is UNKNOWN or (result is None and self.initial is not None)


@dataclass(frozen=True)
class CasRegister(Register):
    """A register with compare-and-set.

    * ``read``, ``write``: as of ``Register``.
    * ``cas`` of ``[expected, new]``, ok: asserts that the value was the expected one; it is the new one from
      now on. Failed as ``unequal``: asserts that it was not.
    """

    refusals: ClassVar[frozenset[str]] = frozenset({"unequal"})
    verbs: ClassVar[Mapping[str, Verb]] = {"read": Verb.READS, "write": Verb.WRITES, "cas": Verb.SWAPS}

    def judges(self, f: str) -> bool:
        """Judge reads, writes and compare-and-sets."""
        return f in {"read", "write", "cas"}

    def step(self, state: Any, f: str, argument: Any, result: Any) -> Any:
        """Replace the value if it is the expected one; a refusal asserts that it is not."""
        if f != "cas":
            return state if isinstance(result, Refused) else super().step(state, f, argument, result)
        expected, new = _pair(argument)
        equal = same(expected, state)
        if isinstance(result, Refused):
            return REJECT if equal else state
        if result is UNKNOWN:
            return new if equal else state
        return new if equal else REJECT

    def assignment(self, f: str, argument: Any, result: Any) -> Assignment:
        """Say the same without a state."""
        if f != "cas":
            if isinstance(result, Refused):
                return Assignment("always", None, KEEP, possible=True)
            return super().assignment(f, argument, result)
        expected, new = _pair(argument)
        if isinstance(result, Refused):
            return Assignment("differs", expected, KEEP, possible=False)
        return Assignment("equals", expected, new, possible=result is UNKNOWN)


def _pair(argument: Any) -> Sequence[Any]:
    if not isinstance(argument, list | tuple) or len(argument) != 2:
        raise ValueError(f"{argument!r} is no [expected, new], and that is what a cas needs")
    return argument


@dataclass(frozen=True)
class Registers(CasRegister):
    """Registers by key: values are Jepsen's independent tuples, ``[key, value]``.

    * ``read`` of ``[key, null]``, ok with ``[key, value]``; ``write`` of ``[key, value]``; ``cas`` of
      ``[key, [expected, new]]``: as of ``CasRegister``, each of the register of its key.

    Attributes:
        initial: every register's value at first.
    """

    def part(self, f: str, argument: Any, result: Any) -> tuple[Hashable, Any, Any]:
        """Tell registers apart by their keys."""
        return told_apart(argument, result)
