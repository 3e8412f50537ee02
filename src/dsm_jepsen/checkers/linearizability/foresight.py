"""What a sequence has to become: a state that the next read cannot come of need not be entered.

Until something replaces it a sequence only grows, so that it has to be how the coming read begins: the first
to return of those that are called later. If something may replace it before, that has to be how it begins.

Then, or if no read is called any more, it does not matter what it is if nobody can read it before: all such
states are one.

``native/machine.hpp`` does the same.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from dsm_jepsen.checkers.linearizability.problem import NEVER, REJECTED, UNREAD, Machine, Problem

_APPENDS, _REPLACES, _READS, _ = range(4)
"""Kinds of edits."""

Does = tuple[int, Any]
"""What a symbol does: the kind of edit, and a string or tuple."""


class Coming(NamedTuple):
    """The read to come.

    Attributes:
        value: what it returns; ``None`` if none is called any more.
        replaced: something that returns may replace the state by how that begins.
        others: what is read by others that may come before.
        lost: symbols of what never returned, and may replace it.
    """

    value: Any
    replaced: bool
    others: list[Any]
    lost: list[int]


class Foreseeing:
    """A machine that foresees one problem.

    Args:
        machine: the same without foresight.
        states: its states by number; they grow.
        does: by symbol.
        problem: the history.
    """

    def __init__(
        self, machine: Machine, states: Sequence[Any], does: Sequence[Does], problem: Problem
    ) -> None:
        self._machine = machine
        self._states = states
        self._does = does
        self._coming = foresee(problem, does)

    def alike(self, *_: object) -> Sequence[int]:
        """Nothing is known of states."""
        return ()

    def step(self, state: int, symbol: int) -> int:
        """Give the state after, or ``REJECTED``."""
        if state != UNREAD:
            return self._machine.step(state, symbol)
        kind = self._does[symbol][0]
        if kind == _REPLACES:
            return self._machine.step(0, symbol)  # whatever was before
        return REJECTED if kind == _READS else UNREAD

    def seen(self, state: int, event: int, left: Callable[[int], bool]) -> int:
        """What a state is to the next read."""
        coming = self._coming[event]
        if coming.value is not None and state != UNREAD and _begins(self._states[state], coming.value):
            return state
        if not coming.replaced and not any(map(left, coming.lost)):
            return REJECTED
        read = state != UNREAD and any(_begins(self._states[state], value) for value in coming.others)
        return state if read else UNREAD


def foresee(problem: Problem, does: Sequence[Does]) -> list[Coming]:
    """Say by event what read is to come after it.

    At a read's own return it is that one: whatever goes on there goes on because it has not taken effect.

    Args:
        problem: the history.
        does: by symbol.
    """
    events, symbols, returns, _ = problem
    calls = [place for place, event in enumerate(events) if event >= 0]
    lost = _lost(problem, does)
    ends = zip(symbols, returns, strict=True)
    losses = any(end == NEVER and does[symbol][0] in (_APPENDS, _REPLACES) for symbol, end in ends)
    open_: list[int] = []  # operations that return at the event or later, and replace or read

    def before(read: int) -> Coming:
        value = does[symbols[read]][1]
        met = [does[symbols[one]] for one in open_ if one != read and calls[one] < returns[read]]
        replacing = [by.get(value[:size]) for size, by in lost.items()]
        return Coming(
            value,
            any(kind == _REPLACES and _begins(operand, value) for kind, operand in met),
            [operand for kind, operand in met if kind == _READS],
            [symbols[one] for one in replacing if one is not None and calls[one] < returns[read]],
        )

    now = Coming(None, True, [], [])
    coming = [now] * len(events)
    following, changed = -1, False
    for at in range(len(events) - 1, -1, -1):
        event = events[at]
        kind = does[symbols[event if event >= 0 else ~event]][0]
        if event < 0 and kind in (_REPLACES, _READS):
            open_.append(~event)
            changed = True
        if changed and following >= 0:
            open_ = [one for one in open_ if calls[one] < returns[following]]
            now = before(following)
        elif changed:
            reading = [does[symbols[one]] for one in open_]
            now = Coming(None, True, [operand for kind, operand in reading if kind == _READS], [])
        changed = False
        coming[at] = before(~event) if losses and event < 0 and kind == _READS else now
        if event >= 0 and kind == _READS and (following < 0 or returns[event] < returns[following]):
            following, changed = event, True
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
