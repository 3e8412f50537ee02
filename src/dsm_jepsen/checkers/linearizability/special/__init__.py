"""Histories that need no search: of containers and registers whose values can be told apart.

Each case is exact, and applies by itself where the history is of its kind: ``settle_columns`` says ``None``
of every other one. What is common to all is in ``_intervals``; ``_passages`` is what queues and stacks
share. ``native/special*.hpp`` is the same in C++; there registers are judged part by part, on what the search
would be given.
"""

from array import array
from collections.abc import Callable, Hashable, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from dsm_jepsen.checkers.linearizability.meaning import canonical
from dsm_jepsen.checkers.linearizability.problem import NEVER
from dsm_jepsen.checkers.linearizability.special import bags, counters, queues, registers, sets, stacks
from dsm_jepsen.checkers.linearizability.special._intervals import Case, Intervals, Role, settle
from dsm_jepsen.checkers.linearizability.special._intervals import Settled as Settled
from dsm_jepsen.checkers.linearizability.special._passages import distinct
from dsm_jepsen.checkers.models import Model, refusal_of
from dsm_jepsen.checkers.models._values import frozen
from dsm_jepsen.checkers.models.collections import Counter, GrowOnlySet
from dsm_jepsen.checkers.models.queues import FifoQueue, Stack, UnorderedQueue
from dsm_jepsen.checkers.models.registers import CasRegister, Register
from dsm_jepsen.history import Columns

_INVOKE, _OK, _FAIL, _INFO = range(4)


def settles(model: Model) -> bool:
    """Whether the kernel may settle whole histories of a model."""
    family = _FAMILIES.get(type(model))
    return family is not None and family.number is not None


def settle_columns(columns: Columns, model: Model, *, kernel: Any = None) -> Settled | None:
    """Judge a history if it is of a kind that needs no search.

    Args:
        columns: the events.
        model: what should have happened; one that is not keyed.
        kernel: the native one, if it is to be used.
    """
    family = _FAMILIES.get(type(model))
    if family is None:
        return None
    if kernel is not None:
        return _settled_by_kernel(columns, model, family, kernel)
    known = intervals(columns, model, family)
    if known is None or not known.calls:
        return None
    case = family.case(known, model)
    return settle(case, known) if case else None


def _settled_by_kernel(columns: Columns, model: Any, family: "Family", kernel: Any) -> Settled | None:
    initial = model.initial if isinstance(model, Counter) else 0
    if family.number is None or abs(initial) >= _LARGE:
        return None
    refusal = partial(_refusal, model.refusals)
    told = kernel.settle(
        family.number, family.put, family.get, initial, model.judges, refusal, canonical, columns
    )
    if told is None:
        return None
    valid, event, exact, order, culprits, operations = told
    return Settled(bool(valid), event, bool(exact), array("i", order), array("i", culprits), operations)


def _refusal(kinds: frozenset[str], error: Any) -> list[Any] | None:
    refused = refusal_of(error)
    return list(refused) if refused.kind in kinds else None


class Family(NamedTuple):
    """A kind of histories.

    Attributes:
        put: name of the operations that put something.
        get: name of the operations that get something; there are no others.
        case: gives what judges intervals, if these are of the kind.
        null: what it means to get null; ``None``: not of the kind.
        number: by which the kernel knows it; ``None``: it does not.
        value: makes what was got a value that can be compared.
        argument: the same for what was put.
    """

    put: str
    get: str
    case: Callable[[Intervals, Any], Case | None]
    null: Callable[[Any], Role | None]
    number: int | None
    value: Callable[[Any], Any] = frozen
    argument: Callable[[Any], Any] = frozen


def intervals(columns: Columns, model: Model, family: Family) -> Intervals | None:
    """Read a history as intervals; ``None`` if something in it is not of the family."""
    types, _, partners, fs, values, errors, names, items = columns
    null = family.null(model)
    roles: list[Role] = []
    told: list[Any] = []
    calls: list[int] = []
    returns: list[int] = []
    for at, code in enumerate(types):
        if code != _INVOKE:
            continue
        f, partner = names[fs[at]], partners[at]
        ending = _INFO if partner < 0 else types[partner]
        if ending == _FAIL and refusal_of(items[errors[partner]]).kind not in model.refusals:
            continue
        if f == family.put:
            role, value = _put(items[values[at]], ending, null, family)
        elif f == family.get:
            role, value = _got(items[values[partner]], ending, null, family)
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


def _nothing(model: Model) -> Role:
    return Role.EMPTY


def _no_value(model: Model) -> None:
    return None


_LARGE: Final = 1 << 60
"""Counts in the kernel are smaller."""

_FAMILIES: Final[Mapping[type, Family]] = {
    Register: Family("write", "read", _register, _null_is_a_value, None),
    CasRegister: Family("write", "read", _register, _null_is_a_value, None),
    FifoQueue: Family("enqueue", "dequeue", _if_distinct(queues.judge), _nothing, 0),
    UnorderedQueue: Family("enqueue", "dequeue", _if_distinct(bags.judge), _nothing, 1),
    Stack: Family("push", "pop", _if_distinct(stacks.judge), _nothing, 2),
    GrowOnlySet: Family("add", "read", _set, _no_value, 3, _elements),
    Counter: Family("add", "read", _counter, _no_value, 4, _whole, _whole),
}
