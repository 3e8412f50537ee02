"""What each kind of transition leaves, enters and runs, in which order, and what refuses an event."""

from collections.abc import Mapping
from typing import Any

import pytest

from dsm_jepsen.dsm.chart import (
    Action,
    Chart,
    ChartError,
    Configuration,
    Event,
    Guard,
    Scalar,
    State,
    Step,
    Transition,
    step,
)

_STATES = (
    State("out", initial=True, entry=("enter-out",), exit=("exit-out",)),
    State("a", parent="out", initial=True, entry=("enter-a",), exit=("exit-a",)),
    State("b", parent="out", entry=("enter-b",), exit=("exit-b",)),
    State("end", final=True),
)


def _note(word: str) -> Action:
    """Give an action that adds a word to the variable ``log``."""
    return lambda variables, _: {"log": f"{variables.get('log', '')} {word}".strip()}


def _boom(_: Mapping[str, Scalar], __: Event) -> Any:
    raise RuntimeError("boom")


def _chart(*transitions: Transition, states: tuple[State, ...] = _STATES, **more: Any) -> Chart:
    words = [f"{what}-{state.name}" for state in states for what in ("enter", "exit")]
    actions: dict[str, Action] = {word: _note(word) for word in [*words, "first", "second"]}
    actions |= {
        "boom": _boom,
        "list": lambda _, __: {"x": [1]},  # type: ignore[dict-item]
        "nan": lambda _, __: {"x": float("nan")},
        "number-name": lambda _, __: {1: 1},  # type: ignore[dict-item]
        "meddle": lambda variables, _: variables.clear() or {},  # type: ignore[attr-defined]
    }
    guards: dict[str, Guard] = {
        "no": lambda *_: False,
        "yes": lambda *_: True,
        "yes-too": lambda *_: True,
        "boom": _boom,
    }
    reach = (
        Transition(source="a", event="to-b", target="b"),
        Transition(source="b", event="to-a", target="a"),
        Transition(source="out", event="finish", target="end"),
    )
    return Chart(
        "test", states=states, transitions=transitions + reach, actions=actions, guards=guards, **more
    )


def _at(chart: Chart, leaf: str, event: str) -> Step:
    states = (leaf,) if leaf == "end" else ("out", leaf)
    return step(chart, Configuration(states), (), Event(event))


def _log(taken: Step) -> str:
    return str(dict(taken.variables).get("log", ""))


@pytest.mark.parametrize(
    ("source", "target", "kind", "log"),
    [
        ("out", "b", "external", "exit-a exit-out enter-out enter-b"),
        ("out", "b", "local", "exit-a enter-b"),
        ("a", "out", "external", "exit-a exit-out enter-out enter-a"),
        ("a", "out", "local", "exit-a enter-a"),
        ("out", "out", "external", "exit-a exit-out enter-out enter-a"),
        ("out", "out", "local", "exit-a enter-a"),
        ("a", "a", "external", "exit-a enter-a"),
        ("a", "a", "local", ""),
        ("a", None, "internal", ""),
        ("out", None, "internal", ""),
    ],
)
def test_a_transition_taken_in_a_leaves_and_enters(
    source: str, target: str | None, kind: Any, log: str
) -> None:
    taken = _at(_chart(Transition(source=source, event="E", target=target, kind=kind)), "a", "E")

    assert taken.accepted
    assert _log(taken) == log
    assert [*(f"exit-{name}" for name in taken.exited), *(f"enter-{name}" for name in taken.entered)] == (
        log.split()
    )


def test_actions_run_between_the_exits_and_the_entries_in_their_order() -> None:
    chart = _chart(Transition(source="out", event="E", target="b", actions=("first", "second")))

    taken = _at(chart, "a", "E")

    assert taken.actions == ("exit-a", "exit-out", "first", "second", "enter-out", "enter-b")
    assert _log(taken) == " ".join(taken.actions)


def test_initial_actions_run_before_the_first_entry() -> None:
    start = _chart(initial_actions=("first",), variables=(("log", "before"),)).start()

    assert _log(start) == "before first enter-out enter-a"


def test_under_spring_semantics_a_transition_to_the_parent_comes_back_and_notifies_it() -> None:
    chart = _chart(Transition(source="b", event="E", target="out"), semantics="spring")

    taken = _at(chart, "b", "E")

    assert taken.configuration.states == ("out", "b")
    assert _log(taken) == "exit-b exit-out enter-out enter-b"


def test_under_spring_semantics_a_local_transition_to_the_parent_is_as_in_uml() -> None:
    chart = _chart(Transition(source="b", event="E", target="out", kind="local"), semantics="spring")

    assert _at(chart, "b", "E").configuration.states == ("out", "a")


