"""Registers: one value that is read and written."""

from collections.abc import Hashable
from typing import Any

from dsm_jepsen.checkers.models._base import KEEP, REJECT, UNKNOWN, Assignment, Refused, same


class Register:
    """One value: ``read`` returns it, ``write`` replaces it. Values are hashable."""

    refusals: frozenset[str] = frozenset()

    def __init__(self, initial: Hashable = None) -> None:
        self.initial = initial

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
        return state if result is UNKNOWN or same(result, state) else REJECT

    def assignment(self, f: str, argument: Any, result: Any) -> Assignment:
        """Say the same without a state."""
        if f == "write":
            return Assignment("always", None, argument, possible=False)
        if result is UNKNOWN:
            return Assignment("always", None, KEEP, possible=True)
        return Assignment("equals", result, KEEP, possible=False)


class CasRegister:
    """A register with ``cas`` of ``[expected, new]``; one that compared unequal fails as ``unequal``."""

    refusals = frozenset({"unequal"})

    def __init__(self, initial: Hashable = None) -> None:
        self.register = Register(initial)

    def judges(self, f: str) -> bool:
        """Judge reads, writes and compare-and-sets."""
        return f == "cas" or self.register.judges(f)

    def init(self) -> Hashable:
        """Start with the initial value."""
        return self.register.init()

    def step(self, state: Any, f: str, argument: Any, result: Any) -> Any:
        """Replace the value if it is the expected one; a refusal asserts that it is not."""
        if f != "cas":
            return self.register.step(state, f, argument, result)
        expected, new = argument
        equal = same(expected, state)
        if isinstance(result, Refused):
            return REJECT if equal else state
        if result is UNKNOWN:
            return new if equal else state
        return new if equal else REJECT

    def assignment(self, f: str, argument: Any, result: Any) -> Assignment:
        """Say the same without a state."""
        if f != "cas":
            return self.register.assignment(f, argument, result)
        expected, new = argument
        if isinstance(result, Refused):
            return Assignment("differs", expected, KEEP, possible=False)
        return Assignment("equals", expected, new, possible=result is UNKNOWN)
