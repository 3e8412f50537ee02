"""Operations as intervals between call and return, as the special cases see them.

A special case is a function of intervals alone. It answers with an order that explains them, or with
operations that contradict each other: without the others too, no order would explain them.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final, NamedTuple, cast

from dsm_jepsen.checkers.linearizability.problem import NEVER


class Role(IntEnum):
    """What an operation does: it puts a value, gets one, or finds that there is none."""

    PUT = 0
    GET = 1
    EMPTY = 2


class Intervals(NamedTuple):
    """Operations in the order of their calls; places are indexes of events.

    Attributes:
        roles: what each does.
        values: what each puts or gets; ``None`` where nobody was told what it got.
        calls: where each began.
        returns: where each ended, or ``NEVER``: it took effect later, or not at all. If its value
            is known, it had no other.
    """

    roles: Sequence[Role]
    values: Sequence[Any]
    calls: Sequence[int]
    returns: Sequence[int]

    def before(self, event: int) -> "Intervals":
        """Give what was called before an event; what had not returned need not have happened."""
        many = bisect_left(self.calls, event)
        returns = [end if end < event else NEVER for end in self.returns[:many]]
        return Intervals(self.roles[:many], self.values[:many], self.calls[:many], returns)

    def only(self, operations: Sequence[int]) -> "Intervals":
        """Give some of the operations, as if there had been no others."""
        roles, values, calls, returns = ([column[one] for one in operations] for column in self)
        return Intervals(cast("list[Role]", roles), values, calls, returns)


class Explained(NamedTuple):
    """Operations in an order that explains all that returned."""

    order: Sequence[int]


class Contradiction(NamedTuple):
    """Operations that no order explains, already by the return at place ``by``, whatever the others did."""

    operations: Sequence[int]
    by: int = NEVER


Finding = Explained | Contradiction
Case = Callable[[Intervals], Finding | None]
"""``None``: it cannot tell."""


_FEW: Final = 4
"""This many times fewer operations are worth to be looked at alone."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What a special case says of a history; operations are named by the index of their invocation.

    Attributes:
        valid: whether some order explains it.
        event: invalid: index of the return that cannot be explained.
        exact: invalid: that is the first for sure; everything before ``event`` is explained. Otherwise an
            earlier one may be impossible already.
        order: explains everything that returned, before ``event`` if invalid; nothing if not ``exact``.
        culprits: invalid: operations that contradict each other; nothing else up to ``event`` bears on them.
        operations: how many were judged.
    """

    valid: bool
    event: int
    exact: bool
    order: Sequence[int]
    culprits: Sequence[int]
    operations: int


def settle(case: Case, known: Intervals) -> Settled | None:
    """Judge intervals, and look for the first return that cannot be explained.

    In a prefix, what had not returned yet may have happened, as it was to end, or not. Where the
    contradiction that was found ends is a good guess; where it is not the first, halving finds the first.

    Returns:
        the verdict, or ``None`` if the case cannot tell.
    """
    found = case(known)
    if found is None:
        return None
    if isinstance(found, Explained):
        return Settled(True, NEVER, True, _invocations(known, found.order), (), len(known.calls))
    good, explained, here = 0, None, known
    culprits: Sequence[int] = ()
    bad = 1 + last_return(known, range(len(known.calls)))
    guesses = 2
    while True:
        if isinstance(found, Contradiction):
            culprits, end = _invocations(here, found.operations), 1 + _end(case, here, found)
            at = end if good < end < bad else bad - 1
        else:
            at = good
        guesses -= 1
        if guesses < 0 or at <= good:
            at = (good + bad) // 2
        if at <= good:
            break
        here = known.before(at)
        found = case(here)
        if isinstance(found, Contradiction):
            bad = at
        else:
            good, explained = at, found
    exact = explained is not None
    order = _invocations(known, explained.order) if explained else ()
    return Settled(False, bad - 1, exact, order, culprits, len(known.calls))


def _end(case: Case, known: Intervals, found: Contradiction) -> int:
    """Guess by which return there is a contradiction: where there is one between those few alone."""
    few = sorted(found.operations)
    if found.by == NEVER and _FEW * len(few) < len(known.calls) and (alone := settle(case, known.only(few))):
        return alone.event
    return min(found.by, last_return(known, few))


def last_return(known: Intervals, operations: Sequence[int]) -> int:
    """Where the last of those operations that returned did so."""
    return max(end for end in (known.returns[one] for one in operations) if end != NEVER)


def _invocations(known: Intervals, operations: Sequence[int]) -> list[int]:
    return [known.calls[one] for one in operations]
