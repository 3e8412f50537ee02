"""Models of one's own: around a step function, and around a state chart."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from dsm_jepsen.checkers._base import Context, Machine
from dsm_jepsen.checkers.models._base import REJECT, UNKNOWN, Fact, Refused


@dataclass(frozen=True, kw_only=True)
class StepModel:
    """A model made of a function.

    Attributes:
        function: takes state, f, argument and result, as ``Model.step``; pure. What it asserts is up to it.
        initial: the state before the first operation.
        operations: names of those it judges.
        refusals: kinds of errors that assert something.
    """

    function: Callable[[Any, str, Any, Any], Hashable]
    initial: Hashable
    operations: frozenset[str]
    refusals: frozenset[str] = frozenset()

    def judges(self, f: str) -> bool:
        """Judge the operations named."""
        return f in self.operations

    def init(self) -> Hashable:
        """Start with the initial state."""
        return self.initial

    def step(self, state: Any, f: str, argument: Any, result: Any) -> Hashable:
        """Ask the function."""
        return self.function(state, f, argument, result)


class Versioned(NamedTuple):
    """A state of a state chart that many drive: how many events it has taken, and what it is like since."""

    version: int
    context: Context

    def words(self) -> str:
        """Say it in a few words."""
        leaf = self.context.states[-1]
        return f"version {self.version} in {leaf} with {dict(self.context.variables)}"

    def shows(self, seen: Any) -> bool:
        """Whether a client that was shown these values was in this state."""
        return bool(
            isinstance(seen, Mapping)
            and seen.get("version") == self.version
            and tuple(seen.get("states") or ()) == self.context.states
            and tuple(sorted((seen.get("variables") or {}).items())) == self.context.variables
        )


@dataclass(frozen=True)
class StateChart:
    """A state chart that takes one event after another, whoever sends it.

    What clients are shown is ``{"version": int, "states": [outermost ...], "variables": {...}}``.

    * ``event`` of ``{"event": name, "parameters": {...}, "expect": version}``, the last two if need be; ok
      with what it is like after: asserts that the chart was at the expected version and took the event to
      there. Failed as ``not-applicable``, with what it was like: asserts that, and that the chart takes no
      such event there. Failed as ``lost-race``, with what it was like: asserts that, or without, that it was
      not at the expected version.
    * ``read-strong``, ok with what it is like: asserts that.

    Attributes:
        machine: the chart.
    """

    machine: Machine
    refusals: ClassVar[frozenset[str]] = frozenset({"not-applicable", "lost-race"})

    def judges(self, f: str) -> bool:
        """Judge events and strong reads; local reads may lag and are judged by others."""
        return f in {"event", "read-strong"}

    def init(self) -> Versioned:
        """Start at version 0."""
        return Versioned(0, self.machine.start())

    def step(self, state: Versioned, f: str, argument: Any, result: Any) -> Any:
        """Take an event, or compare what was shown."""
        if f == "read-strong":
            return state if result is UNKNOWN or state.shows(result) else REJECT
        met = argument.get("expect", state.version) == state.version
        context = self.machine.apply(state.context, argument) if met else None
        following = state if context is None else Versioned(state.version + 1, context)
        if result is UNKNOWN:
            return following
        if isinstance(result, Refused):
            return self._refused(state, argument, result, applicable=following is not state)
        return following if following is not state and following.shows(result) else REJECT

    def _refused(self, state: Versioned, argument: Any, result: Refused, *, applicable: bool) -> Any:
        if result.kind == "not-applicable":
            return state if not applicable and state.shows(result.detail) else REJECT
        # What is shown of the way a race was lost must have been so at some moment meanwhile (``lost-races``
        # looks for the winner); without it the expected version must have passed.
        if isinstance(result.detail, Mapping) and "states" in result.detail:
            return state if state.shows(result.detail) else REJECT
        return REJECT if argument.get("expect") == state.version else state

    def facts(self, f: str, argument: Any, result: Any) -> Fact:
        """Reads and refusals change nothing; what may have done nothing is always possible."""
        observes = Fact.OBSERVES if f == "read-strong" or isinstance(result, Refused) else Fact(0)
        return observes | (Fact.TOTAL if result is UNKNOWN else Fact(0))

    def explain(self, states: Sequence[Versioned], f: str, argument: Any, result: Any) -> tuple[str, str]:
        """Put in words why no state accepts this."""
        where = " or ".join(state.words() for state in states)
        if isinstance(result, Refused):
            said = f"with {argument['event']} was answered {result.kind} at {_shown(result.detail)}"
            return "wrong-refusal", f"{said}, but the machine was at {where}"
        newest = max((state.version for state in states), default=0)
        if f == "read-strong":
            name = "stale-read" if result["version"] < newest else "dirty-read"
            return name, f"returned {_shown(result)}, but the machine was at {where}"
        name = "lost-update" if result["version"] <= newest else "illegal-transition"
        made = f"with {argument['event']} was accepted as {_shown(result)}"
        return name, f"{made}, but the machine was at {where}"


def _shown(seen: Any) -> str:
    leaf = seen["states"][-1] if seen.get("states") else "?"
    return f"version {seen.get('version')} in {leaf} with {seen.get('variables', {})}"
