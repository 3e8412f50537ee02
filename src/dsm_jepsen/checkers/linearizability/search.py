"""The search: a descent, then sweeps with ever weaker simplifications, until one of them decides.

A descent follows one explanation, and goes back where it leads nowhere; it gives up soon. Then the whole is
swept. Where either is stuck, that return may be impossible whatever came long before: then a sweep over the
last events alone, from every state, shows it.

A sweep that keeps only the best configurations shows, by reaching the end, that a history is valid. One in
which whatever never returned may happen any number of times shows, by getting stuck, that it is not. If that
one does not get stuck, either it used nothing more often than there was of it: then it is an explanation. Or
it did; what it used too often is counted from then on. Meanwhile the beam grows until nothing is left out.

``native/search.hpp`` is the same in C++.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dsm_jepsen.checkers.linearizability.descent import Descent
from dsm_jepsen.checkers.linearizability.problem import (
    NEVER,
    OBSERVES,
    RESETS,
    TOTAL,
    Bounds,
    End,
    Machine,
    Problem,
    Step,
    Window,
)
from dsm_jepsen.checkers.linearizability.sweep import Sweep

_TRIES = ((4, 64, 8), (2, 256, 16), (1, 1024, 64))
"""The patience is divided by this, then so many events are looked back at, while so much is open."""

_NARROW = 2
_NEAR = 128
_WIDE = 4096
_WINDOWS = 64

_REFINED = 8
"""Times in turn: that is cheap."""


@dataclass(slots=True)
class Found:
    """What a search found.

    Attributes:
        valid: ``None`` if the budget ran out.
        event: of the problem: the return that cannot be explained, or how far all is known to be valid.
        states: invalid: what the operation that returned could have met.
        order: operations in an order that explains all before ``event``.
        widest: the most configurations in a layer.
    """

    valid: bool | None
    event: int
    states: Sequence[int]
    order: Sequence[int]
    widest: int


def decide(
    machine: Machine, problem: Problem, initial: int, stop: Callable[[], bool], patience: int
) -> Found:
    """Search until it is decided whether a history can be explained, or told to stop."""
    search = Search(machine, problem, initial, stop, patience)
    while not search.advance():
        pass
    return search.found


class Search:
    """One history's search, a stage at a time."""

    def __init__(
        self, machine: Machine, problem: Problem, initial: int, stop: Callable[[], bool], patience: int
    ) -> None:
        self.found = Found(None, 0, (), (), 0)
        self._machine = machine
        self._problem = problem
        self._initial = initial
        self._stop = stop
        self._patience = patience
        self._descended = patience < 0
        self._looked = -1  # event, at last
        self._sweep = Sweep(machine, problem, stop)
        self._losses = any(
            returns == NEVER and not problem.facts[symbol] & OBSERVES
            for symbol, returns in zip(problem.symbols, problem.returns, strict=True)
        )
        self._beam = _NARROW if self._losses else 16 * _NARROW
        self._windows: list[Window] = []
        self._until = NEVER  # events to look at: it is known that they cannot all be explained
        self._spent = 0
        self._refining = True
        self._times_refined = 0
        self._scarce: set[int] = set()
        self._states: Sequence[int] = ()  # met by what is known to be impossible

    def advance(self) -> bool:
        """Take a stage; true if it decided, or the budget is at its end."""
        if not self._descended:
            return self._descend()
        if self._refining and self._times_refined % _REFINED:
            return self._refined()
        found, initial = self.found, self._initial
        outcome = self._sweep.run([initial], Bounds(self._beam, self._windows, until=self._until))
        self._spent += outcome.event
        found.widest = max(found.widest, outcome.widest)
        at = outcome.event
        if at >= found.event:
            found.event, found.states = at, outcome.states
            found.order = ordered(self._sweep.steps(), self._problem, self._machine, initial)
        if outcome.end is End.EXPLAINED and self._until == NEVER:
            return self._decided(True)
        exact = not outcome.pruned or at + 1 == self._until
        if outcome.end is End.STUCK and (exact or (at == found.event and self._looks_impossible(at))):
            return self._decided(False)
        window = self._widened(at)
        if outcome.end is End.STOPPED or (self._until != NEVER and window.beam > _WIDE):
            return self._given_up()
        if not self._losses:
            return False
        if self._refining:
            return self._spent >= len(self._problem.events) and self._refined()
        return self._until == NEVER and self._counted(window, at)

    def _descend(self) -> bool:
        self._descended = True
        descent = Descent(self._machine, self._problem, self._initial, self._stop)
        looks_back = bool(self._machine.alike(self._problem, 0, 0))
        for share, back, width in _TRIES if looks_back else _TRIES[-1:]:
            outcome = descent.run(self._patience // share)
            stopped = outcome.end is End.STOPPED
            if stopped and descent.over:
                break
            if not stopped or self.impossible(outcome.event, back, width):
                self.found = Found(None, outcome.event, outcome.states, descent.order, 1)
                return self._decided(outcome.end is End.EXPLAINED)
        return False

    def impossible(self, event: int, back: int, width: int) -> bool:
        """Whether a return cannot be explained by what came just before it, whatever came before that.

        Args:
            event: the return, before which all is explained.
            back: events to look back at, at most.
            width: while so many operations that return are open.
        """
        start = self._began(event, back, width)
        states = self._machine.alike(self._problem, start, event + 1)
        if states and not start:
            states = [self._initial]
        if not 0 < len(states) <= _NEAR:
            return False

        def stuck(beam: int, plenty: int) -> bool:
            outcome = self._sweep.run(states, Bounds(beam, plenty=plenty, until=event + 1, start=start))
            return outcome.end is End.STUCK and not outcome.pruned

        return stuck(_NEAR, event + 1) or (self._losses and stuck(_NEAR // 4, 0))

    def _looks_impossible(self, event: int) -> bool:
        """The same, however far has to be looked back; looked at once for each event."""
        if self._patience < 0 or self._looked == event:
            return False
        self._looked = event
        return any(self.impossible(event, back, width) for _, back, width in _TRIES)

    def _began(self, event: int, back: int, width: int) -> int:
        """The first event to look back at."""
        events, returns = self._problem.events, self._problem.returns
        changes = [-1 if one < 0 else int(returns[one] != NEVER) for one in events[:event]]
        start, open_ = event, sum(changes)
        while start > max(event - back, 0) and open_ <= width:
            start -= 1
            open_ -= changes[start]
        return start

    def _counted(self, window: Window, at: int) -> bool:
        """Look whether it is stuck for want of what the beam left out.

        Losses are counted from a while back only: being stuck even so is a proof.
        """
        bounds = Bounds(8 * window.beam, plenty=window.first, until=at + 1)
        outcome = self._sweep.run([self._initial], bounds)
        if outcome.end is End.STOPPED:
            return self._given_up()
        if outcome.end is End.STUCK and not outcome.pruned:
            self._until = outcome.event + 1
        return self._until == self.found.event + 1 and self._decided(False)

    def _refined(self) -> bool:
        """Suppose that there is plenty of all that never returned, but for what is scarce."""
        self._times_refined += 1
        end = NEVER if self._until == NEVER else self._until - 1  # nothing survives that event
        outcome = self._sweep.run(
            [self._initial], Bounds(_WIDE, plenty=NEVER, until=end, scarce=self._scarce)
        )
        if outcome.end is End.STOPPED:
            return self._given_up()
        self._refining = not outcome.pruned
        if outcome.pruned:
            return False
        if outcome.end is End.STUCK:
            self._until = outcome.event + 1
            self._states = outcome.states
            return self._until == self.found.event + 1 and self._decided(False)
        steps = self._enough(self._sweep.steps())
        if steps is None:
            return False
        self.found.order = ordered(steps, self._problem, self._machine, self._initial)
        self.found.event, self.found.states = outcome.event, self._states
        return self._decided(self._until == NEVER)

    def _enough(self, steps: Sequence[Step]) -> list[Step] | None:
        """Say which of what never returned was used each time; ``None``: some was short, so it is scarce."""
        events, symbols, returns, _ = self._problem
        lost: dict[int, list[int]] = {}
        for place, event in enumerate(events):
            if event >= 0 and returns[event] == NEVER:
                lost.setdefault(symbols[event], []).append(place)
        used: Counter[int] = Counter()
        missing = None
        told = []
        for step in steps:
            symbol, operation = symbols[step.operation], step.operation
            if returns[operation] == NEVER:
                calls = lost[symbol][used[symbol] :][:1]
                used[symbol] += 1
                if not calls or calls[0] >= step.event:
                    missing = symbol
                    continue
                operation = events[calls[0]]
            told.append(step._replace(operation=operation))
        if missing is None:
            return told
        self._scarce.add(missing)  # what was short last: before, there may have been a choice
        return None

    def _given_up(self) -> bool:
        """The budget is at its end, or it is not worth more."""
        if self._until == NEVER:
            return self._decided(None)
        self.found.event = self._until - 1  # shown by plenty; an earlier return may be impossible already
        return self._decided(False)

    def _widened(self, at: int) -> Window:
        """Have more kept before an event where it got stuck: at first not long before, then ever longer."""
        here = [window for window in self._windows if window.first <= at < window.end]
        if not here and len(self._windows) == _WINDOWS:
            self._windows.clear()
            self._beam *= 8
        first, end, beam = here[0] if here else (at, at + 1, self._beam)
        first = max(at - 4 * (at - first) - 64, 0)
        beam *= 4
        others = [window for window in self._windows if window not in here]
        for other in others:
            if first < other.end <= end:
                first, beam = min(first, other.first), max(beam, other.beam)
        wider = Window(first, end, beam)
        self._windows = sorted([other for other in others if not first <= other.first < end] + [wider])
        return wider

    def _decided(self, valid: bool | None) -> bool:
        self.found.valid = valid
        return True


class _Place:
    """Where an operation stands, the state it met, and what stands before it."""

    __slots__ = ("before", "nothing", "operation", "overwritten")

    def __init__(self, operation: int, before: int) -> None:
        self.operation = operation
        self.before = before
        self.nothing: list[int] = []
        self.overwritten: list[int] = []


def ordered(steps: Sequence[Step], problem: Problem, machine: Machine, initial: int) -> list[int]:
    """Find a place for what may stand anywhere: where it changes nothing, or is overwritten at once."""
    symbols, facts = problem.symbols, problem.facts
    places: list[_Place] = []
    state = initial
    for operation, _, anywhere in steps:
        symbol = symbols[operation]
        after = machine.step(state, symbol)
        if not anywhere or after == state:
            places.append(_Place(operation, state))
            state = after
            continue
        for place in reversed(places):
            if machine.step(place.before, symbol) == place.before:
                place.nothing.append(operation)
                break
            if facts[symbols[place.operation]] & RESETS and facts[symbol] & TOTAL:
                place.overwritten.append(operation)
                break
    order: list[int] = []
    for place in places:
        order += [*place.nothing, *place.overwritten, place.operation]
    return order
