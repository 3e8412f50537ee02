"""Whether a history is one that a model can judge; where it is not, there is an error and no verdict."""

from typing import Any

from dsm_jepsen.checkers._words import brief
from dsm_jepsen.checkers.linearizability.meaning import Meaning, Sign
from dsm_jepsen.checkers.linearizability.witness import Told, told
from dsm_jepsen.checkers.models import UNKNOWN, AnyModel, Model, Refused, deterministic
from dsm_jepsen.history import Columns, History, HistoryError


class MisfitError(HistoryError):
    """An operation that is not the model's.

    Attributes:
        event: its index in the history.
        words: what is wrong with it.
    """

    def __init__(self, event: int, words: str) -> None:
        super().__init__(f"event {event}: {words}")
        self.event = event
        self.words = words


def refuse_others(columns: Columns, model: Model) -> None:
    """Refuse a history with operations that are not the model's business.

    Raises:
        MisfitError: for the first of them.
    """
    _, processes, _, fs, _, _, names, _ = columns
    others = {number for number, f in enumerate(names) if not model.judges(f)}
    if not others:
        return
    for index, f in enumerate(fs):
        if f in others and processes[index] >= 0:
            raise MisfitError(
                index, f"process {processes[index]}'s operation {names[f]!r} is unknown to {_named(model)}"
            )


def refuse_values(history: History, model: AnyModel) -> None:
    """Refuse a history with values that the model cannot take, by showing it each operation.

    What can only be seen in states that come of some other order is not found.

    Raises:
        MisfitError: for the first of them.
    """
    meaning = Meaning(deterministic(model))
    states: dict[Any, Any] = {}
    columns = history.columns
    for index, one in told(meaning.model, history):
        f, value = columns.f(index), columns.value(index)
        try:
            _try(meaning, states, f, value, one)
        except Exception as error:
            argument = _raised(meaning, f, value, UNKNOWN)
            event = index if argument or one.returned == len(history) else one.returned
            value = columns.value(event)
            kind = "" if isinstance(error, HistoryError | ValueError) else f"{type(error).__name__}: "
            raise MisfitError(
                event,
                f"{_named(model)} cannot take process {columns.processes[event]}'s {f} with the "
                f"{'result' if event != index else 'value'} {brief(value)}: {kind}{error}",
            ) from error


def _try(meaning: Meaning, states: dict[Any, Any], f: str, argument: Any, one: Told) -> None:
    sign, result = _signed(one.result)
    key, *_ = meaning.define(f, argument, sign, result)
    state = states.get(key, meaning.model.init())
    after = meaning.step(state, f, argument, sign, result)
    states[key] = state if after is NotImplemented else after


def _raised(meaning: Meaning, f: str, argument: Any, result: Any) -> bool:
    try:
        _try(meaning, {}, f, argument, Told(0, result))
    except Exception:  # noqa: BLE001 - whatever it is, the caller has it
        return True
    return False


def _signed(result: Any) -> tuple[Sign, Any]:
    if result is UNKNOWN:
        return Sign.UNKNOWN, None
    return (Sign.REFUSED, list(result)) if isinstance(result, Refused) else (Sign.OK, result)


def _named(model: AnyModel) -> str:
    return f"the model {type(model).__name__}"
