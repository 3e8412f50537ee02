"""The chart of the work queue: what it shows of a history of records, and that it can be drawn."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from dsm_jepsen.history import History, Op
from dsm_jepsen.reports import RunInfo, draw
from dsm_jepsen.reports.instances import ROWS_MAX, Claim, QueueChart, instances_over_time
from dsm_jepsen.reports.instances_plot import draw_queue

WALL_MS = 1_000_000
MS = 1_000_000

Notes = Sequence[tuple[int, str, str, int]]


def record(instance: str, status: str, notes: Notes) -> dict[str, Any]:
    """A record as a client reads it; each note is when (ms), what, by whom and under which token."""
    plain = [{"at_ms": WALL_MS + at, "what": what, "by": by, "token": token} for at, what, by, token in notes]
    return {"id": instance, "status": status, "notes": plain}


def run_of(records: Sequence[Mapping[str, Any]]) -> tuple[History, RunInfo]:
    submits = [
        Op(index=0, time=0, type=kind, process=0, f="submit", value={"id": each["id"]})
        for each in records
        for kind in ("invoke", "ok")
    ]
    reads = [
        Op(index=0, time=9_000 * MS, type="invoke", process=0, f="records", value=None),
        Op(index=0, time=9_000 * MS, type="ok", process=0, f="records", value={"records": list(records)}),
    ]
    info = RunInfo(
        scenario="s",
        title="t",
        seed=1,
        cluster="simulated",
        store="etcd",
        nodes=("n1", "n2"),
        concurrency=2,
        command="c",
        started="2026-01-01T00:00:00Z",
    )
    ops = [
        Op(index=index, time=op.time, type=op.type, process=op.process, f=op.f, value=op.value)
        for index, op in enumerate([*submits, *reads])
    ]
    return History(ops), info


def chart_of(records: Sequence[Mapping[str, Any]], folder: Path) -> QueueChart:
    chart = instances_over_time(*run_of(records), folder)
    assert chart is not None
    return chart


def status_at(chart: QueueChart, at_ms: int) -> dict[str, int]:
    place = max(place for place, time in enumerate(chart.times) if time <= at_ms * MS)
    return {status: of[place] for status, of in chart.counts.items() if of[place]}


TAKEN_OVER = record(
    "a",
    "done",
    [
        (0, "submit", "client", 0),
        (10, "claim", "n1/s1", 1),
        (20, "advance", "n1/s1", 1),
        (500, "claim", "n2/s2", 2),
        (600, "advance", "n2/s2", 2),
        (600, "end", "n2/s2", 2),
    ],
)


def test_an_instance_is_in_one_status_at_a_time(tmp_path: Path) -> None:
    forked = record(
        "b",
        "dead",
        [
            (0, "submit", "client", 0),
            (10, "claim", "n1/s1", 1),
            (20, "advance", "n1/s1", 1),
            (300, "branch-ended", "n2/s2", 1),
            (400, "join", "n2/s2", 1),
            (550, "claim", "n2/s2", 2),
            (700, "die", "n2/s2", 2),
        ],
    )
    chart = chart_of([TAKEN_OVER, forked], tmp_path)
    assert chart.total == 2
    assert status_at(chart, 5) == {"ready": 2}
    assert status_at(chart, 15) == {"running": 2}
    assert status_at(chart, 350) == {"running": 1, "waiting": 1}
    assert status_at(chart, 450) == {"running": 1, "ready": 1}
    assert status_at(chart, 8_000) == {"done": 1, "dead": 1}


def test_a_claim_lasts_until_it_is_given_back_or_taken_over(tmp_path: Path) -> None:
    assert chart_of([TAKEN_OVER], tmp_path).claims == (
        Claim("a", "n1", "n1/s1", 1, 10 * MS, 500 * MS, taken_over=True),
        Claim("a", "n2", "n2/s2", 2, 500 * MS, 600 * MS),
    )


def test_a_holder_that_went_on_after_it_was_fenced_is_known_from_its_log(tmp_path: Path) -> None:
    (tmp_path / "n1").mkdir()
    drop = json.dumps({"what": "drop", "by": "n1/s1", "at_ms": WALL_MS + 900, "id": "a", "token": 1})
    (tmp_path / "n1" / "node.log").write_text(f'0.9 queue: {drop}\nqueue: {{"what":"drop","by', "utf-8")
    first, second = chart_of([TAKEN_OVER], tmp_path).claims
    assert (first.dropped, second.dropped) == (900 * MS, None)


def test_of_many_instances_those_are_shown_that_were_taken_over(tmp_path: Path) -> None:
    calm = [
        record(
            f"i{number:03d}",
            "done",
            [(0, "submit", "client", 0), (1, "claim", "n1/s1", 1), (2, "end", "n1/s1", 1)],
        )
        for number in range(100)
    ]
    chart = chart_of([*calm, TAKEN_OVER], tmp_path)
    assert len(chart.rows) == ROWS_MAX
    assert "a" in chart.rows


@pytest.mark.parametrize("records", [[], [TAKEN_OVER]])
def test_the_same_chart_gives_the_same_bytes(records: list[dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    chart = chart_of([*records, record("z", "ready", [(0, "submit", "client", 0)])], tmp_path)
    for one, other in zip(draw_queue(chart, tmp_path), draw_queue(chart, tmp_path / "again"), strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_the_page_says_what_its_chart_shows(tmp_path: Path) -> None:
    history, info = run_of([TAKEN_OVER])
    draw(tmp_path, history, info, {})
    page = (tmp_path / "report.html").read_text()
    assert "Instances over time" in page
    assert "who held which claim" in page
    assert "States over time" not in page


def test_what_is_no_queue_has_no_such_chart(tmp_path: Path) -> None:
    read = Op(index=0, time=0, type="invoke", process=0, f="read", value=None)
    info: Any = None
    assert instances_over_time(History([read]), info, tmp_path) is None
