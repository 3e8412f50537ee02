"""A machine whose state is one value, and whose symbols are guarded assignments.

``native/machine.hpp`` has the same.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from dsm_jepsen.checkers.linearizability.problem import REJECTED, Problem

ALWAYS: Final = 0
EQUALS: Final = 1

KEPT: Final = -2
"""Instead of a state: the one there was."""


class Assigns(NamedTuple):
    """What a symbol does, in numbers of states.

    Attributes:
        test: ``ALWAYS``, ``EQUALS`` (the state is ``value``) or another number: it is not.
        value: what the state is compared with.
        then: the state after, if it passes.
        otherwise: the same if it does not.
    """

    test: int
    value: int
    then: int
    otherwise: int


class Assigning:
    """The machine.

    Args:
        does: by symbol.
        states: how many have a number.
    """

    def __init__(self, does: Sequence[Assigns], states: int) -> None:
        self._does = does
        self._states = states

    def step(self, state: int, symbol: int) -> int:
        """Give the state after, or ``REJECTED``."""
        test, value, then, otherwise = self._does[symbol]
        passes = test == ALWAYS or (state == value) == (test == EQUALS)
        after = then if passes else otherwise
        return state if after == KEPT else after

    def seen(self, state: int, *_: object) -> int:
        """Foresee nothing."""
        return state

    def alike(self, problem: Problem, start: int, end: int) -> list[int]:
        """Give states of which one is, to what happens between two events, as good as the one there was.

        That is each that something asks for, and one more that nothing asks for.
        """
        called = {event for event in problem.events[:end] if event >= 0 and problem.returns[event] >= start}
        asked = {self._does[problem.symbols[operation]] for operation in called}
        return sorted({one.value for one in asked if one.test != ALWAYS} | {self._states})


def assigns(test: int, value: int, then: int | None, *, possible: bool) -> Assigns:
    """Make it of a model's assignment; ``None``: it keeps the state."""
    return Assigns(test, value, KEPT if then is None else then, KEPT if possible else REJECTED)
