"""Values that pass through a container, each put once: when they were in it, and when nothing was.

A value is *surely* inside between the end of its put and the beginning of its get, if the end comes first.
A get that found nothing needs a moment at which nothing is surely inside. Such a moment splits the history:
values of which something has ended go before it, with all their operations, and the others after it. None
of those that go before is called only after the moment, nor has one that goes after it ended, so that no
operation is moved over another that it must not precede or follow; and every part is the history of fewer
values. So all empty gets can be had at once, and the rest is judged part by part.

Puts that never returned count if the value was got, and are left out otherwise. Gets that never returned
may have taken what nobody is known to have got: ``ordered`` gives them values. In a prefix, gets that were
open still may have happened too, but only as they ended later.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, groupby
from typing import Final

from dsm_jepsen.checkers.linearizability.problem import NEVER
from dsm_jepsen.checkers.linearizability.special._intervals import (
    Contradiction,
    Explained,
    Finding,
    Intervals,
    Role,
)

NOBODY: Final = -1
"""Got it."""


@dataclass(slots=True)
class Passages:
    """By value, in the order in which their puts were called; the last four are places of events.

    A value that nobody got has its get called at ``NEVER``, and returning after that.

    Attributes:
        put: the operation.
        get: the operation, or ``NOBODY``.
        lost: gets that never returned, of nobody knows what.
        empty: gets that found nothing.
        own: values whose get need not have happened.
    """

    put: list[int] = field(default_factory=list)
    get: list[int] = field(default_factory=list)
    put_called: list[int] = field(default_factory=list)
    put_ended: list[int] = field(default_factory=list)
    get_called: list[int] = field(default_factory=list)
    get_ended: list[int] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    empty: list[int] = field(default_factory=list)
    own: list[int] = field(default_factory=list)

    def left(self) -> list[int]:
        """Values that nobody got, by the ends of their puts."""
        return sorted(
            (one for one, get in enumerate(self.get) if get == NOBODY), key=self.put_ended.__getitem__
        )

    def account(self, known: Intervals, values: Sequence[int]) -> None:
        """Give the lost gets, by their calls, to values."""
        for value, get in zip(values, self.lost, strict=False):
            self.get[value], self.get_called[value], self.get_ended[value] = get, known.calls[get], NEVER

    def copy(self) -> "Passages":
        """Give the same once more, to be accounted for."""
        columns = (self.put, self.get, self.put_called, self.put_ended, self.get_called, self.get_ended)
        put, get, put_called, put_ended, get_called, get_ended = map(list[int], columns)
        return Passages(put, get, put_called, put_ended, get_called, get_ended, self.lost, self.empty)

    def without_own(self, since: int = NEVER) -> "Passages":
        """Give the same as if gets that need not have happened had not, and what is left were gone since."""
        some = self.copy()
        for value in self.own:
            some.get[value], some.get_ended[value] = NOBODY, NEVER + 1
            some.get_called[value] = min(since, self.get_called[value]) if since < NEVER else NEVER
        for value in self.left():
            some.get_called[value] = since
        return some

    def moments(self, known: Intervals) -> "list[tuple[int, int]] | Contradiction":
        """Find for each empty get the first event after which nothing is surely inside; in their order."""
        if not self.empty:
            return []
        size = max(known.calls[-1], *(known.returns[one] for one in self.empty)) + 2
        change = [0] * (size + 1)
        for ended, called in zip(self.put_ended, self.get_called, strict=True):
            if ended < called and ended < size:
                change[ended] += 1
                change[min(called, size)] -= 1
        inside = list(accumulate(change))
        free = [size] * (size + 1)
        for at in range(size - 1, -1, -1):
            free[at] = free[at + 1] if inside[at] else at
        found = []
        for one in self.empty:
            at = free[known.calls[one]]
            if at >= known.returns[one]:
                return Contradiction(self._chain(one, known), by=known.returns[one])
            found.append((at, one))
        return sorted(found)

    def _chain(self, empty: int, known: Intervals) -> list[int]:
        """The empty get, and values that between them are surely inside all through it."""
        at, end = known.calls[empty], known.returns[empty]
        by_end = sorted(range(len(self.put)), key=self.put_ended.__getitem__)
        chain, ahead, longest = [], 0, NOBODY
        while at < end:
            while ahead < len(by_end) and self.put_ended[by_end[ahead]] <= at:
                value, ahead = by_end[ahead], ahead + 1
                if longest == NOBODY or self.get_called[value] > self.get_called[longest]:
                    longest = value
            chain.append(longest)
            at = self.get_called[longest]
        return [empty, *self.operations(chain, end, known)]

    def operations(self, values: Sequence[int], event: int, known: Intervals) -> list[int]:
        """Find all that bears on values; of one that nobody is known to have got, also what else is gone.

        Args:
            values: which.
            event: gets called after it do not matter.
            known: the history.
        """
        gotten = [get for get in (self.get[value] for value in values) if get != NOBODY]
        unsure = [value for value in values if self.get_ended[value] >= NEVER]
        if self.lost and unsure:
            last = max(self.put_ended[value] for value in unsure)
            values = [
                *values,
                *(
                    one
                    for one, ended in enumerate(self.get_ended)
                    if ended >= NEVER and self.put_ended[one] <= last
                ),
            ]
            gotten += [one for one in self.lost if known.calls[one] < event]
        return sorted({*gotten, *(self.put[value] for value in values)})

    def parts(self, known: Intervals) -> list[tuple[list[int], list[int]]] | Contradiction:
        """Split at moments when nothing is inside: values, and the gets after them that find nothing."""
        moments = self.moments(known)
        if isinstance(moments, Contradiction):
            return moments
        empties = [[one for _, one in group] for _, group in groupby(moments, key=lambda moment: moment[0])]
        parts = self._split(sorted({at for at, _ in moments}))
        return list(zip(parts, [*empties, []], strict=True))

    def _split(self, at: Sequence[int]) -> list[list[int]]:
        """Give the values of each part between these moments, one part more than moments."""
        parts: list[list[int]] = [[] for _ in range(len(at) + 1)]
        if not at:
            parts[0] = list(range(len(self.put)))
            return parts
        for value, ends in enumerate(map(min, self.put_ended, self.get_ended)):
            parts[bisect_left(at, ends)].append(value)
        return parts


def passages(known: Intervals) -> Passages | Contradiction:
    """Find each value's operations; it was put at all, not after it was got, and got once."""
    found = Passages()
    got = _gets(known, found)
    if isinstance(got, Contradiction):
        return got
    _, values, calls, returns = known
    maybe: dict[object, int] = {}
    for one in found.own:
        maybe.setdefault(values[one], one)
    found.own = []
    for put, role in enumerate(known.roles):
        if role is not Role.PUT:
            continue
        get = got.pop(values[put], NOBODY)
        if get == NOBODY and returns[put] != NEVER:
            get = maybe.get(values[put], NOBODY)
        if get != NOBODY and returns[get] < calls[put]:
            return Contradiction([put, get], by=returns[get])
        if get == NOBODY and returns[put] == NEVER:
            continue
        open_ = get == NOBODY or returns[get] == NEVER
        if open_ and get != NOBODY:
            found.own.append(len(found.put))
        found.put.append(put)
        found.get.append(get)
        found.put_called.append(calls[put])
        found.put_ended.append(returns[put])
        found.get_called.append(NEVER if get == NOBODY else calls[get])
        found.get_ended.append(NEVER + 1 if open_ else returns[get])
    if got:
        return Contradiction([next(iter(got.values()))])
    return found


