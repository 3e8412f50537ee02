"""The sweep: which orders of a history's operations a sequential machine could have produced.

It goes forward over calls and returns (just-in-time linearization, Lowe 2017). A *configuration* is one
explanation of all that has returned so far: which of the open operations have taken effect already, and the
state. At a return, every configuration in which that operation has not taken effect yet is extended by open
operations until it has. The first return that no configuration survives cannot be explained. Only what is
open costs anything: a history of any length needs the memory of its widest moment, and a witness.

Six rules keep a layer of configurations small. Each is exact: it leaves a layer empty only if it is empty
without the rule.

* **Observers** (operations that change no state) are done wherever they are possible, at once. Whatever can
  follow can follow just the same: to leave one for later can only forbid more.
* **Useless losses**: an observer that never returned is dropped. It may be left out of any explanation.
* **Maybe**: an open operation that changes nothing *in this state* may come here; it may also come later,
  where it does change something. Instead of two configurations there is one, in which it is *maybe* done.
  The same holds for every open operation that is possible anywhere when another one *resets* the state (ends
  in the same state wherever it begins): the first may have come just before the second. Several may do so at
  once, since all of them are possible in any state.
* **Twins**: of open operations with the same symbol only the first to return is tried. In an explanation that
  uses a later one and not the first, they can change places. With *maybe*: a firm one may not stand back for
  one that is maybe done, since that one may be in use for nothing already.
* **Losses count**: of what never returned, equal operations are a number, not a set. They never have to be
  used, so one that does nothing here is not tried, nor is one whose like is open and will return: that one
  can take its place, and leave it for later.
* **Dominance**: of two configurations in the same state, one is left out if the other has done all its
  observers, has used no more of any kind of loss, and of the rest has each either equally or maybe done.
  Whatever can follow the one left out can follow the other.

``native/sweep.hpp`` is the same search in C++.
"""

from bisect import insort
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Final

from dsm_jepsen.checkers.linearizability.layer import Configuration, Layer, Trail, each, size
from dsm_jepsen.checkers.linearizability.problem import (
    NEVER,
    OBSERVES,
    REJECTED,
    RESETS,
    TOTAL,
    UNREAD,
    Bounds,
    End,
    Machine,
    Outcome,
    Problem,
    Step,
)

_CROWD: Final = 1024
"""States at one return that show that there is no end to them if there is plenty of something to add."""

_PROBED: Final = 16
"""Of wider beams everything is tried anyway."""


