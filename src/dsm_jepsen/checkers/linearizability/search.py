"""The search: sweeps with ever weaker simplifications, until one of them decides.

A sweep that keeps only the best configurations shows, by reaching the end, that a history is valid. One in which
whatever never returned may happen any number of times shows, by getting stuck, that it is not. Between the two
there is seldom a gap; where there is one, the beam grows until nothing is left out.

``native/search.hpp`` is the same in C++.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dsm_jepsen.checkers.linearizability.sweep import NEVER, Bounds, End, Fact, Machine, Problem, Step, Sweep

_WIDE = 4096


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


def decide(machine: Machine, problem: Problem, initial: int, stop: Callable[[], bool]) -> Found:
    """Search until it is decided whether a history can be explained, or told to stop."""
    sweep = Sweep(machine, problem, stop)
    losses = any(
        returns == NEVER and not problem.facts[symbol] & Fact.OBSERVES
        for symbol, returns in zip(problem.symbols, problem.returns, strict=True)
    )
    found = Found(None, 0, (), (), 0)
    until = NEVER
    beam = 8 if losses else 64
    while True:
        outcome = sweep.run(initial, Bounds(beam, until=until))
        found.widest = max(found.widest, outcome.widest)
        if outcome.event >= found.event:
            found.event, found.states = outcome.event, outcome.states
            found.order = ordered(sweep.steps(), problem, machine, initial)
        if outcome.end is End.EXPLAINED and until == NEVER:
            found.valid = True
            return found
        if outcome.end is End.STUCK and (not outcome.pruned or outcome.event + 1 == until):
            found.valid = False
            return found
        if outcome.end is End.STOPPED or (until != NEVER and beam > _WIDE):
            if until != NEVER:  # shown by plenty, though an earlier return may be impossible already
                found.valid, found.event = False, until - 1
            return found
        if losses and until == NEVER and beam == 8:
            plenty = sweep.run(initial, Bounds(_WIDE, plenty=True))
            if plenty.end is End.STOPPED:
                return found
            if plenty.end is End.STUCK and not plenty.pruned:
                until = plenty.event + 1
                if plenty.event == found.event:
                    found.valid = False
                    return found
        beam *= 8


class _Place:
    """Where an operation stands, the state it met, and what stands before it."""

    __slots__ = ("before", "nothing", "operation", "overwritten")

    def __init__(self, operation: int, before: int) -> None:
        self.operation = operation
        self.before = before
        self.nothing: list[int] = []
        self.overwritten: list[int] = []


def ordered(steps: Sequence[Step], problem: Problem, machine: Machine, initial: int) -> list[int]:
    """Find a place for what may stand anywhere: the last where it changes nothing, or is overwritten at once."""
    symbols, facts = problem.symbols, problem.facts
    places: list[_Place] = []
    state = initial
    for operation, anywhere in steps:
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
            if facts[symbols[place.operation]] & Fact.RESETS and facts[symbol] & Fact.TOTAL:
                place.overwritten.append(operation)
                break
    order: list[int] = []
    for place in places:
        order += [*place.nothing, *place.overwritten, place.operation]
    return order
