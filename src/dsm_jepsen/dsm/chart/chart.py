"""The state chart: checked and compiled when it is born, then driven by the pure function ``step``.

``step`` is total and deterministic: it has no state of its own, and the same configuration, variables
and event give the same answer for ever. One event fires at most one transition: the one whose source is
innermost, and of several in one source the first in the definition's order, among those whose guards all
pass. A guard that fails lets the search go outward.
"""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from hashlib import sha256
from math import isfinite
from types import MappingProxyType

from dsm_jepsen.dsm.chart.definition import Action, ChartError, Guard, Semantics, State, Transition
from dsm_jepsen.dsm.chart.table import Table, build_table, check_transitions, unknown_name
from dsm_jepsen.dsm.chart.tree import Tree, listed
from dsm_jepsen.dsm.chart.values import (
    Configuration,
    Event,
    Scalar,
    Step,
    Variables,
    configuration_to_json,
    is_sorted,
)

_START = Event("start")
"""What the initial actions are given for an event."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A definition of a state machine that all nodes share.

    Two transitions of the same source and event are refused unless each has a guard that the other has
    not; if both pass all the same, the definition's order decides.

    Attributes:
        name: for messages.
        states: parents and substates in any order; siblings' order is the document order.
        transitions: their order is the number that ``Step.transition`` gives.
        guards: by name, those the transitions may ask (others are harmless).
        actions: by name, those transitions and states may run.
        initial_actions: names of actions run once, when the chart starts, before any state is entered.
        variables: what they are before the initial actions.
        semantics: ``uml``, or ``spring`` for two quirks of Spring Statemachine: an external transition to a
            state around its source comes back to the source (see ``docs/explanation/state-chart.md``), and
            an event that only guards refused counts as accepted.
        table: the moves by configuration and event, worked out from the rest.
        fingerprint: 16 hex digits that differ when anything but the name or a function's code differs.

    Raises:
        ChartError: the definition is no chart, or an initial action fails; the message names the culprit.
    """

    name: str
    _: KW_ONLY
    states: tuple[State, ...]
    transitions: tuple[Transition, ...]
    guards: Mapping[str, Guard] = field(default_factory=dict, hash=False)
    actions: Mapping[str, Action] = field(default_factory=dict, hash=False)
    initial_actions: tuple[str, ...] = ()
    variables: Variables = ()
    semantics: Semantics = "uml"
    table: Table = field(init=False, repr=False, compare=False)
    fingerprint: str = field(init=False, repr=False, compare=False)
    _started: Step = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the definition and compile it."""
        try:
            tree = Tree(self.states)
            check_transitions(tree, self.transitions, self.guards, self.actions)
            self._check_names()
            table = build_table(tree, self.transitions, self.guards, self.actions, self.semantics)
            started = self._enter(tree)
            _check_reachable(tree, table, started.configuration)
        except ChartError as error:
            raise ChartError(f"chart {self.name!r}: {error}") from error.__cause__
        object.__setattr__(self, "table", table)
        object.__setattr__(self, "fingerprint", self._fingerprint())
        object.__setattr__(self, "_started", started)

    @property
    def configurations(self) -> tuple[Configuration, ...]:
        """All configurations the chart can be in."""
        return tuple(self.table)

    @property
    def events(self) -> tuple[str, ...]:
        """The names of all events with a transition, in the order of the definition."""
        return tuple(dict.fromkeys(transition.event for transition in self.transitions))

    def start(self) -> Step:
        """Enter the initial configuration, after the initial actions."""
        return self._started

    def is_complete(self, configuration: Configuration) -> bool:
        """Whether the chart is in a final state at the top, where no event is accepted any more."""
        return any(state.final and (state.name,) == configuration.states for state in self.states)

    def _fingerprint(self) -> str:
        parts = (self.states, self.transitions, self.initial_actions, self.variables, self.semantics)
        return sha256(repr(parts).encode()).hexdigest()[:16]

    def _check_names(self) -> None:
        problem = unknown_name(("initial action", self.initial_actions, self.actions))
        if problem is not None:
            raise ChartError(problem)
        for state in self.states:
            problem = unknown_name(
                ("entry action", state.entry, self.actions), ("exit action", state.exit, self.actions)
            )
            if problem is not None:
                raise ChartError(f"state {state.name!r}: {problem}")
        if not is_sorted(self.variables):
            raise ChartError(
                "the variables are not sorted by name, each once; use variables_from_json({...})"
            )

    def _enter(self, tree: Tree) -> Step:
        entered = tree.default(None)
        names = (*self.initial_actions, *(name for state in entered for name in tree.states[state].entry))
        try:
            variables = _run([(name, self.actions[name]) for name in names], self.variables, _START)
        except _CallError as error:
            raise ChartError(f"cannot start: {error}") from error.__cause__
        return Step(Configuration(entered), variables, accepted=True, entered=entered, actions=names)


def step(chart: Chart, configuration: Configuration, variables: Variables, event: Event) -> Step:
    """Give what the event does; pure.

    An event that nothing accepts changes nothing, and neither does one whose guard or action raises, or
    whose action gives a value that is no JSON scalar: such an event is refused (the search does not go on
    outward, since a guard that raised said neither yes nor no), with the error in ``Step.reason``.

    Raises:
        ValueError: the chart cannot be in this configuration.
    """
    row = chart.table.get(configuration)
    if row is None:
        raise ValueError(
            f"chart {chart.name!r} cannot be in {configuration_to_json(configuration)}; expected one of its "
            f"{len(chart.table)} configurations, such as {configuration_to_json(chart.start().configuration)}"
        )
    moves = row.get(event.name)
    if moves is None:
        return Step(configuration, variables, accepted=False, reason="no transition on this event here")
    try:
        for move in moves:
            if not move.guards or _pass(move.guards, variables, event):
                return Step(
                    move.configuration,
                    _run(move.actions, variables, event) if move.actions else variables,
                    True,
                    move.transition,
                    move.exited,
                    move.entered,
                    move.action_names,
                )
    except _CallError as error:
        return Step(configuration, variables, accepted=False, reason=str(error))
    return Step(configuration, variables, accepted=chart.semantics == "spring", reason="the guards refuse")


class _CallError(Exception):
    """A guard or action did not keep its contract."""


def _pass(guards: Sequence[tuple[str, Guard]], variables: Variables, event: Event) -> bool:
    known = MappingProxyType(dict(variables))
    for name, guard in guards:
        try:
            if not guard(known, event):
                return False
        except Exception as error:
            raise _CallError(f"guard {name!r} raised {type(error).__name__}: {error}") from error
    return True


def _run(actions: Sequence[tuple[str, Action]], variables: Variables, event: Event) -> Variables:
    after = dict(variables)
    known = MappingProxyType(after)
    for name, action in actions:
        try:
            changes = dict(action(known, event))
        except Exception as error:
            raise _CallError(f"action {name!r} raised {type(error).__name__}: {error}") from error
        for variable, value in changes.items():
            if not isinstance(variable, str) or not _is_scalar(value):
                raise _CallError(
                    f"action {name!r} gave {variable!r} the value {value!r}; expected name and JSON scalar"
                )
        after.update(changes)
    return tuple(sorted(after.items(), key=_name))


def _is_scalar(value: object) -> bool:
    if isinstance(value, float):
        return isfinite(value)
    return value is None or isinstance(value, str | int)


def _name(pair: tuple[str, Scalar]) -> str:
    return pair[0]


def _check_reachable(tree: Tree, table: Table, start: Configuration) -> None:
    reached = {start: None}
    queue = [start]
    while queue:
        for moves in table[queue.pop()].values():
            for move in moves:
                if move.configuration not in reached:
                    reached[move.configuration] = None
                    queue.append(move.configuration)
    states = {state for configuration in reached for state in configuration.states}
    lost = [name for name in tree.states if name not in states]
    if lost:
        raise ChartError(f"unreachable: {listed(lost)}; no path of transitions leads there from the start")
