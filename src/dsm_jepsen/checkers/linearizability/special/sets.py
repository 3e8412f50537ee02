"""Grow-only sets: reads must grow, and say between which two of them each element came.

Reads are put in the order of their sizes; each must hold all of the one before. An element was added by
then, and not before: so operations come in rounds, adds of what the next reads show and then these reads,
and in the end adds of what no read shows. Within a round the order does not matter, so that of several
rounds each can take effect as soon as the calls of earlier rounds have begun: no operation may have ended
before. This is exact. Of several adds of the same element only the first to be called is held to its round;
the others must not come earlier, and change nothing later.

Adds that never returned count if their element was read, and are left out otherwise, as are reads that
never returned.
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence

from dsm_jepsen.checkers.linearizability.problem import NEVER
from dsm_jepsen.checkers.linearizability.special._intervals import (
    Contradiction,
    Explained,
    Finding,
    Intervals,
    Role,
    last_return,
)

_Elements = frozenset[Hashable]


def judge(known: Intervals) -> Finding:
    """Find an order, or a contradiction: an impossible read, two reads, or operations of two rounds."""
    adds: dict[Hashable, list[int]] = defaultdict(list)
    reads: list[int] = []
    for one, role in enumerate(known.roles):
        if role is Role.PUT:
            adds[known.values[one]].append(one)
        elif known.returns[one] != NEVER:
            reads.append(one)
            if known.values[one] is None:  # what it read is no set
                return Contradiction([one], known.returns[one])
    rounds = _Rounds(known)
    found = _grown(adds, sorted(reads, key=lambda one: len(known.values[one])), rounds, known)
    if found:
        return found
    unseen = [[one for one in group if known.returns[one] != NEVER] for group in adds.values()]
    return rounds.added(sorted(group for group in unseen if group)) or Explained(rounds.order())


def _grown(
    adds: dict[Hashable, list[int]], reads: Sequence[int], rounds: "_Rounds", known: Intervals
) -> Contradiction | None:
    """Place reads, by their sizes, and the adds of what they show, which are taken away."""
    seen: _Elements = frozenset()
    last = -1
    for one in reads:
        elements: _Elements = known.values[one]
        found = None
        if elements != seen:
            if not seen <= elements:
                return Contradiction([last, one], last_return(known, [last, one]))
            new = elements - seen
            if not new <= adds.keys():
                return Contradiction([one], known.returns[one])
            found = rounds.added(sorted(adds.pop(element) for element in new))
            seen = elements
        found = found or rounds.read(one)
        if found:
            return found
        last = one
    return None


class _Rounds:
    """Places operations round after round."""

    def __init__(self, known: Intervals) -> None:
        self._known = known
        self._turns: list[tuple[int, int, int]] = []  # moment, round and operation
        self._round = 0
        self._reads = True  # what this round is
        self._begin = self._latest = -1  # where this round begins, and the next
        self._by = self._latest_by = -1  # operations that were called there
        self._read: dict[int, int] = {}  # by round of adds, a read that follows

    def added(self, groups: list[list[int]]) -> Contradiction | None:
        """Begin a round with the adds of each of some elements, first called first."""
        self._next()
        self._reads = False
        for group in groups:
            for one in group:
                if one != group[0] and self._known.returns[one] == NEVER:
                    continue
                if self._known.returns[one] < self._begin:
                    return self._late(one)
                self._turn(one, counts=one == group[0])
        return None

    def read(self, one: int) -> Contradiction | None:
        """Add a read to the round."""
        if not self._reads:
            self._next()
            self._reads = True
            self._read[self._round - 1] = one
        if self._known.returns[one] < self._begin:
            return self._late(one)
        self._turn(one, counts=True)
        return None

    def order(self) -> list[int]:
        """All that was placed."""
        return [one for _, _, one in sorted(self._turns)]

    def _next(self) -> None:
        self._round += 1
        self._begin, self._by = self._latest, self._latest_by

    def _turn(self, one: int, *, counts: bool) -> None:
        call = self._known.calls[one]
        self._turns.append((max(call, self._begin), self._round, one))
        if counts and call > self._latest:
            self._latest, self._latest_by = call, one

    def _late(self, one: int) -> Contradiction:
        """It ended before something of an earlier round began; of two adds a read shows which is earlier."""
        roles, earlier = self._known.roles, self._by
        shows = []
        if roles[one] is Role.PUT and roles[earlier] is Role.PUT:
            number = next(number for _, number, other in self._turns if other == earlier)
            shows = [self._read[number]]
        operations = sorted([earlier, one, *shows])
        return Contradiction(operations, last_return(self._known, operations))
