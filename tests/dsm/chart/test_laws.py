"""Laws of ``step`` that hold for every chart, configuration, variables and event."""

from typing import TYPE_CHECKING

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from dsm_jepsen.dsm.chart import (
    Chart,
    Configuration,
    Event,
    Scalar,
    Step,
    configuration_from_json,
    configuration_to_json,
    step,
    variables_from_json,
    variables_to_json,
)

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

# Integers of 64 bits are what every reader of JSON can hold.
_SCALARS: "SearchStrategy[Scalar]" = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
_PAIRS = st.dictionaries(st.text(), _SCALARS, max_size=4).map(variables_from_json)


def _draw_step(data: st.DataObject, charts: "SearchStrategy[Chart]") -> tuple[Chart, Step, Event]:
    """Draw a chart, somewhere it can be, and an event that it may or may not know."""
    chart = data.draw(charts)
    taken = chart.start()
    for name in data.draw(st.lists(st.sampled_from(chart.events), max_size=6)):
        taken = step(chart, taken.configuration, taken.variables, Event(name))
    return chart, taken, Event(data.draw(st.sampled_from(chart.events) | st.text()), data.draw(_PAIRS))


@given(data=st.data())
def test_the_same_arguments_give_the_same_step(data: st.DataObject, charts: "SearchStrategy[Chart]") -> None:
    chart, before, event = _draw_step(data, charts)

    once = step(chart, before.configuration, before.variables, event)
    for other in chart.events:  # whatever it was asked meanwhile
        step(chart, before.configuration, before.variables, Event(other))

    assert step(chart, before.configuration, before.variables, event) == once


@given(data=st.data())
def test_a_step_always_ends_where_the_chart_can_be(
    data: st.DataObject, charts: "SearchStrategy[Chart]"
) -> None:
    chart, before, event = _draw_step(data, charts)

    taken = step(chart, before.configuration, before.variables, event)

    assert taken.configuration in chart.configurations


@given(data=st.data())
def test_a_step_without_a_transition_changes_nothing(
    data: st.DataObject, charts: "SearchStrategy[Chart]"
) -> None:
    chart, before, event = _draw_step(data, charts)

    taken = step(chart, before.configuration, before.variables, event)

    assert (taken.transition is None) == (taken.reason is not None)
    if taken.transition is None:
        assert taken[:2] == before[:2]
        assert (taken.exited, taken.entered, taken.actions) == ((), (), ())


@given(data=st.data())
def test_what_is_left_and_entered_leads_from_one_configuration_to_the_next(
    data: st.DataObject, charts: "SearchStrategy[Chart]"
) -> None:
    chart, before, event = _draw_step(data, charts)

    taken = step(chart, before.configuration, before.variables, event)

    states = before.configuration.states
    kept = states[: len(states) - len(taken.exited)]
    assert states == kept + taken.exited[::-1]
    unseen = () if chart.semantics == "uml" else taken.configuration.states[len(kept) :][:1]
    assert taken.configuration.states in (kept + taken.entered, kept + unseen + taken.entered)


@given(data=st.data(), variables=_PAIRS, event=st.builds(Event, st.sampled_from("ABCDEFGHIJK"), _PAIRS))
def test_the_web_chart_answers_whatever_the_variables_are(
    uml: Chart, data: st.DataObject, variables: tuple[tuple[str, Scalar], ...], event: Event
) -> None:
    configuration = data.draw(st.sampled_from(uml.configurations))

    taken = step(uml, configuration, variables, event)

    assert taken.variables == tuple(sorted(dict(taken.variables).items(), key=lambda pair: pair[0]))
    hash(taken)


@given(
    configuration=st.builds(
        Configuration,
        st.lists(st.text()).map(tuple),
        st.lists(st.tuples(st.text(), st.lists(st.text()).map(tuple))).map(tuple),
        st.lists(st.builds(Event, st.text(), _PAIRS)).map(tuple),
    )
)
def test_a_configuration_survives_json_and_stays_equal_in_hash(configuration: Configuration) -> None:
    line = msgspec.json.encode(configuration_to_json(configuration))
    again = configuration_from_json(msgspec.json.decode(line))

    assert again == configuration
    assert hash(again) == hash(configuration)
    assert msgspec.json.encode(configuration) == line  # one form, also inside of other records


@given(variables=_PAIRS)
def test_variables_survive_json_and_stay_equal_in_hash(
    variables: tuple[tuple[str, Scalar], ...],
) -> None:
    line = msgspec.json.encode(variables_to_json(variables))
    again = variables_from_json(msgspec.json.decode(line))

    assert again == variables
    assert hash(again) == hash(variables)
