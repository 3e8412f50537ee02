"""Depth first: one explanation, extended at each return by what returns, after others if need be.

Where it leads nowhere the last choice is made otherwise. Where little is open at once few choices turn out
badly: then a history is decided at the cost of walking through it, and being stuck with nothing left to
choose is a proof. Where many do, it gives up, and the sweep takes over.

Three of the sweep's rules are used: observers are done before the state changes, of twins only the first to
return is tried, and observers that never returned are left out. What led nowhere is not looked at again.

``native/descent.hpp`` is the same in C++.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from dsm_jepsen.checkers.linearizability.problem import (
    NEVER,
    OBSERVES,
    REJECTED,
    UNREAD,
    End,
    Machine,
    Outcome,
    Problem,
)

_OPEN: Final = 64
"""Operations open at once: with more, choices are too many."""

PATIENCE: Final = 1600
"""Choices made otherwise without getting further, in a usual search; below 0 there is no descent."""

_CHEAP: Final = 16
"""Operations open at once: where less is open the sweep costs less, so there is less patience."""

_LONG: Final = 8192
"""Events with which there is twice the patience: the longer, the more would have to be swept."""

_KEPT: Final = 8192
"""Choices."""


class _Way(NamedTuple):
    """An operation that may take effect, its bits among open or lost ones, and the state after."""

    operation: int
    done: int
    used: int
    after: int


@dataclass(slots=True)
class _Choice:
    """A moment at which an operation has to take effect, and the ways that were not tried yet."""

    at: int
    state: int
    done: int
    used: int
    ordered: int
    ways: Iterator[_Way]


class Descent:
    """One walk through a problem.

    Args:
        machine: the model.
        problem: the history.
        initial: the state it begins in.
        stop: asked now and then; true ends it.

    Attributes:
        over: it is of no use to go on, or to look at where it is stuck: it was told to stop, or there were
            more operations than it can tell apart.
    """

    def __init__(self, machine: Machine, problem: Problem, initial: int, stop: Callable[[], bool]) -> None:
        self._order: list[int] = []
        self.over = False
        self._machine = machine
        self._problem = problem
        self._stop = stop
        self._bits = [0] * len(problem.symbols)  # by operation that returns
        self._open: dict[int, int] = {}  # of those that return: bit and operation
        self._observing = 0  # of them
        self._done = 0  # of them: have taken effect
        self._lost: list[int] = []  # that never return, and were called
        self._used = 0  # bits of their places: have taken effect
        ends = zip(problem.symbols, problem.returns, strict=True)
        self._losses = Counter(symbol for symbol, end in ends if end == NEVER)  # in all
        self._at, self._state = 0, initial
        self._choices: list[_Choice] = []
        self._dead: set[tuple[int, int, int, int]] = set()
        self._furthest: list[int] = []  # what took effect on the way that led furthest
        self._complete = True  # no choice was forgotten
        self._begun = False
        self._outcome = Outcome(End.STOPPED)

    @property
    def order(self) -> list[int]:
        """Operations that took effect before the event where it ended, in order."""
        return self._order if self._outcome.end is End.EXPLAINED else self._furthest

    def run(self, patience: int) -> Outcome:
        """Walk; it is ``STOPPED`` if its patience is at its end, and it can go on, or if it is ``over``.

        Args:
            patience: how often choices are made otherwise without getting further, in a short history.
        """
        events, bits = self._problem.events, self._bits
        self._patience = self._most = patience * (1 + len(events) // _LONG)
        if self._begun and not self._back():
            return self._outcome
        self._begun = True
        while self._at < len(events):
            if self._at % 1024 == 1023 and self._told_to_stop():
                return self._outcome
            event = events[self._at]
            if event >= 0:
                if not self._call(event):
                    return self._outcome
            elif self._done & bits[~event]:
                self._leave(~event)
            elif not self._arrive(~event) and not self._back():
                return self._outcome
        self._outcome.end, self._outcome.event = End.EXPLAINED, self._at
        return self._outcome

    def _told_to_stop(self) -> bool:
        stopped = self._stop()
        self.over |= stopped
        return stopped

    def _call(self, operation: int) -> bool:
        if self._problem.returns[operation] == NEVER:
            if not self._observes(operation):
                if len(self._lost) < _OPEN:
                    self._lost.append(operation)
                else:
                    self.over = True
        elif len(self._open) == _OPEN:
            self.over = True
            return False
        else:
            bit = 1
            while bit in self._open:
                bit <<= 1
            self._bits[operation] = bit
            self._enter(operation)
        self._at += 1
        return True

    def _enter(self, operation: int) -> None:
        bit = self._bits[operation]
        self._open[bit] = operation
        if self._observes(operation):
            self._observing |= bit

    def _leave(self, operation: int) -> None:
        bit = self._bits[operation]
        del self._open[bit]
        self._observing &= ~bit
        self._done &= ~bit
        self._at += 1

    def _arrive(self, operation: int) -> bool:
        """At its return an operation has to take effect."""
        if (self._at, self._state, self._done, self._used) in self._dead:
            return False
        ways = self._ways(operation)
        return self._choose(
            _Choice(self._at, self._state, self._done, self._used, len(self._order), ways), operation
        )

    def _choose(self, choice: _Choice, operation: int) -> bool:
        """Take the next way that was not tried yet."""
        for way in choice.ways:
            if len(self._choices) == _KEPT:
                del self._choices[: _KEPT // 2]
                self._complete = False
            self._choices.append(choice)
            self._take(way)
            if way.operation == operation:
                self._leave(operation)
            return True
        self._stuck(choice)
        return False

    def _ways(self, operation: int) -> Iterator[_Way]:
        """What may take effect: the operation, what it is possible after, and whatever else."""
        state, done, bit = self._state, self._done, self._bits[operation]
        after = self._entered(state, operation)
        if after != REJECTED:
            yield _Way(operation, bit, 0, after)
            if self._observes(operation):
                return
        hidden = done | bit | self._observing
        others = sorted((bit, one) for bit, one in self._open.items() if not hidden & bit)
        for leading in (True, False):
            for other, one in others:
                if self._has_twin(one, others):
                    continue
                after = self._entered(state, one)
                if after != REJECTED and self._leads(after, operation) == leading:
                    yield _Way(one, other, 0, after)
            for place, one in enumerate(self._lost):
                if self._used >> place & 1 or self._has_twin(one, others, place):
                    continue
                after = self._entered(state, one)
                if after not in (REJECTED, state) and self._leads(after, operation) == leading:
                    yield _Way(one, 0, 1 << place, after)

    def _has_twin(self, operation: int, others: list[tuple[int, int]], place: int = 0) -> bool:
        """Whether another does the same that has to be done with earlier: no use in trying this one."""
        symbols, returns = self._problem.symbols, self._problem.returns
        symbol, end = symbols[operation], returns[operation]
        return any(symbols[one] == symbol and returns[one] < end for _, one in others) or any(
            symbols[self._lost[before]] == symbol and not self._used >> before & 1 for before in range(place)
        )

    def _observes(self, operation: int) -> bool:
        return bool(self._problem.facts[self._problem.symbols[operation]] & OBSERVES)

    def _leads(self, state: int, operation: int) -> bool:
        return self._entered(state, operation) != REJECTED

    def _entered(self, state: int, operation: int) -> int:
        """Give the state after; ``REJECTED`` as well if what is still to come cannot come of it."""
        after = self._machine.step(state, self._problem.symbols[operation])
        return after if after in (REJECTED, state) else self._seen(after, operation)

    def _seen(self, state: int, taken: int | None = None) -> int:
        def left(symbol: int) -> bool:  # also of those that are called later
            symbols = self._problem.symbols
            gone = [one for place, one in enumerate(self._lost) if self._used >> place & 1 or one == taken]
            return self._losses[symbol] > sum(symbols[one] == symbol for one in gone)

        return self._machine.seen(state, self._at, left)

    def _take(self, way: _Way) -> None:
        """Let it take effect; before the state changes, whatever can be seen of it is seen."""
        self._done |= way.done
        self._used |= way.used
        if way.after != self._state:
            watching = self._observing & ~self._done
            for bit, one in sorted((bit, one) for bit, one in self._open.items() if bit & watching):
                if self._machine.step(self._state, self._problem.symbols[one]) != REJECTED:
                    self._done |= bit
                    self._order.append(one)
        self._order.append(way.operation)
        self._state = way.after

    def _stuck(self, choice: _Choice) -> None:
        """Nothing is left to be tried here."""
        outcome = self._outcome
        if self._at > outcome.event:
            self._patience = min(self._most, self._patience + self._at - outcome.event)
            outcome.event, outcome.states = self._at, []
            self._furthest = list(self._order)
        known = self._at < outcome.event or choice.state in (UNREAD, *outcome.states)
        if not known and self._seen(choice.state) != UNREAD:
            outcome.states.append(choice.state)
        self._dead.add((choice.at, choice.state, choice.done, choice.used))

    def _back(self) -> bool:
        """Go back to the last choice of which something is left to be tried, and try it."""
        events = self._problem.events
        while self._choices:
            self._patience -= max(1, _CHEAP // max(1, len(self._open)))
            if self._patience < 0 or (len(self._dead) % 256 == 255 and self._told_to_stop()):
                return False
            choice = self._choices.pop()
            while self._at > choice.at:
                self._at -= 1
                self._undo(events[self._at])
            self._state, self._done, self._used = choice.state, choice.done, choice.used
            del self._order[choice.ordered :]
            if self._choose(choice, ~events[choice.at]):
                return True
        if self._complete and not self.over:
            self._outcome.end = End.STUCK
        return False

    def _undo(self, event: int) -> None:
        if event < 0:
            self._enter(~event)
        elif self._problem.returns[event] != NEVER:
            del self._open[self._bits[event]]
            self._observing &= ~self._bits[event]
        elif self._lost and self._lost[-1] == event:
            self._lost.pop()
