"""Witnesses of valid histories, and their validation, which knows nothing of how they were found."""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from dsm_jepsen.checkers.linearizability.meaning import canonical
from dsm_jepsen.checkers.models import REJECT, UNKNOWN, AnyModel, Keyed, Model, deterministic, refusal_of
from dsm_jepsen.history import History

_INVOKE, _OK, _FAIL, _INFO = range(4)


class Told(NamedTuple):
    """What a history tells a model of an operation.

    Attributes:
        returned: index of its completion, or the history's length if it need not have happened.
        result: what it returned, ``Refused`` or ``UNKNOWN``.
    """

    returned: int
    result: Any


def told(model: Model, history: History) -> Iterator[tuple[int, Told]]:
    """Give by invocation what the operations are that have to be explained, or may have happened."""
    columns = history.columns
    types = columns.types
    for index, (code, partner) in enumerate(zip(types, columns.partners, strict=True)):
        if code != _INVOKE or not model.judges(columns.f(index)):
            continue
        if partner < 0 or types[partner] == _INFO:
            yield index, Told(len(history), UNKNOWN)
        elif types[partner] == _OK:
            yield index, Told(partner, columns.value(partner))
        elif (refused := refusal_of(columns.error(partner))).kind in model.refusals:
            yield index, Told(partner, refused)


def explains(model: AnyModel, history: History, order: Sequence[int]) -> bool:
    """Check a witness: complete, in keeping with real time, and step by step legal for the model.

    Args:
        model: what should have happened.
        history: what was seen.
        order: invocations' indexes, in the order in which the operations took effect.
    """
    certain = deterministic(model)
    return follows(certain, history, dict(told(certain, history)), order)


def follows(model: Model, history: History, operations: Mapping[int, Told], order: Sequence[int]) -> bool:
    """Check the same of some of a history's operations."""
    required = {index for index, one in operations.items() if one.returned < len(history)}
    if len(set(order)) != len(order) or not required <= set(order) <= operations.keys():
        return False
    earliest = len(history)  # return of what comes later in the order
    for index in reversed(order):
        if index > earliest:
            return False
        earliest = min(earliest, operations[index].returned)
    states: dict[bytes, Any] = {}
    for key, *says in asked(model, history, ((index, operations[index].result) for index in order)):
        state = model.step(states.get(key, model.init()), *says)
        if state is REJECT:
            return False
        states[key] = state
    return True


def asked(
    model: Model, history: History, results: Iterable[tuple[int, Any]]
) -> Iterator[tuple[bytes, str, Any, Any]]:
    """Give for operations, by invocation and result, the part they belong to, and what the model is asked."""
    columns = history.columns
    alone = canonical(None)
    keyed = model if isinstance(model, Keyed) else None
    for index, result in results:
        f, argument = columns.f(index), columns.value(index)
        if keyed:
            key, argument, rest = keyed.part(f, argument, result)
            yield canonical(key), f, argument, rest
        else:
            yield alone, f, argument, result


def merged(orders: Sequence["array[int]"]) -> "array[int]":
    """Make one order of those of several parts, in keeping with real time.

    Every operation takes effect as early as its part's order allows: right after its call, or the last call
    before it in the order. That is before its return, or the part's order would not keep real time.
    """
    if len(orders) == 1:
        return orders[0]
    moments = []
    for order in orders:
        moment = 0
        for place, index in enumerate(order):
            moment = max(moment, index)
            moments.append((moment, place, index))
    return array("i", [index for _, _, index in sorted(moments)])
