"""Stacks into which no value is put twice: by taking away what is at the bottom, and dividing the rest.

Any values' operations alone are a history of a stack as well, so that values may be taken away one by one:

* A value whose push can come first of all (it is called before anything has ended) and whose pop can come
  last (it ends after everything is called) can be taken away. If there is an order of the others, push and
  pop go around it.
* A moment at which no value is surely inside (see ``_passages``) divides the values into those before and
  those after, which are judged on their own.
* If there is neither, no order explains the rest: from the first return to the last call the stack is never
  empty, so one value is at the bottom all that time; but that one could have been taken away.

What was never popped is popped at the very end, by pops that all go on at once. To divide costs as much as
the smaller of the two sides has operations, because moments are looked for from both ends at a time; in
all, O(n log n) and the width of concurrency. (Lee & Mathur's "decrease and conquer", OOPSLA 2025, has the
same cost.)

Pops that never returned are given to values that nobody got, the first called to that which has to be gone
first: before the end of a pop of what is surely below it, or of one that found nothing. If there is an order
then, it explains the history. If there is none even with such a pop for each of these values, as early as the
first of them, nothing does. Between the two it is left to the general search.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from dsm_jepsen.checkers.linearizability.problem import NEVER
from dsm_jepsen.checkers.linearizability.special._intervals import (
    Contradiction,
    Explained,
    Finding,
    Intervals,
)
from dsm_jepsen.checkers.linearizability.special._passages import NOBODY, Passages, ordered

_NO: Final = -1


def judge(known: Intervals) -> Finding | None:
    """Find an order, or a contradiction, or neither."""
    return ordered(known, _order, _wanting, exact=False)


def _wanting(through: Passages, known: Intervals) -> list[int]:
    left = through.left()
    if not left or not through.lost:
        return left
    until = _deadlines(through, known)
    return sorted(left, key=until.__getitem__)


def _order(through: Passages, known: Intervals) -> Finding:
    parts = through.parts(known)
    if isinstance(parts, Contradiction):
        return parts
    stack = _Stack(through)
    for part, empties in parts:
        stack.part(part, empties)
    values = stack.conquer()
    return Contradiction(through.operations(values, NEVER, known)) if values else Explained(stack.order())


def _deadlines(through: Passages, known: Intervals) -> list[int]:
    """Find by when each of the values that nobody got surely has to be gone."""
    until = [NEVER] * len(through.put)
    by_put = sorted(range(len(until)), key=through.put_ended.__getitem__)
    size = known.calls[-1] + 2
    soonest = [NEVER] * (size + 1)  # ends of gets, by their calls backwards: a tree of minima
    ahead = 0
    for value, called in enumerate(through.put_called):
        while through.put_ended[by_put[ahead]] < called:
            below, ahead = by_put[ahead], ahead + 1
            at = size - through.get_called[below]
            while 0 < at <= size:
                soonest[at] = min(soonest[at], through.get_ended[below])
                at += at & -at
        at = size - through.put_ended[value]
        while through.get[value] == NOBODY and at > 0:
            until[value] = min(until[value], soonest[at])
            at -= at & -at
    empties: list[tuple[int, int]] = []  # by calls backwards: the soonest end from there on
    for one in sorted(through.empty, reverse=True):
        end = min(known.returns[one], empties[-1][1] if empties else NEVER)
        empties.append((-known.calls[one], end))
    for value in through.left():
        if after := bisect_left(empties, (-through.put_ended[value],)):
            until[value] = min(until[value], empties[after - 1][1])
    return until


class _Lines:
    """Sorted numbers in lines, each a circle through a number beyond all; any can be taken out."""

    def __init__(self, size: int) -> None:
        self.after = [_NO] * size
        self.before = [_NO] * size

    def line(self, numbers: Iterable[int]) -> int:
        """Make a line of those that are in none; give the number that closes it."""
        end = len(self.after)
        self.after.append(end)
        self.before.append(end)
        for one, other in pairwise([end, *sorted(numbers), end]):
            self.after[one] = other
            self.before[other] = one
        return end

    def take(self, one: int) -> None:
        """Take one out."""
        before, after = self.before[one], self.after[one]
        self.after[before] = after
        self.before[after] = before


class _Component(NamedTuple):
    """Values judged on their own: lines of their calls, their returns, and the ends of their sure stays.

    ``left`` and ``right`` are the places in the order between which they go.
    """

    calls: int
    returns: int
    stays: int
    left: int
    right: int


class _Stack:
    """Takes values away; events are numbered in order, calls at the very end before returns there."""

    def __init__(self, through: Passages) -> None:
        count = len(through.put)
        ended = [end if end < NEVER else NEVER + 1 for end in through.put_ended]
        places = [*through.put_called, *ended, *through.get_called, *through.get_ended]
        number = [0] * len(places)
        self._of = [0] * len(places)  # by event, the value
        for rank, event in enumerate(sorted(range(len(places)), key=places.__getitem__)):
            number[event] = rank
            self._of[rank] = event % count
        self._put, self._get = through.put, through.get
        self._put_called, self._put_ended = number[:count], number[count : 2 * count]
        self._get_called, self._get_ended = number[2 * count : 3 * count], number[3 * count :]
        self._events = _Lines(len(places))
        self._stays = _Lines(len(places))
        self._todo: list[_Component] = []
        self._operations = [NOBODY]  # by place in the order, which is a chain through _next
        self._next = [_NO]
        self._last = 0

    def part(self, values: Sequence[int], empties: Sequence[int]) -> None:
        """Add values after those added before, and gets that find nothing after these."""
        left = self._last
        right = self._last = self._place(NOBODY, left)
        self._todo.append(self._component(values, left, right))
        for one in empties:
            self._last = self._place(one, self._last)

    def order(self) -> list[int]:
        """Read the chain."""
        order, at = [], 0
        while at != _NO:
            if self._operations[at] != NOBODY:
                order.append(self._operations[at])
            at = self._next[at]
        return order

    def _place(self, operation: int, left: int) -> int:
        self._operations.append(operation)
        self._next.append(self._next[left])
        self._next[left] = len(self._next) - 1
        return self._next[left]

    def _component(self, values: Sequence[int], left: int, right: int) -> _Component:
        sure = [value for value in values if self._put_ended[value] < self._get_called[value]]
        return _Component(
            self._events.line(
                one for value in values for one in (self._put_called[value], self._get_called[value])
            ),
            self._events.line(
                one for value in values for one in (self._put_ended[value], self._get_ended[value])
            ),
            self._stays.line(
                one for value in sure for one in (self._put_ended[value], self._get_called[value])
            ),
            left,
            right,
        )

    def conquer(self) -> list[int]:
        """Take everything away; what is left has no order."""
        while self._todo:
            component = self._todo.pop()
            while self._events.after[component.returns] != component.returns:
                bottom = self._bottom(component)
                if bottom != _NO:
                    self._take(bottom)
                    left = self._place(self._put[bottom], component.left)
                    component = component._replace(left=left, right=self._place(self._get[bottom], left))
                    continue
                moment = self._moment(component)
                if moment == _NO:
                    return self._values(component)
                component = self._divide(component, moment)
        return []

    def _bottom(self, component: _Component) -> int:
        """Find a value whose push can be the first and whose pop can be the last."""
        after = self._events.after
        first_return = after[component.returns]
        last_call = self._events.before[component.calls]
        one = after[component.calls]
        while one < first_return:
            value = self._of[one]
            if one == self._put_called[value] and self._get_ended[value] > last_call:
                return value
            one = after[one]
        return _NO

    def _take(self, value: int) -> None:
        for one in (
            self._put_called[value],
            self._put_ended[value],
            self._get_called[value],
            self._get_ended[value],
        ):
            self._events.take(one)
        if self._put_ended[value] < self._get_called[value]:
            self._stays.take(self._put_ended[value])
            self._stays.take(self._get_called[value])

    def _moment(self, component: _Component) -> int:
        """Find an event between the first return and the last call after which nothing is surely inside."""
        after, before = self._stays.after, self._stays.before
        first_return = self._events.after[component.returns]
        last_call = self._events.before[component.calls]
        low, high = after[component.stays], before[component.stays]
        if low > first_return:
            return first_return
        if high < last_call:
            return last_call - 1
        inside_low = inside_high = 0
        while low != component.stays:
            inside_low += 1 if low == self._put_ended[self._of[low]] else -1
            if not inside_low and low < last_call:
                return low
            inside_high += 1 if high == self._get_called[self._of[high]] else -1
            if not inside_high and high > first_return:
                return high - 1
            low, high = after[low], before[high]
        return _NO

    def _divide(self, component: _Component, moment: int) -> _Component:
        """Set the smaller side of a moment aside; what can go to either side stays."""
        after, before = self._events.after, self._events.before
        ended, called = after[component.returns], before[component.calls]
        while ended <= moment < called and called != component.calls:
            ended, called = after[ended], before[called]
        middle = self._place(NOBODY, component.left)
        if ended > moment:
            side = self._upto(component, moment)
            aside, rest = (component.left, middle), component._replace(left=middle)
        else:
            side = self._from(component, moment)
            aside, rest = (middle, component.right), component._replace(right=middle)
        for value in side:
            self._take(value)
        self._todo.append(self._component(side, *aside))
        return rest

    def _upto(self, component: _Component, moment: int) -> list[int]:
        values, one = [], self._events.after[component.returns]
        while one <= moment:
            values.append(self._of[one])
            one = self._events.after[one]
        return list(dict.fromkeys(values))

    def _from(self, component: _Component, moment: int) -> list[int]:
        values, one = [], self._events.before[component.calls]
        while one > moment and one != component.calls:
            values.append(self._of[one])
            one = self._events.before[one]
        return list(dict.fromkeys(values))

    def _values(self, component: _Component) -> list[int]:
        return self._upto(component, component.returns - 1)
