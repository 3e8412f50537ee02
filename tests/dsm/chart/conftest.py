"""Charts for the tests: the web chart both ways, and arbitrary ones drawn by Hypothesis."""

from typing import TYPE_CHECKING

import pytest
from hypothesis import strategies as st

from dsm_jepsen.dsm.chart import Action, Chart, Guard, Kind, Semantics, State, Transition
from dsm_jepsen.dsm.machines.web import web

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

# Neither order nor number of these may be changed without changing n, so that n tells what ran when.
_ACTIONS: dict[str, Action] = {
    "double": lambda variables, _: {"n": (2 * int(variables.get("n") or 0) + 1) % 16},
    "triple": lambda variables, _: {"n": (3 * int(variables.get("n") or 0) + 5) % 16},
}
_GUARDS: dict[str, Guard] = {
    "even": lambda variables, _: int(variables.get("n") or 0) % 2 == 0,
    "odd": lambda variables, _: int(variables.get("n") or 0) % 2 == 1,
}

# The guards of the transitions on one source and event.
_GUARDINGS: tuple[tuple[tuple[str, ...], ...], ...] = (((),), (("even",),), (("even",), ("odd",)))

_CONTAINING: tuple[Kind, ...] = ("external", "local")


@pytest.fixture(scope="session")
def uml() -> Chart:
    """The web chart as UML reads it."""
    return web()


@pytest.fixture(scope="session")
def spring() -> Chart:
    """The web chart as Spring Statemachine reads it."""
    return web(semantics="spring")


@st.composite
def _charts(draw: "DrawFn", semantics: Semantics, *, local: bool) -> Chart:
    actions = st.lists(st.sampled_from(sorted(_ACTIONS)), max_size=2).map(tuple)
    parents: dict[str, str | None] = {}
    for number in range(draw(st.integers(1, 8))):
        parents[f"s{number}"] = draw(st.sampled_from([None, *parents]))
    first = {parent: name for name, parent in reversed(parents.items())}
    states = tuple(
        State(name, parent=parent, initial=first[parent] == name, entry=draw(actions), exit=draw(actions))
        for name, parent in parents.items()
    )
    names = st.sampled_from(sorted(parents))
    # A way to every state from its top, by an event of its own: charts with unreachable states are refused.
    transitions = [
        Transition(source=top, event=f"to-{name}", target=name)
        for top in (name for name, parent in parents.items() if parent is None)
        for name in parents
    ]
    keys = draw(st.lists(st.tuples(names, st.sampled_from("XYZ")), unique=True, max_size=8))
    for source, event in keys:
        for guards in draw(st.sampled_from(_GUARDINGS)):
            target = draw(st.none() | names)
            kind: Kind = "internal" if target is None else "external"
            if local and target is not None and _is_local(parents, source, target):
                kind = draw(st.sampled_from(_CONTAINING))
            transitions.append(
                Transition(
                    source=source,
                    event=event,
                    target=target,
                    kind=kind,
                    guards=guards,
                    actions=draw(actions),
                )
            )
    return Chart(
        "drawn",
        states=states,
        transitions=tuple(transitions),
        guards=_GUARDS,
        actions=_ACTIONS,
        variables=(("n", 0),),
        semantics=semantics,
    )


def _is_local(parents: dict[str, str | None], one: str, other: str) -> bool:
    def above(name: str | None) -> list[str]:
        return [] if name is None else [name, *above(parents[name])]

    return one in above(other) or other in above(one)


@pytest.fixture(scope="session")
def charts() -> "SearchStrategy[Chart]":
    """Arbitrary charts of all kinds of transitions, read either way."""
    semantics: tuple[Semantics, ...] = ("uml", "spring")
    return st.sampled_from(semantics).flatmap(lambda reading: _charts(reading, local=True))


@pytest.fixture(scope="session")
def plain_charts() -> "SearchStrategy[Chart]":
    """Arbitrary UML charts without local transitions."""
    return _charts("uml", local=False)
