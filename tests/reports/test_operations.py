"""A history as a table: one row per operation, faults among them."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dsm_jepsen.history import History, Op
from dsm_jepsen.reports import RunInfo
from dsm_jepsen.reports.operations import counts, faults, row_index, rows

INFO = RunInfo(
    scenario="s",
    title="t",
    seed=1,
    cluster="c",
    store="s",
    nodes=("n1", "n2"),
    concurrency=4,
    command="x",
    started="",
)


def test_a_row_tells_of_both_ends_of_an_operation(story: Any, info: RunInfo) -> None:
    story.operation(
        1500, 6, "event", outcome="fail", ms=20, argument={"event": "I"}, error=["lost-race", None]
    )
    (row,) = rows(story.history(), info, limit=9)
    assert (row.index, row.time_s, row.duration_ms, row.process, row.node) == (0, "1.500", "20.0", "6", "n2")
    assert (row.type, row.argument, row.value, row.error) == (
        "fail",
        '{"event":"I"}',
        "",
        '["lost-race",null]',
    )


def test_an_operation_that_never_returned_is_open(info: RunInfo) -> None:
    history = History([Op(index=0, time=0, type="invoke", process=0, f="read")])
    assert [row.type for row in rows(history, info, limit=9)] == ["open"]


def test_the_second_event_of_a_fault_completes_the_first(story: Any) -> None:
    story.fault(1000, "start-kill", ["n1"]).fault(2000, "stop-kill", ["n1"])
    pairs = [(begin.f, done.value if done else None) for begin, done in faults(story.history())]
    assert pairs == [("start-kill", ["n1"]), ("stop-kill", ["n1"])]


def test_rows_are_in_the_order_of_invocations_faults_among_them(disturbed: History, info: RunInfo) -> None:
    table = rows(disturbed, info, limit=10_000)
    assert [row.index for row in table] == sorted(row.index for row in table)
    assert {row.process for row in table} >= {"nemesis", "0", "12"}


def test_beyond_the_limit_only_culprits_are_shown(isolated: History, info: RunInfo) -> None:
    last = len(isolated) - 1
    table = rows(isolated, info, only={last}, limit=3)
    assert len(table) == 4
    assert table[-1].index == row_index(isolated, last)


def test_the_order_of_a_values_keys_makes_no_difference(story: Any, info: RunInfo) -> None:
    story.operation(0, 0, "read", value={"a": 1, "b": 2}).operation(9, 0, "read", value={"b": 2, "a": 1})
    one, other = rows(story.history(), info, limit=9)
    assert one.value == other.value == '{"a":1,"b":2}'


def test_long_values_are_cut_off(story: Any, info: RunInfo) -> None:
    story.operation(0, 0, "read", value="x" * 10_000)
    (row,) = rows(story.history(), info, limit=1)
    assert len(row.value) < 500
    assert row.value.endswith("…")


def test_operations_are_counted_by_name_and_outcome(disturbed: History) -> None:
    event = {count.f: count for count in counts(disturbed)}["event"]
    assert (event.ok, event.fail, event.info, event.open) == (3, 5, 1, 0)
    assert (event.median_ms, event.longest_ms) == ("8.0", "900.0")


@given(st.lists(st.sampled_from([0, 1, 2, "start-kill", "stop-kill"]), max_size=40))
def test_every_event_stands_in_exactly_one_row(steps: list[int | str]) -> None:
    history = History()
    running: set[int | str] = set()
    for step in steps:
        fault = isinstance(step, str)
        type_: Any = "info" if fault else "ok" if step in running else "invoke"
        running ^= {step}
        process: Any = "nemesis" if fault else step
        history.append(
            Op(index=len(history), time=0, type=type_, process=process, f=str(step) if fault else "read")
        )
    shown = [row.index for row in rows(history, INFO, limit=1000)]
    assert len(shown) == len(set(shown))
    assert {row_index(history, index) for index in range(len(history))} == set(shown)
