"""An oracle that others wrote: sismic takes the same charts the same way."""

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sismic.interpreter import Interpreter
from sismic.model import CompoundState, Statechart
from sismic.model import Transition as TheirTransition

from dsm_jepsen.dsm.chart import Chart, Event, step

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

_ROOT = "(chart)"

# Our guards and actions by name, in sismic's language.
_CODE = {
    "foo-is-0": "foo == 0",
    "foo-is-1": "foo == 1",
    "toggle-foo": "foo = 1 - foo",
    "set-variable": "pass",
    "even": "n % 2 == 0",
    "odd": "n % 2 == 1",
    "double": "n = (2 * n + 1) % 16",
    "triple": "n = (3 * n + 5) % 16",
}


def _code(names: tuple[str, ...]) -> str | None:
    return "\n".join(_CODE[name] for name in names) or None


def _sismic(chart: Chart) -> Any:
    """Build the same chart, inside one more state, since sismic wants a single outermost one."""
    initial = {state.parent: state.name for state in chart.states if state.initial}
    variables = "\n".join(f"{name} = {value!r}" for name, value in chart.start().variables)
    theirs = Statechart(chart.name, preamble=variables)
    theirs.add_state(CompoundState(_ROOT, initial=initial[None]), None)
    for state in chart.states:
        theirs.add_state(
            CompoundState(
                state.name,
                initial=initial.get(state.name),
                on_entry=_code(state.entry),
                on_exit=_code(state.exit),
            ),
            state.parent or _ROOT,
        )
    for transition in chart.transitions:
        theirs.add_transition(
            TheirTransition(
                transition.source,
                transition.target,
                transition.event,
                guard=_code(transition.guards),
                action=_code(transition.actions),
            )
        )
    interpreter = Interpreter(theirs)
    interpreter.execute_once()
    # Our start ran the entry actions already, and so did this one: take back what it did to the variables.
    interpreter.context.update(dict(chart.start().variables))
    return interpreter


def _take_both(chart: Chart, events: list[str]) -> None:
    """Drive both with the same events and compare after each."""
    theirs = _sismic(chart)
    configuration, variables = chart.start().configuration, chart.start().variables
    for event in events:
        taken = step(chart, configuration, variables, Event(event))
        macro = theirs.queue(event).execute_once()

        assert set(taken.configuration.states) == set(theirs.configuration) - {_ROOT}
        assert dict(taken.variables) == dict(theirs.context)
        assert taken.accepted == bool(macro.transitions)
        assert list(taken.exited) == macro.exited_states
        assert list(taken.entered) == macro.entered_states
        configuration, variables = taken.configuration, taken.variables


@given(events=st.lists(st.sampled_from("ABCDEFGHIJK"), max_size=40))
def test_the_web_chart_goes_where_sismic_goes(uml: Chart, events: list[str]) -> None:
    _take_both(uml, events)


@given(data=st.data())
def test_any_chart_goes_where_sismic_goes(data: st.DataObject, plain_charts: "SearchStrategy[Chart]") -> None:
    chart = data.draw(plain_charts)
    _take_both(chart, data.draw(st.lists(st.sampled_from(chart.events), max_size=10)))


def test_the_oracle_can_tell_a_wrong_chart(spring: Chart) -> None:
    with pytest.raises(AssertionError):
        _take_both(spring, ["C", "G"])
