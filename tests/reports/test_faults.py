"""Faults in a report: what a nemesis said of them is what is drawn and listed."""

from typing import Any

import pytest

from dsm_jepsen.checkers import COMPARISON
from dsm_jepsen.history import History, Op
from dsm_jepsen.reports import RunInfo
from dsm_jepsen.reports.faults import Skip, Window, fault_rows, windows

S = 1_000_000_000
MS = 1_000_000
NODES = ("n1", "n2", "n3", "n4", "n5")

CUT = {"nodes": ["n4", "n3"], "minority": ["n3", "n4"], "majority": ["n1", "n2", "n5"], "dropped": 12}
INSTALLED, UNSEEN = {"outcome": "installed", **CUT}, {"outcome": "indeterminate", **CUT}
ENDED: dict[str, Any] = {"outcome": "ended", "nodes": []}


def test_an_installed_cut_is_in_force_until_it_ended_with_its_sides_named(story: Any) -> None:
    story.fault(1000, "start-halves", INSTALLED, ms=20).fault(5000, "stop-halves", ENDED, ms=30)
    sides = (("n3", "n4"), ("n1", "n2", "n5"))
    expected = Window(1 * S, 5 * S + 30 * MS, "halves", ("n3", "n4"), sides)
    assert windows(story.history(), NODES) == ((expected,), ())


def test_a_fault_that_nobody_saw_act_is_in_force_unseen(story: Any) -> None:
    story.fault(1000, "start-halves", UNSEEN).fault(5000, "stop-halves", ENDED)
    ((window,), _) = windows(story.history(), NODES)
    assert not window.seen


def test_a_skipped_fault_is_no_window(story: Any) -> None:
    story.fault(1000, "start-halves", {"outcome": "skipped", "nodes": [], "why": "nobody leads"})
    story.fault(5000, "stop-halves", ENDED)
    assert windows(story.history(), NODES) == ((), (Skip(1 * S, "halves"),))


def test_a_skip_leaves_the_fault_that_acts_already_as_it_was(story: Any) -> None:
    story.fault(1000, "start-kill", {"outcome": "installed", "nodes": ["n1"]})
    story.fault(2000, "start-kill", {"outcome": "skipped", "nodes": [], "why": "n1 is down already"})
    story.fault(3000, "stop-kill", {"outcome": "ended", "nodes": ["n1"]}, ms=30)
    assert windows(story.history(), NODES) == (
        (Window(1 * S, 3030 * MS, "kill", ("n1",)),),
        (Skip(2 * S, "kill"),),
    )


def test_an_end_that_nobody_saw_is_none(story: Any) -> None:
    story.fault(1000, "start-kill", {"outcome": "installed", "nodes": ["n1"]})
    story.fault(3000, "stop-kill", {"outcome": "indeterminate", "nodes": ["n1"]})
    story.fault(9000, "stop-kill", {"outcome": "ended", "nodes": ["n1"]}, ms=0)
    ((window,), _) = windows(story.history(), NODES)
    assert window.end == 9 * S


def test_a_start_that_broke_off_may_act_in_part() -> None:
    begin = Op(index=0, time=1 * S, type="info", process="nemesis", f="start-kill", value=["n2"])
    broken = Op(
        index=1, time=2 * S, type="info", process="nemesis", f="start-kill", error=["exception", "KeyError"]
    )
    assert windows(History([begin, broken]), NODES)[0] == (
        Window(1 * S, None, "kill", ("n2",), (), seen=False),
    )


@pytest.mark.parametrize("value", [["n3", "n4"], {"nodes": ["n4", "n3"]}, {"cut": [["n3"], ["n4"]]}])
def test_a_start_that_says_nothing_of_its_outcome_counts_as_installed(story: Any, value: Any) -> None:
    story.fault(1000, "start-halves", value, ms=20).fault(5000, "stop-halves", value, ms=30)
    assert windows(story.history(), NODES)[0] == (Window(1 * S, 5 * S + 30 * MS, "halves", ("n3", "n4")),)


def test_a_heal_long_after_the_end_does_not_stretch_a_fault(story: Any) -> None:
    story.fault(1000, "start-kill", ["n1"]).fault(2000, "stop-kill", ["n1"]).fault(9000, "stop-kill", [])
    assert [window.end for window in windows(story.history(), NODES)[0]] == [2020 * MS]


def test_a_fault_that_was_never_ended_has_no_end(story: Any) -> None:
    story.fault(1000, "start-pause", ["n2"])
    assert windows(story.history(), NODES)[0] == (Window(1 * S, None, "pause", ("n2",)),)


def test_every_step_of_a_fault_is_listed_with_its_evidence(story: Any, info: RunInfo) -> None:
    story.fault(1000, "start-halves", INSTALLED).fault(5000, "stop-halves", ENDED)
    start, stop = fault_rows(story.history(), info.nodes, limit=9)
    assert (start.row, start.time_s, start.f, start.outcome) == (0, "1.000", "start-halves", "installed")
    assert (start.nodes, stop.nodes) == ("n3 n4", "")
    assert start.evidence == "dropped: 12; majority: n1 n2 n5; minority: n3 n4"
    assert (stop.outcome, stop.evidence) == ("ended", "")


def test_what_broke_a_fault_off_is_evidence(info: RunInfo) -> None:
    broken = {"process": "nemesis", "f": "start-kill", "type": "info"}
    history = History(
        [Op(index=0, time=0, **broken), Op(index=1, time=1, **broken, error=["exception", "KeyError"])]  # type: ignore[arg-type]
    )
    (row,) = fault_rows(history, info.nodes, limit=9)
    assert (row.outcome, row.evidence) == ("indeterminate", "exception KeyError")


def test_no_more_steps_are_listed_than_asked_for(stop_start: History, info: RunInfo) -> None:
    assert [len(fault_rows(stop_start, info.nodes, limit=limit)) for limit in (5, 100)] == [5, 16]


def test_the_comparison_of_the_stores_members_is_no_fault(story: Any, info: RunInfo) -> None:
    story.fault(1000, "start-halves", INSTALLED).fault(5000, COMPARISON, {"n1": {}})
    assert [row.f for row in fault_rows(story.history(), info.nodes, limit=9)] == ["start-halves"]
