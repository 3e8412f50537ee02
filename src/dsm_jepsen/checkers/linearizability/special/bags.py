"""Unordered queues into which no value is put twice: all that matters is when nothing is inside.

With a moment for each get that found nothing, every value has its put before its get if the get does not
end before the put begins. Gets that never returned: those called first can be there for what was put first,
as in ``queues``.
"""

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
    parts = through.parts(known)
    if isinstance(parts, Contradiction):
        return parts
    order: list[int] = []
    for part, empties in parts:
        turns = [(through.put_called[value], 0, through.put[value]) for value in part]
        turns += [
            (max(through.put_called[value], through.get_called[value]), 1, through.get[value])
            for value in part
            if through.get[value] != NOBODY
        ]
        order += [one for _, _, one in sorted(turns)] + empties
    return Explained(order)