def _gets(known: Intervals, found: Passages) -> dict[object, int] | Contradiction:
    """Give by value the get that returned; note the other gets, ``own`` as operations for now."""
    puts = {value: one for one, value in enumerate(known.values) if known.roles[one] is Role.PUT}
    got: dict[object, int] = {}
    for one, (role, value, _, end) in enumerate(zip(*known, strict=True)):
        if role is Role.EMPTY and end != NEVER:
            found.empty.append(one)
        elif role is Role.GET and value is None:
            found.lost.append(one)
        elif role is Role.GET and end == NEVER:
            found.own.append(one)
        elif role is Role.GET:
            if value in got:
                return Contradiction([puts[value], got[value], one] if value in puts else [one])
            got[value] = one
    return got


Order = Callable[[Passages, Intervals], Finding]
Wanting = Callable[[Passages, Intervals], list[int]]


def ordered(known: Intervals, order: Order, wanting: Wanting, *, exact: bool) -> Finding | None:
    """Find an order with gets given to values, or a contradiction whatever they are given to.

    Args:
        known: the history.
        order: judges where every value that is gone has a get.
        wanting: names the values that nobody got, those first that need a get first.
        exact: whether to give them in this order forbids nothing.
    """
    through = passages(known)
    if isinstance(through, Contradiction):
        return through
    found: Finding | None = None
    for ways in [through, through.without_own()][: 2 if through.own and through.lost else 1]:
        given = ways.copy()
        given.account(known, wanting(ways, known))
        found = order(given, known)
        if isinstance(found, Explained):
            return Explained(_trimmed(found.order, known))
    if not through.lost or (exact and not through.own):
        return found
    found = order(through.without_own(known.calls[through.lost[0]]), known)
    return found if isinstance(found, Contradiction) else None


def _trimmed(order: Sequence[int], known: Intervals) -> Sequence[int]:
    """Leave out what need not have happened at the end: there values that are inside may lie above it."""
    many = len(order)
    while many and known.returns[order[many - 1]] == NEVER:
        many -= 1
    return order[:many]


def distinct(known: Intervals) -> bool:
    """Whether no value is put twice."""
    put = [value for role, value in zip(known.roles, known.values, strict=True) if role is Role.PUT]
    return len(set(put)) == len(put)
