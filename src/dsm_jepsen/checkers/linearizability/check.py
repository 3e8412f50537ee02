"""Judge a history against a model: whether every operation seems to happen at once, between call and return."""

from array import array
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from time import monotonic
from typing import Any

from dsm_jepsen.checkers.linearizability import table as twin
from dsm_jepsen.checkers.linearizability.meaning import Columns, Meaning, canonical
from dsm_jepsen.checkers.models import Model, deterministic
from dsm_jepsen.history import History

try:
    from dsm_jepsen import _native
except ImportError:
    _native = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much may be spent before the verdict is unknown.

    Attributes:
        seconds: of the wall clock.
        bytes: of memory for the search, beside the history.
    """

    seconds: float = 60
    bytes: int = 2 << 30


@dataclass(frozen=True, slots=True)
class Part:
    """What was found about one thing that the history is about.

    Attributes:
        key: which; ``None`` if the model does not tell several apart.
        valid: ``None`` if the budget ran out.
        event: invalid: index of the return that cannot be explained; unknown: all before it is valid.
        states: invalid: what the machine could have been in when that operation took effect.
        order: indexes of the invocations that took effect, in an order that explains all before ``event``.
        widest: the most explanations there were at one moment.
        operations: how many were judged.
    """

    key: Hashable
    valid: bool | None
    event: int
    states: tuple[Any, ...]
    order: "array[int]"
    widest: int
    operations: int


def check_parts(history: History, model: Model, *, budget: Budget | None = None, native: bool = True) -> list[Part]:
    """Judge each part of a history; ends early when one is invalid.

    Args:
        history: the events.
        model: what should have happened.
        budget: how much may be spent.
        native: use the kernel, if there is one.
    """
    return check_columns(history.columns, model, budget=budget, native=native)


def check_columns(columns: Columns, model: Model, *, budget: Budget | None = None, native: bool = True) -> list[Part]:
    """Do the same for events that are no history: only types, partners, fs, values and errors are looked at."""
    limit, model = budget or Budget(), deterministic(model)
    if native and _native is not None:
        answers = _with_kernel(model, columns, limit)
    else:
        end = monotonic() + limit.seconds
        answers = twin.Table(Meaning(model)).check(*columns, lambda: monotonic() > end)
    return [_part(*answer) for answer in answers]


_idle: OrderedDict[tuple[Model, bytes], Any] = OrderedDict()
"""Tables of models that were used lately: a table is in use by one at a time.

To Python models that begin with 1, 1.0 and true are equal, therefore the initial state is looked at as well.
"""

_KEPT = 8
_KEPT_OPERATIONS = 100_000
"""A table that met more than this is not kept: it may hold as many values."""


def _with_kernel(model: Model, columns: Columns, limit: Budget) -> list[twin.Answer]:
    name = model, canonical(model.init())
    table = _idle.pop(name, None)
    if table is None:
        meaning = Meaning(model)
        table = _native.Table(
            meaning.define,
            meaning.step,
            model.judges,
            meaning.refusal,
            canonical,
            model.init(),
            meaning.kind,
        )
    answers: list[twin.Answer] = table.check(*columns, limit.seconds, limit.bytes)
    if len(columns[0]) <= _KEPT_OPERATIONS:
        _idle[name] = table
        while len(_idle) > _KEPT:
            _idle.popitem(last=False)
    return answers


_VERDICTS = (True, False, None)


def _part(
    key: Hashable, kind: int, event: int, states: list[Any], order: bytes, widest: int, operations: int
) -> Part:
    return Part(key, _VERDICTS[kind], event, tuple(states), array("i", order), widest, operations)