class Sweep:
    """Runs over one problem, again and again with other bounds.

    Args:
        machine: the model.
        problem: the history.
        stop: asked now and then; true ends the run.
    """

    def __init__(self, machine: Machine, problem: Problem, stop: Callable[[], bool]) -> None:
        self._step = machine.step
        self._foreseen = machine.seen
        self._problem = problem
        self._stop = stop
        ends, facts = zip(problem.symbols, problem.returns, strict=True), problem.facts
        lost = Counter(one for one, end in ends if end == NEVER and not facts[one] & OBSERVES)
        self._lost = tuple(lost)
        self._lost_of = lost
        self._kind = {symbol: kind for kind, symbol in enumerate(lost)}

    def run(self, initial: Sequence[int], bounds: Bounds) -> Outcome:
        """Sweep from one state or another as far as the bounds allow."""
        windows = list(reversed(bounds.windows))
        self._told = not bounds.start and (not bounds.plenty or bounds.scarce is not None)
        self._scarce = bounds.scarce
        self._slots: dict[int, int] = {}  # an open operation's bit: the operation
        self._order: list[int] = []  # bits of open operations that change something, first to return first
        self._bits: dict[int, int] = {}
        self._taken = self._observers = self._total = 0  # bits
        self._calls: list[list[int]] = [[] for _ in self._lost]
        self._offered: list[int] = []
        for event in self._problem.events[: bounds.start]:
            if event >= 0 and self._problem.returns[event] >= bounds.start:
                self._call(event)
        begins = self._observers, sum(self._order), (0,) * len(self._lost), 0, None
        self._layer: Layer = {state: [Configuration(state, *begins)] for state in initial}
        self._work = 0
        outcome = self._outcome = Outcome()
        end = min(len(self._problem.events), bounds.until)
        for at in range(bounds.start, end):
            event = self._problem.events[at]
            outcome.event = self._at = at
            self._plenty = at < bounds.plenty
            while windows and windows[-1].end <= at:
                windows.pop()
            self._beam = windows[-1].beam if windows and windows[-1].first <= at else bounds.beam
            if event >= 0:
                self._call(event)
            elif not self._returned(~event) or ((bounds.plenty or bounds.start) and outcome.pruned):
                return outcome  # what was left out leaves nothing to be shown then
        outcome.event = end
        return outcome

    def steps(self) -> list[Step]:
        """One explanation of everything up to where the run ended."""
        steps = []
        trail = min(
            (one for group in self._layer.values() for one in group), key=lambda one: one.excess
        ).trail
        while trail is not None:
            trail, step = trail
            steps.append(step)
        return steps[::-1]

    def _call(self, operation: int) -> None:
        symbol = self._problem.symbols[operation]
        returns = self._problem.returns
        if returns[operation] == NEVER:
            if (kind := self._kind.get(symbol)) is not None:
                if not self._calls[kind]:
                    self._offered.append(kind)
                self._calls[kind].append(operation)
            return
        bit = ~self._taken & (self._taken + 1)  # the lowest that is free
        self._taken |= bit
        self._slots[bit] = operation
        self._bits[operation] = bit
        facts = self._problem.facts[symbol]
        if facts & OBSERVES:
            self._observers |= bit
            return
        if facts & TOTAL:
            self._total |= bit
        insort(self._order, bit, key=lambda one: returns[self._slots[one]])

    def _returned(self, operation: int) -> bool:
        bit = self._bits.pop(operation)
        self._here: dict[int, tuple[int, int]] = {}
        self._next: Layer = {}
        self._todo: list[Configuration] = []
        self._seen: Layer = {}
        for group in self._layer.values():
            for one in group:
                if one.done & bit:
                    self._add(self._next, replace(one, done=one.done ^ bit))
                else:
                    self._arrive(one, bit)
        if not self._extended(bit):
            self._outcome.end = End.STOPPED
            return False
        if not self._next:
            self._outcome.end = End.STUCK
            self._outcome.states = list(self._seen)
            return False
        del self._slots[bit]
        self._taken ^= bit
        self._observers &= ~bit
        self._total &= ~bit
        if bit in self._order:
            self._order.remove(bit)
        self._layer = self._sifted()
        self._outcome.widest = max(self._outcome.widest, size(self._layer))
        return True

    def _extended(self, bit: int) -> bool:
        """Have what returns take effect in every configuration; false if there was no time for it."""
        # First in all as they are, then, while there is room, where one thing is needed before, then more.
        tried = self._finished(0, bit)
        for one in self._todo[: tried if self._beam < _PROBED else 0]:
            if size(self._next) < self._beam and one in self._seen[one.state]:
                self._branch(one, bit, leading=True)
        for at, one in enumerate(self._todo):  # grows meanwhile
            tried = self._finished(tried, bit)
            if one not in self._seen[one.state]:
                continue  # dominated by one that came later
            self._work += 1
            if self._work % 64 == 0 and self._stop():
                return False
            if self._is_enough(at):
                self._outcome.pruned = True
                break
            self._branch(one, bit, leading=False)
        return True

    def _finished(self, tried: int, bit: int) -> int:
        for one in self._todo[tried:]:
            if one in self._seen[one.state]:
                self._finish(one, bit)
        return len(self._todo)

    def _is_enough(self, tried: int) -> bool:
        """Whether enough survive already, or there are so many to try that there may be no end to them."""
        some = bool(self._next) and (tried >= 2 * self._beam or self._beam < _PROBED)
        if some or size(self._next) >= self._beam:
            return True
        return len(self._todo) // 16 > self._beam or (self._plenty and len(self._seen) > _CROWD)

    def _arrive(self, one: Configuration, bit: int) -> None:
        """Take up a configuration whose state is new at this event."""
        state, done, maybe, trail = one.state, one.done, one.maybe, one.trail
        observed, nothing = self._look(state)
        if fresh := observed & ~done:
            for other in each(fresh):
                trail = self._then(trail, self._slots[other])
            done |= fresh
        one = replace(one, done=done, maybe=maybe | nothing & ~done, trail=trail)
        if done & bit:
            self._add(self._next, replace(one, done=done ^ bit))
        elif self._add(self._seen, one):
            self._todo.append(one)

    def _look(self, state: int) -> tuple[int, int]:
        """What is open and can be seen in this state, and what is open and changes nothing in it."""
        if state not in self._here:
            symbols = self._problem.symbols
            observed = nothing = 0
            for bit in each(self._observers):
                if self._step(state, symbols[self._slots[bit]]) != REJECTED:
                    observed |= bit
            for bit in self._order:
                if self._step(state, symbols[self._slots[bit]]) == state:
                    nothing |= bit
            self._here[state] = observed, nothing
        return self._here[state]

    def _finish(self, one: Configuration, bit: int) -> None:
        """Let the operation that returns take effect in a configuration, if it can."""
        operation = self._slots[bit]
        if one.maybe & bit:
            satisfied = self._then(one.trail, operation, anywhere=one.state != UNREAD)
            self._add(self._next, replace(one, maybe=one.maybe ^ bit, trail=satisfied))
        if self._observers & bit:
            return  # it was not possible when the state was entered
        symbol = self._problem.symbols[operation]
        after = self._after(one, symbol)
        if after == REJECTED or (after == one.state and after != UNREAD):
            return
        trail = self._then(one.trail, operation)
        entered = replace(one, state=after, done=one.done | bit, maybe=one.maybe & ~bit, trail=trail)
        self._add(self._next, replace(self._entered(entered, symbol), done=one.done))

    def _branch(self, one: Configuration, bit: int, *, leading: bool) -> None:
        """Let anything else that is open take effect in it.

        ``leading``: only that after which what returns is possible.
        """
        done, maybe = one.done, one.maybe
        wanted = self._problem.symbols[self._slots[bit]] if leading else None
        firm: set[int] = set()
        tried: set[int] = set()
        for other in self._order:
            if done & other:
                continue
            symbol = self._problem.symbols[self._slots[other]]
            twin = symbol in (tried if maybe & other else firm)
            tried.add(symbol)
            if not maybe & other:
                firm.add(symbol)
            if twin or other == bit:
                continue
            after = self._after(one, symbol)
            if self._is_of_use(one, after, wanted):
                then = self._then(one.trail, self._slots[other])
                entered = replace(one, state=after, done=done | other, maybe=maybe & ~other, trail=then)
                self._arrive(self._entered(entered, symbol), bit)
        self._lose(one, bit, tried, wanted)

    def _lose(self, one: Configuration, bit: int, tried: set[int], wanted: int | None) -> None:
        """Let what never returned take effect in it, but for what was tried."""
        for kind in self._offered:
            symbol, calls, count = self._lost[kind], self._calls[kind], one.used[kind]
            short = count >= len(calls)
            if symbol in tried or (short and not self._supposed(kind)):
                continue
            after = self._after(one, symbol)
            if self._is_of_use(one, after, wanted):
                entered = replace(one, state=after, excess=one.excess + short)
                entered.trail = self._then(one.trail, calls[0 if short else count])
                if not self._plenty or self._scarce is not None:
                    entered.used = (*one.used[:kind], count + 1, *one.used[kind + 1 :])
                self._arrive(self._entered(entered, symbol), bit)

    def _after(self, one: Configuration, symbol: int) -> int:
        """The state after, as far as it matters to what comes."""

        def left(lost: int) -> bool:
            kind = self._kind[lost]
            return self._supposed(kind) or one.used[kind] < self._lost_of[lost]

        after = self._step(one.state, symbol)
        return after if after == REJECTED else self._foreseen(after, self._at, left)

    def _is_of_use(self, one: Configuration, after: int, wanted: int | None) -> bool:
        leads = wanted is None or (after != REJECTED and self._step(after, wanted) != REJECTED)
        return leads and after not in (REJECTED, one.state)

    def _entered(self, one: Configuration, symbol: int) -> Configuration:
        """What was open and possible anywhere may have come just before what made all states equal."""
        if self._problem.facts[symbol] & RESETS:
            one.maybe |= self._total & ~one.done
        return one

    def _then(self, trail: Trail, operation: int, *, anywhere: bool = False) -> Trail:
        return (trail, Step(operation, self._at, anywhere)) if self._told else None

    def _add(self, layer: Layer, one: Configuration) -> bool:
        """Add a configuration unless it is dominated; leave out those that it dominates."""
        group = layer.setdefault(one.state, [])
        for other in group:
            if self._dominates(other, one):
                return False
        group[:] = [other for other in group if not self._dominates(one, other)]
        group.append(one)
        return True

    def _dominates(self, one: Configuration, other: Configuration) -> bool:
        if ((one.done ^ other.done) | other.maybe) & ~one.maybe & ~self._observers:
            return False
        if other.done & self._observers & ~one.done or one.excess > other.excess:
            return False
        return one.used is other.used or all(
            a <= b or self._supposed(kind)
            for kind, (a, b) in enumerate(zip(one.used, other.used, strict=True))
        )

    def _supposed(self, kind: int) -> bool:
        """Whether there is supposed to be plenty of a kind."""
        return self._plenty and not (self._scarce and self._lost[kind] in self._scarce)

    def _sifted(self) -> Layer:
        """The next layer without what is beyond the beam.

        The best of every state stay first, then the second best of every state: what is in another state
        differs most.
        """
        if size(self._next) <= self._beam:
            return self._next
        self._outcome.pruned = True
        costs = self._costs()
        layer: Layer = {}
        ranked = []
        for state, group in self._next.items():
            of = sorted((self._cost(one, costs), at) for at, one in enumerate(group))
            ranked += [(rank, cost, state, at) for rank, (cost, at) in enumerate(of)]
        for _, _, state, at in sorted(ranked)[: self._beam]:
            layer.setdefault(state, []).append(self._next[state][at])
        return layer

    def _costs(self) -> list[list[float]]:
        """By kind and number used: the last of a kind is dearer than one of many."""
        return [
            list(accumulate((1 / (len(calls) - used) for used in range(len(calls))), initial=0.0))
            for calls in self._calls
        ]

    def _cost(self, one: Configuration, costs: Sequence[Sequence[float]]) -> float:
        used = sum(by_number[number] for by_number, number in zip(costs, one.used, strict=True))
        return used - (one.maybe | one.done & self._observers).bit_count() / 64
