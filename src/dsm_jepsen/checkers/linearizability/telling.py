"""Why an operation cannot have ended as it did, in words, with every reason asked of the model again."""

from collections.abc import Mapping, Sequence
from typing import Any

from dsm_jepsen.checkers._words import brief, naming
from dsm_jepsen.checkers.linearizability.core import EvidenceError
from dsm_jepsen.checkers.linearizability.timeline import Operation
from dsm_jepsen.checkers.linearizability.witness import Told, asked
from dsm_jepsen.checkers.models import REJECT, AnyModel, Determinized, Explains, Model, Refused, refusal_of
from dsm_jepsen.history import History, Op

_SHOWN = 10
"""States put in words."""


class Teller:
    """Speaks of the first operation that cannot be linearized.

    Args:
        model: what should have happened.
        history: what was seen.
        operation: a firm one.
    """

    def __init__(self, model: Model, history: History, operation: Operation) -> None:
        assert operation.completion is not None
        self._model = model
        self._history = history
        self._invoke = operation.invoke
        self._completion = operation.completion
        result = (
            self._completion.value if self._completion.type == "ok" else refusal_of(self._completion.error)
        )
        ((_, *self._says),) = asked(model, history, [(operation.invoke.index, result)])
        self._explaining: AnyModel = model.model if isinstance(model, Determinized) else model

    def refusing(self, state: Any) -> str:
        """Say why it cannot end like this in a state.

        Raises:
            EvidenceError: it can.
        """
        here = frozenset({state}) if isinstance(self._model, Determinized) else state
        if self._model.step(here, *self._says) is not REJECT:
            raise EvidenceError(
                f"the search finds {self._invoke.f} impossible in state {brief(state)}, the model does not"
            )
        if isinstance(self._explaining, Explains):
            return self._explaining.explain([state], *self._says)[1]
        return f"{self._said()} is impossible"

    def sentence(self, states: Sequence[Any]) -> tuple[str, str]:
        """Give the anomaly, and one sentence."""
        if isinstance(self._explaining, Explains) and states:
            anomaly, words = self._explaining.explain(states, *self._says)
        else:
            anomaly, words = "not-linearizable", f"{self._said()}, impossible"
            if states:
                shown = [brief(state) for state in states[:_SHOWN]]
                more = [] if len(states) <= _SHOWN else ["others"]
                words += " in every state it could meet: " + " or ".join(shown + more)
        return anomaly, f"{anomaly}: {naming(self._completion)} {words}"

    def last_effect(self, order: Sequence[int], operations: Mapping[int, Told]) -> Op | None:
        """Find the return of the last effect that was acknowledged before this operation began."""
        state: Any = self._model.init()
        last = None
        says = asked(self._model, self._history, ((index, operations[index].result) for index in order))
        for index, (_, *one) in zip(order, says, strict=True):
            after = self._model.step(state, *one)
            if after != state and operations[index].returned < self._invoke.index:
                last = operations[index].returned
            state = after
        return None if last is None else self._history[last]

    def _said(self) -> str:
        *_, result = self._says
        if isinstance(result, Refused):
            return f"was refused as {result.kind}"
        return f"returned {brief(result)}"
