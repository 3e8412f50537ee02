"""A chart's transitions worked out in advance: for every configuration and event, the moves to try.

A row depends on the definition alone, so the table is built whole when the chart is born. All the rules
about which states a transition leaves and enters are here.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from dsm_jepsen.dsm.chart.definition import Action, ChartError, Guard, Semantics, Transition
from dsm_jepsen.dsm.chart.tree import Tree, listed
from dsm_jepsen.dsm.chart.values import Configuration


class Move(NamedTuple):
    """One transition out of one configuration: what it asks, runs, leaves and enters."""

    transition: int
    configuration: Configuration
    exited: tuple[str, ...]
    entered: tuple[str, ...]
    guards: tuple[tuple[str, Guard], ...]
    actions: tuple[tuple[str, Action], ...]
    action_names: tuple[str, ...]


Table = Mapping[Configuration, Mapping[str, tuple[Move, ...]]]
"""By configuration and event name the moves, innermost source first, then in the definition's order."""


def build_table(
    tree: Tree,
    transitions: Sequence[Transition],
    guards: Mapping[str, Guard],
    actions: Mapping[str, Action],
    semantics: Semantics,
) -> Table:
    """Work out all moves of a chart whose transitions were checked."""
    table: dict[Configuration, dict[str, tuple[Move, ...]]] = {}
    for leaf in tree.leaves:
        active = tree.paths[leaf]
        row: dict[str, tuple[Move, ...]] = {}
        for source in reversed(active):
            for index, transition in enumerate(transitions):
                if transition.source == source:
                    exited, entered, after = _route(tree, active, transition, semantics)
                    names = (
                        *(name for state in exited for name in tree.states[state].exit),
                        *transition.actions,
                        *(name for state in entered for name in tree.states[state].entry),
                    )
                    move = Move(
                        transition=index,
                        configuration=Configuration(after),
                        exited=exited,
                        entered=entered,
                        guards=tuple((name, guards[name]) for name in transition.guards),
                        actions=tuple((name, actions[name]) for name in names),
                        action_names=names,
                    )
                    row[transition.event] = (*row.get(transition.event, ()), move)
        table[Configuration(active)] = row
    return table


def _route(
    tree: Tree, active: tuple[str, ...], transition: Transition, semantics: Semantics
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Give the states left (innermost first), entered (outermost first), and active afterwards."""
    source, target = transition.source, transition.target
    if target is None:
        return (), (), active
    # What stays active is everything around both ends. An external transition leaves the ends themselves
    # also where one contains the other; a local one leaves only what is inside the containing end.
    around = [state for state in tree.paths[source] if state in tree.paths[target]]
    if transition.kind == "external" and around[-1:] in ([source], [target]):
        around.pop()
    kept = len(around)
    exited = tuple(reversed(active[kept:]))
    if semantics == "spring" and transition.kind == "external" and _is_inside(tree, source, target):
        # Quirk: an external transition to a state around its source comes back to the source, not to the
        # target's initial state; and the target's entry goes unseen unless the source is its direct child.
        after = tree.paths[source] + tree.default(source)
        unseen = 0 if tree.states[source].parent == target else 1
        return exited, after[kept + unseen :], after
    after = tree.paths[target] + tree.default(target)
    return exited, after[kept:], after


def _is_inside(tree: Tree, inner: str, outer: str) -> bool:
    return inner != outer and tree.contains(outer, inner)


def check_transitions(
    tree: Tree, transitions: Sequence[Transition], guards: Mapping[str, Guard], actions: Mapping[str, Action]
) -> None:
    """Reject transitions that name what does not exist or cannot be.

    Raises:
        ChartError: the message names the transition by its place from 0 and its ends.
    """
    for index, transition in enumerate(transitions):
        problem = _problem(tree, transition, guards, actions)
        if problem is not None:
            raise ChartError(f"transition {index} ({transition.arrow()}): {problem}")
    for (left, first), (right, second) in combinations(enumerate(transitions), 2):
        if (first.source, first.event) != (second.source, second.event):
            continue
        if set(first.guards) <= set(second.guards) or set(first.guards) >= set(second.guards):
            raise ChartError(
                f"transitions {left} ({first.arrow()}) and {right} ({second.arrow()}) may both be enabled: "
                f"their guards are [{listed(first.guards)}] and [{listed(second.guards)}]; on the same "
                "source and event, give each a guard that the other has not"
            )


def _problem(
    tree: Tree, transition: Transition, guards: Mapping[str, Guard], actions: Mapping[str, Action]
) -> str | None:
    source, target = transition.source, transition.target
    if source not in tree.states:
        return f"unknown source {source!r}; expected one of {listed(tree.states)}"
    if target is not None and target not in tree.states:
        return f"unknown target {target!r}; expected one of {listed(tree.states)}"
    if tree.states[source].final:
        return f"source {source!r} is final; nothing leaves a final state"
    return _problem_of_kind(tree, transition) or unknown_name(
        ("guard", transition.guards, guards), ("action", transition.actions, actions)
    )


def _problem_of_kind(tree: Tree, transition: Transition) -> str | None:
    source, target = transition.source, transition.target
    if transition.kind == "internal":
        return None if target is None else f"internal with target {target!r}; an internal one goes nowhere"
    if target is None:
        return f"{transition.kind} without a target; name one, or make it internal"
    if transition.kind == "local" and not (tree.contains(source, target) or tree.contains(target, source)):
        return f"local, but neither of {source!r} and {target!r} contains the other; make it external"
    return None


def unknown_name(*groups: tuple[str, Sequence[str], Mapping[str, object]]) -> str | None:
    """Say which of the names (by kind: wanted, registered) is not registered; ``None`` if all are."""
    for kind, wanted, registered in groups:
        for name in wanted:
            if name not in registered:
                return f"unknown {kind} {name!r}; expected one of {listed(registered) or '(none registered)'}"
    return None
