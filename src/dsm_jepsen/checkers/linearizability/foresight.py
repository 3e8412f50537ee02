"""What a sequence has to become: a state that the next read cannot come of need not be entered.

Until something replaces it a sequence only grows, so that it has to be how the coming read begins: the first
to return of those that are called later. If something may replace it before, that has to be how it begins.

``native/machine.hpp`` does the same; there all states that nobody can read before they are replaced are one.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from dsm_jepsen.checkers.linearizability.problem import NEVER, Machine, Problem

_APPENDS, _REPLACES, _READS, _ = range(4)
"""Kinds of edits."""

Does = tuple[int, Any]
"""What a symbol does: the kind of edit, and a string or tuple."""


class Coming(NamedTuple):
    """The read to come.

    Attributes:
        value: what it returns.
        replaced: something that returns may replace the state by how that begins.
        lost: symbols of what never returned, and may do so.
    """

    value: Any
    replaced: bool
    lost: list[int]

    def allows(self, state: Any, left: Callable[[int], bool]) -> bool:
        """Whether it can come of a state; ``left``: whether one of a symbol that never returned is left."""
        return self.replaced or self.value[: len(state)] == state or any(map(left, self.lost))


class Foreseeing:
    """A machine that foresees one problem.

    Args:
        machine: the same without foresight.
        states: its states by number; they grow.
        coming: by event.
    """

    def __init__(self, machine: Machine, states: Sequence[Any], coming: Sequence[Coming | None]) -> None:
        self.step = machine.step
        self._states = states
        self._coming = coming

    def viable(self, state: int, event: int, left: Callable[[int], bool]) -> bool:
        """Whether the next read can come of a state."""
        coming = self._coming[event]
        return coming is None or coming.allows(self._states[state], left)


def foresee(problem: Problem, does: Sequence[Does]) -> list[Coming | None]:
    """Say by event what read is to come after it; ``None`` where nothing can be said.

    Args:
        problem: the history.
        does: by symbol.
    """
    events, symbols, returns, _ = problem
    calls = [place for place, event in enumerate(events) if event >= 0]
    lost = _lost(problem, does)
    replacing: list[int] = []  # operations that return after the event
    coming: list[Coming | None] = [None] * len(events)
    following, now = -1, None
    for at in range(len(events) - 1, -1, -1):
        coming[at] = now
        event = events[at]
        operation = event if event >= 0 else ~event
        kind, operand = does[symbols[operation]]
        if event < 0 and kind == _REPLACES:
            replacing.append(operation)
            if now is not None and _begins(operand, now.value):
                coming[at] = None  # it returns here
        elif event >= 0 and kind == _READS and (following < 0 or returns[event] < returns[following]):
            following = event
        else:
            continue
        if following >= 0:
            end = returns[following]
            replacing = [one for one in replacing if calls[one] < end]
            value = does[symbols[following]][1]
            replaced = any(_begins(does[symbols[one]][1], value) for one in replacing)
            unreturned = [
                symbols[by[value[:size]]]
                for size, by in lost.items()
                if value[:size] in by and calls[by[value[:size]]] < end
            ]
            now = Coming(value, replaced, unreturned)
    return coming


def _begins(beginning: Any, whole: Any) -> bool:
    return bool(whole[: len(beginning)] == beginning)


def _lost(problem: Problem, does: Sequence[Does]) -> dict[int, dict[Any, int]]:
    """Replacements that never returned, by size and operand: the first to be called."""
    lost: dict[int, dict[Any, int]] = defaultdict(dict)
    for operation, symbol in enumerate(problem.symbols):
        kind, operand = does[symbol]
        if kind == _REPLACES and problem.returns[operation] == NEVER:
            lost[len(operand)].setdefault(operand, operation)
    return lost
