"""FIFO queues into which no value is put twice: by taking out what can be the first, again and again.

One value must come *before* another in the queue if its enqueue ended before the other's began, or its
dequeue before the other's dequeue or enqueue. What was never dequeued comes after what was. An order of the
values that obeys this gives one of the operations: let each take effect as early as it can, not before its
call and not before the same operation of an earlier value, and dequeues not before their enqueues. None
then comes later than its return, for the call that it waits for is that of an earlier value. So it is
enough to find such an order, value by value. Where none is left that can be the first, there are two values
of which each must come before the other (Henzinger, Sezgin & Vafeiadis, "Aspect-oriented linearizability
proofs", CONCUR 2013).

Dequeues that never returned: the values that need one are those enqueued first, by the ends of their
enqueues, since whatever shows that one of them is gone (a later value that came out, an empty queue) shows
it of all earlier ones, and no later. The dequeues that can meet a need are those that were called first. So
the first such value goes to the first such dequeue, and so on. To give away more than is needed forbids
nothing.
"""

from heapq import heappop, heappush

from dsm_jepsen.checkers.linearizability.problem import NEVER
from dsm_jepsen.checkers.linearizability.special._intervals import (
    Contradiction,
    Explained,
    Finding,
    Intervals,
)
from dsm_jepsen.checkers.linearizability.special._passages import NOBODY, Passages, ordered


def judge(known: Intervals) -> Finding | None:
    """Find an order, or a contradiction: of a value, of two, or of an empty queue with those inside."""
    return ordered(known, _order, lambda through, known: through.left(), exact=True)


def _order(through: Passages, known: Intervals) -> Finding:
    parts = through.parts(known)
    if isinstance(parts, Contradiction):
        return parts
    order: list[int] = []
    for part, empties in parts:
        values = _in_turn(through, part)
        if values is None:
            return _crossing(through, known)
        order += _as_early_as_possible(through, values) + empties
    return Explained(order)


def _in_turn(through: Passages, values: list[int]) -> list[int] | None:
    """Order values, given by the calls of their puts, or find out that there is no order."""
    put_called, put_ended = through.put_called, through.put_ended
    get_called, get_ended = through.get_called, through.get_ended
    by_put = sorted(values, key=put_ended.__getitem__)
    by_get = sorted(values, key=get_ended.__getitem__)
    gone = bytearray(len(through.put))
    put_ahead = get_ahead = called = 0
    ready: list[tuple[int, int]] = []
    order = []
    for _ in values:
        while gone[by_put[put_ahead]]:
            put_ahead += 1
        while gone[by_get[get_ahead]]:
            get_ahead += 1
        get_first = get_ended[by_get[get_ahead]]
        first = min(put_ended[by_put[put_ahead]], get_first)
        while called < len(values) and put_called[values[called]] < first:
            value = values[called]
            heappush(ready, (get_called[value], value))
            called += 1
        if not ready or ready[0][0] >= get_first:
            return None
        _, value = heappop(ready)
        gone[value] = 1
        order.append(value)
    return order


def _as_early_as_possible(through: Passages, values: list[int]) -> list[int]:
    """Merge the puts and the gets, both in the order of the values."""
    put, get, put_called, get_called = through.put, through.get, through.put_called, through.get_called
    order = []
    behind = 0  # values that were put and not got yet begin here
    latest = 0  # when the last put takes effect
    waits: list[int] = []  # when each value's get takes effect
    for value in values:
        latest = max(latest, put_called[value])
        while behind < len(waits) and waits[behind] < latest:
            order.append(get[values[behind]])
            behind += 1
        order.append(put[value])
        waits.append(max(latest, get_called[value], waits[-1] if waits else 0))
    order += [get[value] for value in values[behind:] if get[value] != NOBODY]
    return order


def _crossing(through: Passages, known: Intervals) -> Contradiction:
    """Find two values of which the first was put before the second and got after it; the first to show."""
    by_put = sorted(range(len(through.put)), key=through.put_ended.__getitem__)
    ahead, latest = 0, NOBODY
    first, pair = NEVER, (NOBODY, NOBODY)
    for value, called in enumerate(through.put_called):
        while through.put_ended[by_put[ahead]] < called:
            if latest == NOBODY or through.get_called[by_put[ahead]] > through.get_called[latest]:
                latest = by_put[ahead]
            ahead += 1
        ended = through.get_ended[value]
        if latest != NOBODY and ended < min(first, through.get_called[latest]):
            first, pair = ended, (latest, value)
    return Contradiction(through.operations(pair, first, known), by=first)
