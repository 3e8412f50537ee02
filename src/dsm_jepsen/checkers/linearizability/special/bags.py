"""Unordered queues into which no value is put twice: all that matters is when nothing is inside.

With a moment for each get that found nothing, every value has its put before its get if the get does not
end before the put begins. Gets that never returned: those called first can be there for what was put first,
as in ``queues``.
"""

from itertools import groupby

from dsm_jepsen.checkers.linearizability.special._intervals import (
    Contradiction,
    Explained,
    Finding,
    Intervals,
)
from dsm_jepsen.checkers.linearizability.special._passages import NOBODY, Passages, ordered


def judge(known: Intervals) -> Finding | None:
    """Find an order, or a contradiction: of a value with itself, or of an empty queue with those in it."""
    return ordered(known, _order, lambda through, known: through.left(), exact=True)


def _order(through: Passages, known: Intervals) -> Finding:
    moments = through.moments(known)
    if isinstance(moments, Contradiction):
        return moments
    order: list[int] = []
    empties = [[one for _, one in group] for _, group in groupby(moments, key=lambda moment: moment[0])]
    for number, part in enumerate(through.split(sorted({at for at, _ in moments}))):
        turns = [(through.put_called[value], 0, through.put[value]) for value in part]
        turns += [
            (max(through.put_called[value], through.get_called[value]), 1, through.get[value])
            for value in part
            if through.get[value] != NOBODY
        ]
        order += [one for _, _, one in sorted(turns)]
        if number < len(empties):
            order += empties[number]
    return Explained(order)
