"""The web chart, cell by cell: what each event does at each leaf, with foo 0 and 1.

A cell reads ``-left +entered = leaf``; ``stay`` leaves and enters nothing; ``#n`` is the transition that
fired, counted from 1; ``refuse`` means that nothing accepts the event.
"""

from typing import NamedTuple

import pytest

from dsm_jepsen.dsm.chart import Chart, Configuration, Event, Step, step

_PATHS = {path[-1]: path for path in (
    ("S0", "S1", "S11"),
    ("S0", "S1", "S12"),
    ("S0", "S2", "S21", "S211"),
    ("S0", "S2", "S21", "S212"),
)}  # fmt: skip

# Columns: at S11, at S12, at S211, at S212. As Spring Statemachine does it.
_SPRING: dict[tuple[str, int], tuple[str, str, str, str]] = {}


def _row(event: str, *cells: str, foo: tuple[int, ...] = (0, 1)) -> None:
    s11, s12, s211, s212 = cells
    for value in foo:
        _SPRING[event, value] = (s11, s12, s211, s212)


_row("A", "stay", "stay", "refuse", "refuse", foo=(0,))
_row("A", "-S11 -S1 +S1 +S11 = S11 #1", "-S12 -S1 +S1 +S11 = S11 #1", "refuse", "refuse", foo=(1,))
_row(
    "B",
    "-S11 -S1 +S1 +S11 = S11 #2",
    "-S12 -S1 +S1 +S11 = S11 #2",
    "-S211 -S21 +S21 +S211 = S211 #3",
    "-S212 -S21 +S21 +S211 = S211 #3",
)
_row("C", "-S11 -S1 +S2 +S21 +S211 = S211 #4", "-S12 -S1 +S2 +S21 +S211 = S211 #4", "refuse", "refuse")
_row(
    "D",
    "-S11 -S1 -S0 +S0 +S1 +S11 = S11 #6",
    "-S12 -S1 -S0 +S0 +S1 +S11 = S11 #6",
    "-S211 -S21 +S21 +S211 = S211 #7",
    "refuse",
)
_row(
    "E",
    "-S11 -S1 -S0 +S0 +S2 +S21 +S211 = S211 #8",
    "-S12 -S1 -S0 +S0 +S2 +S21 +S211 = S211 #8",
    "-S211 -S21 -S2 -S0 +S0 +S2 +S21 +S211 = S211 #8",
    "-S212 -S21 -S2 -S0 +S0 +S2 +S21 +S211 = S211 #8",
)
_row(
    "F",
    "-S11 -S1 +S2 +S21 +S211 = S211 #9",
    "-S12 -S1 +S2 +S21 +S211 = S211 #9",
    "-S211 -S21 -S2 +S1 +S11 = S11 #10",
    "-S212 -S21 -S2 +S1 +S11 = S11 #10",
)
_row(
    "G",
    "-S11 -S1 +S2 +S21 +S211 = S211 #11",
    "refuse",
    "-S211 -S21 -S2 -S0 +S2 +S21 +S211 = S211 #12",
    "refuse",
)
_row("H", "stay #15", "stay #15", "stay foo=1 #13", "stay foo=1 #13", foo=(0,))
_row("H", "stay #15", "stay #15", "stay foo=0 #14", "stay foo=0 #14", foo=(1,))
_row("I", "-S11 +S12 = S12 #16", "-S12 -S1 +S2 +S21 +S212 = S212 #18", "-S211 +S212 = S212 #17", "refuse")
_row("J", "stay #19", "refuse", "refuse", "refuse")
_row("K", "refuse", "refuse", "-S211 -S21 -S2 +S1 +S11 = S11 #5", "-S212 -S21 -S2 +S1 +S11 = S11 #5")

