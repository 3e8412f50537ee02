"""What a chart shows, as data: who was seen in which state, what was sent, and which faults were in force."""

from typing import Any

import pytest

from dsm_jepsen.history import History, OpType
from dsm_jepsen.reports import RunInfo
from dsm_jepsen.reports.states import Commit, Event, Mark, Point, states_over_time

S = 1_000_000_000
MS = 1_000_000


def read_value(leaf: str, node: str = "n1", **variables: Any) -> dict[str, Any]:
    return {"version": 1, "states": ["S0", leaf], "variables": variables, "node": node}


def test_isolated_events_are_five_equal_staircases(isolated: History, info: RunInfo) -> None:
    chart = states_over_time(isolated, info)
    for node in info.nodes:
        climbed = [point.level for point in chart.lines[node]]
        steps = [level for i, level in enumerate(climbed) if i == 0 or level != climbed[i - 1]]
        assert steps == [0, 1, 2, 3, 0, 1, 2, 3, 0]


def test_a_line_begins_with_the_first_read_and_ends_with_the_last(isolated: History, info: RunInfo) -> None:
    line = states_over_time(isolated, info).lines["n1"]
    reads = [op for op in isolated if op.f == "read" and op.type == "ok" and op.process == 0]
    assert (line[0].time, line[-1].time) == (reads[0].time, reads[-1].time)


def test_reads_that_change_nothing_leave_no_points(isolated: History, info: RunInfo) -> None:
    line = states_over_time(isolated, info).lines["n1"]
    assert len([op for op in isolated if op.f == "read" and op.type == "ok" and op.process == 0]) == 45
    assert all(not a.level == b.level == c.level for a, b, c in zip(line, line[1:], line[2:], strict=False))


def test_events_stand_at_their_completion_and_the_node_that_took_them(
    isolated: History, info: RunInfo
) -> None:
    events = states_over_time(isolated, info).events
    assert "".join(event.label for event in events) == "ICIKICIK"
    assert [event.node for event in events] == ["n1", "n2", "n5", "n3", "n2", "n1", "n3", "n5"]
    assert events[0].time == (5065 + 8) * MS


@pytest.mark.parametrize("outcome", ["ok", "fail", "info"])
def test_no_event_is_hidden_whatever_became_of_it(story: Any, info: RunInfo, outcome: str) -> None:
    story.operation(100, 3, "event", outcome=outcome, argument={"event": "C"}, error=["x", None])
    assert states_over_time(story.history(), info).events == (Event(108 * MS, "n4", "C", outcome),)


def test_a_process_after_an_unknown_outcome_is_still_its_nodes(story: Any, info: RunInfo) -> None:
    story.operation(100, 8, "event", argument={"event": "C"})
    assert states_over_time(story.history(), info).events[0].node == "n4"


def test_the_answer_knows_better_than_the_rule_which_node_gave_it(story: Any, info: RunInfo) -> None:
    story.operation(100, 0, "read", value=read_value("S11", "n5"))
    assert states_over_time(story.history(), info).lines["n5"] == (Point(108 * MS, 0),)


def test_a_read_in_error_is_a_level_above_all_states(story: Any, info: RunInfo) -> None:
    story.operation(100, 0, "read", outcome="fail", error=["in-error", {"reason": "session lost"}])
    chart = states_over_time(story.history(), info)
    assert chart.levels == ("S11", "S12", "S211", "S212", "error")
    assert chart.lines["n1"] == (Point(108 * MS, 4),)


@pytest.mark.parametrize("outcome", ["fail", "info"])
def test_other_reads_that_told_nothing_mark_the_level_their_line_was_at(
    story: Any, info: RunInfo, outcome: OpType
) -> None:
    story.operation(50, 0, "read", outcome=outcome, error=["timeout", None])
    story.operation(100, 5, "read", value=read_value("S12"))
    story.operation(200, 5, "read", outcome=outcome, error=["timeout", None])
    chart = states_over_time(story.history(), info)
    assert chart.marks == (Mark(58 * MS, "n1", None, outcome), Mark(208 * MS, "n1", 1, outcome))
    assert "error" not in chart.levels


def test_a_state_that_the_levels_do_not_name_gets_one_above_them(story: Any, info: RunInfo) -> None:
    story.operation(100, 0, "read", value=read_value("S9"))
    assert states_over_time(story.history(), info).levels == ("S11", "S12", "S211", "S212", "S9")