def test_all_guards_must_pass_and_a_refusal_lets_the_search_go_outward() -> None:
    chart = _chart(
        Transition(source="a", event="E", kind="internal", guards=("yes", "no")),
        Transition(source="out", event="E", kind="internal", guards=("yes",)),
    )

    assert _at(chart, "a", "E").transition == 1


def test_if_differing_guards_both_pass_the_definition_decides() -> None:
    chart = _chart(
        Transition(source="a", event="E", kind="internal", guards=("yes",)),
        Transition(source="a", event="E", kind="internal", guards=("yes-too",)),
    )

    assert _at(chart, "a", "E").transition == 0


@pytest.mark.parametrize(
    ("transition", "reason"),
    [
        (Transition(source="a", event="E", kind="internal", guards=("no",)), "the guards refuse"),
        (Transition(source="b", event="E", kind="internal"), "no transition on this event here"),
        (
            Transition(source="a", event="E", kind="internal", guards=("boom",)),
            "guard 'boom' raised RuntimeError: boom",
        ),
        (
            Transition(source="a", event="E", kind="internal", actions=("first", "boom")),
            "action 'boom' raised RuntimeError: boom",
        ),
        (
            Transition(source="a", event="E", kind="internal", actions=("list",)),
            "action 'list' gave 'x' the value [1]; expected name and JSON scalar",
        ),
        (
            Transition(source="a", event="E", kind="internal", actions=("nan",)),
            "action 'nan' gave 'x' the value nan; expected name and JSON scalar",
        ),
        (
            Transition(source="a", event="E", kind="internal", actions=("number-name",)),
            "action 'number-name' gave 1 the value 1; expected name and JSON scalar",
        ),
        (
            Transition(source="a", event="E", kind="internal", actions=("meddle",)),
            "action 'meddle' raised AttributeError: 'mappingproxy' object has no attribute 'clear'",
        ),
    ],
)
def test_a_refused_event_changes_nothing_and_says_why(transition: Transition, reason: str) -> None:
    taken = _at(_chart(transition), "a", "E")

    assert taken == Step(Configuration(("out", "a")), (), accepted=False, reason=reason)


def test_a_guard_that_raises_does_not_let_the_search_go_outward() -> None:
    chart = _chart(
        Transition(source="a", event="E", kind="internal", guards=("boom",)),
        Transition(source="out", event="E", kind="internal"),
    )

    assert not _at(chart, "a", "E").accepted


def test_under_spring_semantics_a_guard_that_raises_is_refused_all_the_same() -> None:
    chart = _chart(Transition(source="a", event="E", kind="internal", guards=("boom",)), semantics="spring")

    assert not _at(chart, "a", "E").accepted


def test_a_complete_chart_accepts_nothing() -> None:
    chart = _chart()
    finished = _at(chart, "a", "finish")

    assert chart.is_complete(finished.configuration)
    assert not chart.is_complete(chart.start().configuration)
    assert not any(_at(chart, "end", event).accepted for event in chart.events)


def test_a_final_state_inside_another_does_not_complete_the_chart() -> None:
    chart = Chart(
        "test",
        states=(
            State("out", initial=True),
            State("done", parent="out", initial=True, final=True),
        ),
        transitions=(Transition(source="out", event="E", kind="internal"),),
    )

    assert not chart.is_complete(chart.start().configuration)
    assert step(chart, chart.start().configuration, (), Event("E")).accepted


def test_an_event_the_chart_does_not_know_is_refused() -> None:
    assert not _at(_chart(), "a", "never-heard-of").accepted


@pytest.mark.parametrize(
    "configuration",
    [
        Configuration(()),
        Configuration(("out",)),
        Configuration(("a", "out")),
        Configuration(("out", "c")),
        Configuration(("out", "a"), history=(("h", ("a",)),)),
        Configuration(("out", "a"), deferred=(Event("E"),)),
    ],
)
def test_a_configuration_the_chart_cannot_be_in_is_an_error(configuration: Configuration) -> None:
    with pytest.raises(ValueError, match=r"^chart 'test' cannot be in \{"):
        step(_chart(), configuration, (), Event("E"))


def test_the_error_names_the_configuration_and_a_possible_one() -> None:
    with pytest.raises(ValueError, match="cannot be in") as caught:
        step(_chart(), Configuration(("out", "c")), (), Event("E"))

    assert str(caught.value) == (
        "chart 'test' cannot be in {'states': ['out', 'c']}; "
        "expected one of its 3 configurations, such as {'states': ['out', 'a']}"
    )


def test_an_initial_action_that_raises_is_found_at_birth() -> None:
    with pytest.raises(ChartError) as caught:
        _chart(initial_actions=("boom",))

    assert str(caught.value) == "chart 'test': cannot start: action 'boom' raised RuntimeError: boom"
