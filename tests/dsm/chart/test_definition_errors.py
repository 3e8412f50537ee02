"""A definition that is no chart is refused at birth, and the message names the culprit."""

from typing import Any

import pytest

from dsm_jepsen.dsm.chart import Chart, ChartError, State, Transition

_STATES = (State("a", initial=True), State("b"), State("end", final=True))
_REACH = (
    Transition(source="a", event="to-b", target="b"),
    Transition(source="a", event="to-end", target="end"),
)
_KNOWN = "expected one of 'a', 'b', 'end'"


def _with(*transitions: Transition) -> dict[str, Any]:
    """Give a definition with these transitions after two good ones."""
    return {
        "states": _STATES,
        "transitions": _REACH + transitions,
        "guards": {"g": lambda *_: True, "h": lambda *_: True},
        "actions": {"act": lambda *_: {}},
    }


def _of(*states: State) -> dict[str, Any]:
    """Give a definition with these states and no transition."""
    return {"states": states, "transitions": ()}


_CASES = {
    "unreachable states": (
        _of(State("a", initial=True), State("b"), State("c")),
        "unreachable: 'b', 'c'; no path of transitions leads there from the start",
    ),
    "unknown source": (
        _with(Transition(source="x", event="E", target="b")),
        f"transition 2 (x -E-> b): unknown source 'x'; {_KNOWN}",
    ),
    "unknown target": (
        _with(Transition(source="a", event="E", target="x")),
        f"transition 2 (a -E-> x): unknown target 'x'; {_KNOWN}",
    ),
    "unknown parent": (
        _of(State("a", initial=True), State("b", parent="x")),
        "state 'b': unknown parent 'x'; expected one of 'a', 'b'",
    ),
    "unknown guard": (
        _with(Transition(source="a", event="E", target="b", guards=("x",))),
        "transition 2 (a -E-> b): unknown guard 'x'; expected one of 'g', 'h'",
    ),
    "unknown action": (
        _with(Transition(source="a", event="E", kind="internal", actions=("x",))),
        "transition 2 (a -E-> (internal)): unknown action 'x'; expected one of 'act'",
    ),
    "unknown initial action": (
        _of(State("a", initial=True)) | {"initial_actions": ("x",)},
        "unknown initial action 'x'; expected one of (none registered)",
    ),
    "unknown entry action": (
        _of(State("a", initial=True, entry=("x",))),
        "state 'a': unknown entry action 'x'; expected one of (none registered)",
    ),
    "unknown exit action": (
        _of(State("a", initial=True, exit=("x",))),
        "state 'a': unknown exit action 'x'; expected one of (none registered)",
    ),
    "no state": (_of(), "the top has no state as initial; mark exactly one state as initial"),
    "two initials at the top": (
        _of(State("a", initial=True), State("b", initial=True)),
        "the top has 'a', 'b' as initial; mark exactly one state as initial",
    ),
    "two initials under a parent": (
        _of(State("a", initial=True), State("b", "a", initial=True), State("c", "a", initial=True)),
        "composite state 'a' has 'b', 'c' as initial; mark exactly one state as initial",
    ),
    "composite without initial": (
        _of(State("a", initial=True), State("b", parent="a")),
        "composite state 'a' has no state as initial; mark exactly one state as initial",
    ),
    "cycle of parents": (
        _of(State("top", initial=True), State("a", parent="c"), State("b", parent="a"), State("c", "b")),
        "cycle of parents: 'a' in 'c' in 'b' in 'a'; a state must lead to the top through its parents",
    ),
    "its own parent": (
        _of(State("top", initial=True), State("a", parent="a")),
        "cycle of parents: 'a' in 'a'; a state must lead to the top through its parents",
    ),
    "duplicate": (
        _of(State("a", initial=True), State("a")),
        "state 'a' is defined twice; a name stands for one state",
    ),
    "final parent": (
        _of(State("a", initial=True, final=True), State("b", parent="a", initial=True)),
        "state 'b': its parent 'a' is final; a final state has no substates",
    ),
    "out of a final state": (
        _with(Transition(source="end", event="E", target="b")),
        "transition 2 (end -E-> b): source 'end' is final; nothing leaves a final state",
    ),
    "internal with a target": (
        _with(Transition(source="a", event="E", target="b", kind="internal")),
        "transition 2 (a -E-> b): internal with target 'b'; an internal one goes nowhere",
    ),
    "external without a target": (
        _with(Transition(source="a", event="E")),
        "transition 2 (a -E-> (internal)): external without a target; name one, or make it internal",
    ),
    "local between strangers": (
        _with(Transition(source="a", event="E", target="b", kind="local")),
        "transition 2 (a -E-> b): local, but neither of 'a' and 'b' contains the other; make it external",
    ),
    "two without guards": (
        _with(Transition(source="a", event="to-b", target="end")),
        "transitions 0 (a -to-b-> b) and 2 (a -to-b-> end) may both be enabled: their guards are [] and []; "
        "on the same source and event, give each a guard that the other has not",
    ),
    "one without guards": (
        _with(
            Transition(source="a", event="E", target="b", guards=("g",)),
            Transition(source="a", event="E", target="end"),
        ),
        "transitions 2 (a -E-> b) and 3 (a -E-> end) may both be enabled: their guards are ['g'] and []; "
        "on the same source and event, give each a guard that the other has not",
    ),
    "guards that include the other's": (
        _with(
            Transition(source="a", event="E", target="b", guards=("g",)),
            Transition(source="a", event="E", target="end", guards=("h", "g")),
        ),
        "transitions 2 (a -E-> b) and 3 (a -E-> end) may both be enabled: their guards are ['g'] and "
        "['h', 'g']; on the same source and event, give each a guard that the other has not",
    ),
    "unsorted variables": (
        _of(State("a", initial=True)) | {"variables": (("b", 1), ("a", 1))},
        "the variables are not sorted by name, each once; use variables_from_json({...})",
    ),
}


@pytest.mark.parametrize(("definition", "message"), _CASES.values(), ids=_CASES)
def test_a_definition_that_is_no_chart_is_refused(definition: dict[str, Any], message: str) -> None:
    with pytest.raises(ChartError) as caught:
        Chart("bad", **definition)

    assert str(caught.value) == f"chart 'bad': {message}"


def test_transitions_on_the_same_source_and_event_may_have_differing_guards() -> None:
    chart = Chart(
        "good",
        **_with(
            Transition(source="a", event="E", target="b", guards=("g",)),
            Transition(source="a", event="E", target="end", guards=("h",)),
        ),
    )

    assert chart.events == ("to-b", "to-end", "E")
