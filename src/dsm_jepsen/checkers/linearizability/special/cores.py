"""The smallest part of a history that a special case found impossible: it begins with what suffices.

A special case names operations that contradict each other. Of a queue or a stack nothing else is kept: any
values' operations alone are a history of it as well, so that values are left out, puts and gets together, as
long as the rest is impossible still. What was added to a set or a counter may have been added still.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from typing import Final

from dsm_jepsen.checkers.linearizability.core import Case, Core, Sub, smallest
from dsm_jepsen.checkers.linearizability.problem import NEVER
from dsm_jepsen.checkers.models import Model
from dsm_jepsen.checkers.models._values import frozen
from dsm_jepsen.checkers.models.collections import Counter, GrowOnlySet
from dsm_jepsen.checkers.models.queues import FifoQueue, Stack, UnorderedQueue
from dsm_jepsen.history import Columns

_MANY: Final = 500
"""Firm operations that are not tried one by one."""


def smallest_of(
    case: Case, model: Model, columns: Columns, culprits: Sequence[int], last: int
) -> Core | None:
    """Find the core among culprits, given by invocation; ``None`` if they do not suffice.

    Args:
        case: the part.
        model: what should have happened.
        columns: the history's.
        culprits: what a special case named.
        last: the operation that stays firm.
    """
    number = {index: one for one, index in enumerate(case.invocations)}
    returns = case.problem.returns
    sub: Sub = {one: returns[one] != NEVER for one in sorted(number[index] for index in culprits)}
    if isinstance(model, FifoQueue | UnorderedQueue | Stack):
        sub = _fewer_values(case, sub, lambda one: _value_of(case, columns, one))
    elif isinstance(model, GrowOnlySet | Counter):
        sub = _with_adds(case, model, columns, sub)
    if case.ask(sub).valid is not False:
        return None
    if sum(sub.values()) > _MANY:
        return Core(sub, {}, None, minimal=False)
    return smallest(case, sub, start=None, keep=(last,))


def _value_of(case: Case, columns: Columns, one: int) -> Hashable:
    """What an operation puts or gets; nothing stands for itself."""
    index = case.invocations[one]
    value = columns.value(index)
    if value is None and columns.partners[index] >= 0:
        value = columns.value(columns.partners[index])
    return ("nothing", one) if value is None else ("value", frozen(value))


def _fewer_values(case: Case, sub: Sub, value_of: Callable[[int], Hashable]) -> Sub:
    """Leave out halves of the values, quarters, and so on."""
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for one, firm in sub.items():
        if firm:
            groups[value_of(one)].append(one)
    lost = [one for one, firm in sub.items() if not firm]
    values = list(groups)
    chunk = len(values) // 2
    while chunk:
        at = 0
        while at < len(values):
            fewer = values[:at] + values[at + chunk :]
            kept = [one for value in fewer for one in groups[value]]
            weaker = {one: one not in lost for one in sorted(kept + lost)}
            if fewer and case.ask(weaker).valid is False:
                values, sub = fewer, weaker
            else:
                at += chunk
        chunk = min(chunk, len(values)) // 2
    return sub


def _with_adds(case: Case, model: Model, columns: Columns, sub: Sub) -> Sub:
    """Let happen what was added as well; to a set, only what was read is of use."""
    wanted: set[Hashable] | None = None
    if isinstance(model, GrowOnlySet):
        reads = [columns.partners[case.invocations[one]] for one, firm in sub.items() if firm]
        listed = [columns.value(end) for end in reads if isinstance(columns.value(end), list)]
        wanted = {frozen(element) for elements in listed for element in elements}
    until = max(case.problem.returns[one] for one, firm in sub.items() if firm)
    loose = [
        one
        for one, index in enumerate(case.invocations)
        if columns.f(index) == "add" and case.call(one) < until
        if wanted is None or frozen(columns.value(index)) in wanted
    ]
    return dict(sorted({**dict.fromkeys(loose, False), **sub}.items()))
