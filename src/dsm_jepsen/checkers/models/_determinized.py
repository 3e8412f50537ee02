"""Sets of states, where an operation may end in several."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from dsm_jepsen.checkers.models._base import REJECT, AnyModel, Declares, Fact, Keyed, Model, NonDeterministic
from dsm_jepsen.checkers.models._own import completed


@dataclass(frozen=True)
class Determinized:
    """A model that keeps all states that a non-deterministic one may be in.

    Exact: an order of operations can be followed through the sets just if there is a way through the states.
    An operation is possible in a set if it is in one of its states; the others are then known not to have
    been so.

    Attributes:
        model: the one with ``steps``.
    """

    model: NonDeterministic

    @property
    def refusals(self) -> frozenset[str]:
        """Those of the model."""
        return self.model.refusals

    def judges(self, f: str) -> bool:
        """Judge what the model judges."""
        return self.model.judges(f)

    def init(self) -> frozenset[Hashable]:
        """Start with one state."""
        return frozenset({self.model.init()})

    def part(self, f: str, argument: Any, result: Any) -> tuple[Hashable, Any, Any]:
        """Tell apart what the model does."""
        return (
            self.model.part(f, argument, result)
            if isinstance(self.model, Keyed)
            else (None, argument, result)
        )

    def step(self, state: frozenset[Hashable], f: str, argument: Any, result: Any) -> Any:
        """Follow every state to all that it may end in."""
        after = frozenset(
            end for one in state for end in self.model.steps(one, f, argument, result) if end is not REJECT
        )
        return after or REJECT

    def facts(self, f: str, argument: Any, result: Any) -> Fact:
        """Say what holds of sets if it holds of states; to find out is too dear, since sets may be large.

        An operation that changes no state, but is not possible in every one, makes a set smaller.
        """
        facts = self.model.facts(f, argument, result) if isinstance(self.model, Declares) else Fact(0)
        return facts if Fact.TOTAL in facts else facts & ~Fact.OBSERVES


def deterministic(model: AnyModel) -> Model:
    """Give a model with ``step``, and all else that is asked of one.

    Raises:
        TypeError: it is no model.
    """
    whole: Model | NonDeterministic = completed(model)
    return Determinized(whole) if isinstance(whole, NonDeterministic) else whole
