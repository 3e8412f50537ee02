"""What the ensemble's scenarios share: the state chart as the checkers' model, its checkers, its variants.

Here two rooms meet that do not know each other: the chart's ``step`` becomes the model that judges the
histories of nodes running it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from dsm_jepsen.checkers import (
    REJECT,
    UNKNOWN,
    Checker,
    Context,
    Refused,
    agreement,
    convergence,
    legal_transitions,
    linearizable,
    lost_races,
    monotonic_reads,
    no_effect_of_refused,
    no_lost_acknowledgement,
    stats,
)
from dsm_jepsen.checkers.adequacy import adequacy
from dsm_jepsen.cluster import NODES
from dsm_jepsen.dsm.chart import Chart, Configuration, Event, step
from dsm_jepsen.dsm.ensemble import FRESH_MS, VARIANTS, EnsembleSystem
from dsm_jepsen.dsm.machines import machine
from dsm_jepsen.env import System

LEVELS = ("S11", "S12", "S211", "S212")
"""The web chart's leaf states in the order of the paper's charts."""

VARIABLE = "testVariable"
"""The web chart's variable that events set."""

VALUES = tuple(f"v{number}" for number in range(1, 9))
"""The values the scenarios give it."""

FLAWS = {name: (kind.__doc__ or "").partition("\n")[0] for name, kind in VARIANTS.items()}
"""The ensemble's variants, each with what is wrong with it."""


def ensemble(variant: str | None) -> System:
    """Give the reference system with the web chart."""
    return EnsembleSystem(machine_name="web", variant=variant)


class ChartMachine:
    """The state chart as a machine of the checkers."""

    def __init__(self, chart: Chart) -> None:
        self._chart = chart

    def start(self) -> Context:
        """Give the context of version 0."""
        started = self._chart.start()
        return Context(started.configuration.states, started.variables)

    def apply(self, context: Context, event: Mapping[str, Any]) -> Context | None:
        """Take one event; ``None`` if it is not applicable."""
        parameters = event.get("parameters", {})
        named = Event(event["event"], tuple(sorted(parameters.items())))
        taken = step(self._chart, Configuration(context.states), context.variables, named)
        if taken.transition is None:
            return None
        return Context(taken.configuration.states, taken.variables)


class Versioned(NamedTuple):
    """A state of the ensemble's model."""

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


class EnsembleModel:
    """The ensemble as one machine: events change it, strong reads show it, refusals tell the truth."""

    refusals = frozenset({"not-applicable", "lost-race"})
    observers = frozenset({"read-strong"})

    def __init__(self, chart: Chart) -> None:
        self._machine = ChartMachine(chart)

    def judges(self, f: str) -> bool:
        """Judge events and strong reads; local reads may lag and are judged by others."""
        return f in {"event", "read-strong"}

    def init(self) -> Versioned:
        """Start at version 0."""
        return Versioned(0, self._machine.start())

    def step(self, state: Versioned, f: str, argument: Any, result: Any) -> Any:
        """Take an event, or compare what was shown."""
        if f == "read-strong":
            return state if result is UNKNOWN or state.shows(result) else REJECT
        met = argument.get("expect", state.version) == state.version
        context = self._machine.apply(state.context, argument) if met else None
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


PROMPT_MS = 1_000
"""The paper grants a second before every read; a healthy ensemble confirms its replicas more often."""

RESTARTS = frozenset({"kill-node", "kill-two", "kill-both", "crash-all", "crash-everything"})
"""Faults that kill nodes at their start and start them again at their stop."""


def web_machine() -> ChartMachine:
    """Give the web chart as a machine of the checkers."""
    return ChartMachine(machine("web"))


def node_of(concurrency: int) -> Callable[[int], str]:
    """Give the function from a process to the node it talks to (Jepsen's rule)."""
    return lambda process: NODES[process % concurrency % len(NODES)]


def ensemble_checkers(
    min_ok: Mapping[str, int],
    *faults: str,
    during: Mapping[str, int] | None = None,
    min_kinds: int = 0,
    prompt_ms: int | None = None,
) -> dict[str, Checker]:
    """The checkers of every ensemble scenario.

    Args:
        min_ok: how many operations of a name must have ended ok for the run to mean anything.
        faults: names of nemeses that must have acted.
        during: how many of them while a fault was in force.
        min_kinds: how many different faults must have acted, and each time have ended.
        prompt_ms: how long nodes should lag at most where nothing disturbs them.
    """
    return {
        "legal-transitions": legal_transitions(web_machine()),
        "linearizable": linearizable(EnsembleModel(machine("web"))),
        "agreement": agreement,
        "convergence": convergence(web_machine(), nodes=NODES, settle_ms=FRESH_MS, prompt_ms=prompt_ms),
        "no-lost-acknowledgement": no_lost_acknowledgement(web_machine(), settle_ms=FRESH_MS),
        "lost-races": lost_races,
        "no-effect-of-refused": no_effect_of_refused(web_machine()),
        "monotonic-reads": monotonic_reads,
        "stats": stats,
        "adequacy": adequacy(
            min_ok, needs_faults=frozenset(faults), min_kinds=min_kinds, min_ok_during=during or {}
        ),
    }
