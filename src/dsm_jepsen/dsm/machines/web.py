"""The state chart of the Spring Statemachine "Web" sample, which the published Jepsen tests ran.

Eight states in one region, four of them leaves; 19 transitions on the events A to K. ``foo`` is 0 or 1,
toggled when the machine starts and by H; ``testVariable`` is what event J brought last.
"""

from collections.abc import Mapping

from dsm_jepsen.dsm.chart import Chart, Event, Scalar, Semantics, State, Transition

_STATES = (
    State("S0", initial=True),
    State("S1", parent="S0", initial=True),
    State("S11", parent="S1", initial=True),
    State("S12", parent="S1"),
    State("S2", parent="S0"),
    State("S21", parent="S2", initial=True),
    State("S211", parent="S21", initial=True),
    State("S212", parent="S21"),
)

_TRANSITIONS = (
    Transition(source="S1", event="A", target="S1", guards=("foo-is-1",)),
    Transition(source="S1", event="B", target="S11"),
    Transition(source="S21", event="B", target="S211"),
    Transition(source="S1", event="C", target="S2"),
    Transition(source="S2", event="K", target="S1"),
    Transition(source="S1", event="D", target="S0"),
    Transition(source="S211", event="D", target="S21"),
    Transition(source="S0", event="E", target="S211"),
    Transition(source="S1", event="F", target="S211"),
    Transition(source="S2", event="F", target="S11"),
    Transition(source="S11", event="G", target="S211"),
    Transition(source="S211", event="G", target="S0"),
    Transition(source="S0", event="H", kind="internal", guards=("foo-is-0",), actions=("toggle-foo",)),
    Transition(source="S2", event="H", kind="internal", guards=("foo-is-1",), actions=("toggle-foo",)),
    Transition(source="S1", event="H", kind="internal"),  # keeps H from S0
    Transition(source="S11", event="I", target="S12"),
    Transition(source="S211", event="I", target="S212"),
    Transition(source="S12", event="I", target="S212"),
    Transition(source="S11", event="J", kind="internal", actions=("set-variable",)),
)


def web(semantics: Semantics = "uml") -> Chart:
    """Build the chart; ``spring`` behaves as the sample itself does."""
    return Chart(
        "web",
        states=_STATES,
        transitions=_TRANSITIONS,
        guards={"foo-is-0": _foo_is_0, "foo-is-1": _foo_is_1},
        actions={"toggle-foo": _toggle_foo, "set-variable": _set_variable},
        initial_actions=("toggle-foo",),
        semantics=semantics,
    )


def _foo_is_0(variables: Mapping[str, Scalar], _: Event) -> bool:
    return variables.get("foo") == 0


def _foo_is_1(variables: Mapping[str, Scalar], _: Event) -> bool:
    return variables.get("foo") == 1


def _toggle_foo(variables: Mapping[str, Scalar], _: Event) -> Mapping[str, Scalar]:
    """Set 0 when there is none yet."""
    return {"foo": 1 if variables.get("foo") == 0 else 0}


def _set_variable(_: Mapping[str, Scalar], event: Event) -> Mapping[str, Scalar]:
    """Keep what was when the event brings nothing."""
    return {name: value for name, value in event.parameters if name == "testVariable"}
