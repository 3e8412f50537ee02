"""Which operations of a history have to be explained by a model, and by what result."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from dsm_jepsen.checkers.models import UNKNOWN, Model, refusal
from dsm_jepsen.history import History, Op


class Call(NamedTuple):
    """An operation to be explained.

    Attributes:
        invoke: its invocation.
        returned: its completion; ``None`` if it never has to take effect.
        result: what the model is told of it.
        symbol: equal for calls that the model cannot tell apart.
        observes: it changes no state.
    """

    invoke: Op
    returned: Op | None
    result: Any
    symbol: bytes
    observes: bool


def calls_of(model: Model, history: History) -> Iterator[Call]:
    """Give the operations that happened, may have happened, or assert something by failing."""
    observers = model.observers
    for invoke, completion in history.operations():
        if not model.judges(invoke.f):
            continue
        observes = invoke.f in observers
        if completion is None or completion.type == "info":
            if observes:
                continue  # whether it happened makes no difference
            yield Call(invoke, None, UNKNOWN, _symbol(invoke, "?", None), observes=False)
        elif completion.type == "ok":
            yield Call(invoke, completion, completion.value, _symbol(invoke, "=", completion.value), observes)
        elif (refused := refusal(completion)).kind in model.refusals:
            yield Call(invoke, completion, refused, _symbol(invoke, "!", refused), observes=True)


def _symbol(invoke: Op, sign: str, result: Any) -> bytes:
    return msgspec.json.encode([invoke.f, invoke.value, sign, result], order="deterministic", enc_hook=repr)
