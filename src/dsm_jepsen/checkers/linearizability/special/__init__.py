"""Histories that need no search: of containers and registers whose values can be told apart.

Each case is exact, and applies by itself where the history is of its kind: ``settle_history`` says ``None``
of every other one. What is common to all is in ``_intervals``; ``_passages`` is what queues and stacks
share.
"""

from collections.abc import Callable, Hashable, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from dsm_jepsen.checkers.linearizability.meaning import refusal_of
from dsm_jepsen.checkers.linearizability.problem import NEVER
from dsm_jepsen.checkers.linearizability.special import bags, counters, queues, registers, sets, stacks
from dsm_jepsen.checkers.linearizability.special._intervals import Case, Intervals, Role, Settled, settle
from dsm_jepsen.checkers.linearizability.special._passages import distinct
from dsm_jepsen.checkers.models import Model
from dsm_jepsen.checkers.models._values import frozen
from dsm_jepsen.checkers.models.collections import Counter, GrowOnlySet
from dsm_jepsen.checkers.models.queues import FifoQueue, Stack, UnorderedQueue
from dsm_jepsen.checkers.models.registers import CasRegister, Register
from dsm_jepsen.history import History

_INVOKE, _OK, _FAIL, _INFO = range(4)


def settle_history(history: History, model: Model) -> Settled | None:
    """Judge a history if it is of a kind that needs no search.

    Args:
        history: the events.
        model: what should have happened; one that is not keyed.
    """
    family = _FAMILIES.get(type(model))
    known = intervals(history, model, family) if family else None
    if family is None or known is None or not known.calls:
        return None
    case = family.case(known, model)
    return settle(case, known) if case else None


class Family(NamedTuple):
    """A kind of histories.

    Attributes:
        put: name of the operations that put something.
        get: name of the operations that get something; there are no others.
        case: gives what judges intervals, if these are of the kind.
        null: what it means to get null; ``None``: not of the kind.
        value: makes what was got a value that can be compared.
        argument: the same for what was put.
    """

    put: str
    get: str
    case: Callable[[Intervals, Any], Case | None]
    null: Callable[[Any], Role | None]
    value: Callable[[Any], Any] = frozen
    argument: Callable[[Any], Any] = frozen


def intervals(history: History, model: Model, family: Family) -> Intervals | None:
    """Read a history as intervals; ``None`` if something in it is not of the family."""
    types, _, partners, fs, values, errors = history.columns
    null = family.null(model)
    roles: list[Role] = []
    told: list[Any] = []
    calls: list[int] = []
    returns: list[int] = []
    for at, code in enumerate(types):
        if code != _INVOKE:
            continue
        f, partner = fs[at], partners[at]
        ending = _INFO if partner < 0 else types[partner]
        if ending == _FAIL and refusal_of(errors.get(partner)).kind not in model.refusals:
            continue
        if f == family.put:
            role, value = _put(values[at], ending, null, family)
        elif f == family.get:
            role, value = _got(values[partner], ending, null, family)
        elif model.judges(f):
            return None
        else:
            continue
        if role is None:
            return None
        roles.append(role)
        told.append(value)
        calls.append(at)
        returns.append(NEVER if ending == _INFO else partner)
    return Intervals(roles, told, calls, returns)


def _put(value: Any, ending: int, null: Role | None, family: Family) -> tuple[Role | None, Any]:
    if ending == _FAIL or (value is None and null is Role.EMPTY):
        return None, None
    return Role.PUT, family.argument(value)


def _got(value: Any, ending: int, null: Role | None, family: Family) -> tuple[Role | None, Any]:
    if ending == _INFO:
        return Role.GET, None
    if ending == _FAIL:
        return (Role.EMPTY if null is Role.EMPTY else None), None
    return (null, None) if value is None else (Role.GET, family.value(value))


def _elements(listed: Any) -> frozenset[Hashable] | None:
    """What was read, unless something in it is there twice: no set."""
    plain = _PLAIN.issuperset(map(type, listed))
    elements = frozenset(listed if plain else map(frozen, listed))
    return elements if len(elements) == len(listed) else None


_PLAIN: Final = frozenset({int, str})
"""Types of values that can be compared as they are."""


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise ValueError(f"{value!r} is no whole number, and counters count in these")
    return value


def _if_distinct(judge: Case) -> Callable[[Intervals, Any], Case | None]:
    return lambda known, model: judge if distinct(known) else None


def _register(known: Intervals, model: Register) -> Case | None:
    initial = frozen(model.initial)
    return partial(registers.judge, initial=initial) if registers.applies(known, initial) else None


def _set(known: Intervals, model: GrowOnlySet) -> Case | None:
    return sets.judge


def _counter(known: Intervals, model: Counter) -> Case | None:
    return partial(counters.judge, initial=model.initial) if counters.applies(known) else None


def _null_is_a_value(model: Register) -> Role | None:
    """To read null asserts that it is null only where it may have been null from the first."""
    return Role.GET if model.initial is None else None


_FAMILIES: Final[Mapping[type, Family]] = {
    Register: Family("write", "read", _register, _null_is_a_value),
    CasRegister: Family("write", "read", _register, _null_is_a_value),
    FifoQueue: Family("enqueue", "dequeue", _if_distinct(queues.judge), lambda model: Role.EMPTY),
    UnorderedQueue: Family("enqueue", "dequeue", _if_distinct(bags.judge), lambda model: Role.EMPTY),
    Stack: Family("push", "pop", _if_distinct(stacks.judge), lambda model: Role.EMPTY),
    GrowOnlySet: Family("add", "read", _set, lambda model: None, _elements),
    Counter: Family("add", "read", _counter, lambda model: None, _whole, _whole),
}