_UML_DIFFERS = {
    ("A", 0, "S11"): "refuse",
    ("A", 0, "S12"): "refuse",
    ("G", 0, "S211"): "-S211 -S21 -S2 -S0 +S0 +S1 +S11 = S11 #12",
    ("G", 1, "S211"): "-S211 -S21 -S2 -S0 +S0 +S1 +S11 = S11 #12",
}

_CELLS = {
    (event, foo, leaf): cell
    for (event, foo), cells in _SPRING.items()
    for leaf, cell in zip(_PATHS, cells, strict=True)
}


class _Outcome(NamedTuple):
    states: tuple[str, ...]
    foo: object
    accepted: bool
    transition: int | None
    exited: tuple[str, ...]
    entered: tuple[str, ...]


def _expected(cell: str, leaf: str, foo: int) -> _Outcome:
    words = cell.replace("= ", "=").split()
    numbers = [int(word[1:]) - 1 for word in words if word.startswith("#")]
    return _Outcome(
        states=_PATHS[next((word[1:] for word in words if word.startswith("=")), leaf)],
        foo=next((int(word[4:]) for word in words if word.startswith("foo=")), foo),
        accepted=cell != "refuse",
        transition=numbers[0] if numbers else None,
        exited=tuple(word[1:] for word in words if word.startswith("-")),
        entered=tuple(word[1:] for word in words if word.startswith("+")),
    )


def _take(chart: Chart, event: str, foo: int, leaf: str) -> Step:
    return step(chart, Configuration(_PATHS[leaf]), (("foo", foo),), Event(event))


def _seen(taken: Step) -> _Outcome:
    return _Outcome(
        taken.configuration.states,
        dict(taken.variables)["foo"],
        taken.accepted,
        taken.transition,
        taken.exited,
        taken.entered,
    )


def test_the_table_has_every_cell() -> None:
    assert len(_CELLS) == 11 * 4 * 2


@pytest.mark.parametrize(("event", "foo", "leaf"), _CELLS)
def test_the_web_chart_under_spring_semantics(spring: Chart, event: str, foo: int, leaf: str) -> None:
    expected = _expected(_CELLS[event, foo, leaf], leaf, foo)

    assert _seen(_take(spring, event, foo, leaf)) == expected


@pytest.mark.parametrize(("event", "foo", "leaf"), _CELLS)
def test_the_web_chart_under_uml_semantics(uml: Chart, event: str, foo: int, leaf: str) -> None:
    cell = _UML_DIFFERS.get((event, foo, leaf), _CELLS[event, foo, leaf])

    assert _seen(_take(uml, event, foo, leaf)) == _expected(cell, leaf, foo)


def test_the_two_readings_differ_in_exactly_the_two_quirks(uml: Chart, spring: Chart) -> None:
    differing = {cell for cell in _CELLS if _seen(_take(uml, *cell)) != _seen(_take(spring, *cell))}

    assert differing == set(_UML_DIFFERS)


def test_the_web_chart_starts_in_s11_with_foo_0(uml: Chart) -> None:
    start = uml.start()

    assert start.configuration.states == ("S0", "S1", "S11")
    assert start.variables == (("foo", 0),)
    assert start.entered == ("S0", "S1", "S11")
    assert start.actions == ("toggle-foo",)
    assert start.transition is None


def test_entering_the_outermost_state_again_does_not_run_the_initial_action(uml: Chart) -> None:
    taken = _take(uml, "D", 0, "S11")

    assert "S0" in taken.entered
    assert taken.actions == ()


def test_j_keeps_the_parameter_it_brings(uml: Chart) -> None:
    start = uml.start()

    event = Event.of("J", {"testVariable": "v1", "another": 1})
    taken = step(uml, start.configuration, start.variables, event)

    assert taken.variables == (("foo", 0), ("testVariable", "v1"))


def test_j_without_the_parameter_changes_no_variable(uml: Chart) -> None:
    variables = (("foo", 0), ("testVariable", "v1"))

    taken = step(uml, uml.start().configuration, variables, Event("J"))

    assert taken.accepted
    assert taken.variables == variables