def test_a_chart_may_follow_a_variable(story: Any, variables_info: RunInfo) -> None:
    story.operation(50, 0, "read", value=read_value("S11", foo=0))
    asked = {"event": "J", "parameters": {"testVariable": "v2"}}
    story.operation(70, 0, "event", argument=asked, value=read_value("S11"))
    story.operation(100, 0, "read", value=read_value("S11", foo=0, testVariable="v2"))
    chart = states_over_time(story.history(), variables_info)
    assert (chart.subject, chart.levels) == ("variable", variables_info.levels)
    assert chart.lines["n1"] == (Point(108 * MS, 1),)
    assert chart.events[0].label == "v2"


@pytest.mark.parametrize(
    ("name", "crosses"), [("kill", 1), ("kill-node", 1), ("crash-all", 1), ("kill-store", 0), ("halves", 0)]
)
def test_a_node_started_anew_is_crossed_at_the_end_of_its_restart(
    story: Any, info: RunInfo, name: str, crosses: int
) -> None:
    story.fault(1000, f"start-{name}", ["n2"]).fault(2000, f"stop-{name}", ["n2"])
    crossed = (Event(2020 * MS, "n2", "X", "restart"),)
    assert states_over_time(story.history(), info).events == crossed[:crosses]


def test_an_empty_history_has_an_empty_chart(info: RunInfo) -> None:
    chart = states_over_time(History(), info)
    assert (chart.end, chart.events, chart.windows, chart.marks) == (0, (), (), ())
    assert set(chart.lines.values()) == {()}


def steps(line: tuple[Point, ...]) -> list[int]:
    """The levels a line goes through."""
    return [point.level for i, point in enumerate(line) if i == 0 or point.level != line[i - 1].level]


def test_parallel_events_are_columns_of_five_of_which_one_took_effect(
    parallel: History, info: RunInfo
) -> None:
    chart = states_over_time(parallel, info)
    columns = [sorted(chart.events)[i : i + 5] for i in range(0, 40, 5)]
    assert len(chart.events) == 40
    for column in columns:
        assert sorted(event.node for event in column) == list(info.nodes)
        assert len({event.label for event in column}) == 1
        assert [event.outcome for event in column].count("ok") == 1
    winners = [event.node for column in columns for event in column if event.outcome == "ok"]
    assert winners == ["n1", "n2", "n5", "n3", "n2", "n1", "n3", "n5"]


def test_eight_values_are_one_staircase_that_begins_after_the_first(
    variables: History, variables_info: RunInfo
) -> None:
    chart = states_over_time(variables, variables_info)
    for node in variables_info.nodes:
        assert steps(chart.lines[node]) == list(range(8))
        assert chart.lines[node][0].time > 5 * S
    assert [f"{event.label} {event.node}" for event in chart.events] == [
        "v1 n5", "v2 n2", "v3 n2", "v4 n2", "v5 n2", "v6 n4", "v7 n5", "v8 n2",
    ]  # fmt: skip


def test_eight_restarts_are_crossed_where_and_when_they_were_published(
    stop_start: History, info: RunInfo
) -> None:
    chart = states_over_time(stop_start, info)
    assert [(event.time // S, event.node) for event in chart.events if event.label == "X"] == [
        (21, "n2"), (34, "n1"), (46, "n3"), (59, "n5"), (72, "n4"), (85, "n3"), (97, "n5"), (111, "n4"),
    ]  # fmt: skip
    assert {tuple(steps(line)) for line in chart.lines.values()} == {(0, 2, 0)}


def test_half_1_is_in_error_on_two_nodes_and_only_after_the_heal(half_1: History, info: RunInfo) -> None:
    chart = states_over_time(half_1, info)
    (cut,) = chart.windows
    error = chart.levels.index("error")
    assert [node for node, line in chart.lines.items() if error in steps(line)] == ["n1", "n3"]
    assert cut.end is not None
    assert all(p.time > cut.end for line in chart.lines.values() for p in line if p.level == error)
    assert cut.sides == (("n1", "n3"), ("n2", "n4", "n5"))


def test_half_2_is_in_error_on_all_nodes_which_all_come_back(half_2: History, info: RunInfo) -> None:
    chart = states_over_time(half_2, info)
    error = chart.levels.index("error")
    assert {tuple(steps(line)) for line in chart.lines.values()} == {(0, 2, error, 2, 0)}


def test_a_version_is_dated_by_whoever_is_shown_it_first(story: Any, info: RunInfo) -> None:
    story.operation(100, 0, "read", value={**read_value("S11"), "version": 0})
    story.operation(200, 0, "event", value={**read_value("S12"), "version": 1})
    story.operation(300, 1, "read", value={**read_value("S12"), "version": 1})
    story.operation(400, 2, "event", outcome="info", error=["timeout", None])
    story.operation(500, 1, "read", value={**read_value("S12"), "version": 2})
    assert states_over_time(story.history(), info).commits == (Commit(208 * MS, 1), Commit(508 * MS, 2))
