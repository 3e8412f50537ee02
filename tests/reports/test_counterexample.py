"""The chart of a counterexample: a bar for each operation of the smallest history that cannot be."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dsm_jepsen.checkers import CasRegister, linearizable
from dsm_jepsen.history import History, read_history
from dsm_jepsen.reports import RunInfo, draw
from dsm_jepsen.reports.counterexample import Counterexample, counterexample

STALE = (
    "1\t:invoke\t:write\t1\n1\t:ok\t:write\t1\n"
    "2\t:invoke\t:write\t2\n3\t:invoke\t:cas\t[7 8]\n2\t:ok\t:write\t2\n"
    "4\t:invoke\t:read\tnil\n4\t:ok\t:read\t<1>\n"
)


@pytest.fixture
def history() -> History:
    return read_history(STALE.replace("<1>", '"<1>"').encode())


@pytest.fixture
def details(history: History) -> Mapping[str, Any]:
    return linearizable(CasRegister())(history).details


@pytest.fixture
def chart(details: Mapping[str, Any]) -> Counterexample:
    found = counterexample(details)
    assert found is not None
    return found


def test_a_bar_goes_from_call_to_return_and_the_wrong_one_is_told_apart(chart: Counterexample) -> None:
    assert [(bar.process, bar.words, bar.tone) for bar in chart.bars] == [
        (2, "write 2", "firm"),
        (4, 'read = "<1>"', "wrong"),
    ]
    first, last = chart.bars
    assert first.x < first.x + first.width < last.x < last.x + last.width <= chart.width
    assert first.y < last.y < chart.height


def test_states_come_with_the_reason_against_each(chart: Counterexample) -> None:
    assert chart.states == [("2", 'returned "<1>" is impossible')]
    assert (chart.firm, chart.judged, chart.more_states) == (2, 4, False)


def test_of_many_operations_the_last_are_drawn_within_the_same_width(details: Mapping[str, Any]) -> None:
    first, last = details["core"]
    many = [first | {"invoke": 2 * n - 400, "completion": 2 * n - 399} for n in range(100)]
    found = counterexample({**details, "core": [*many, last]})
    assert found is not None
    assert (len(found.bars), found.left_out) == (60, 41)
    assert max(bar.x + bar.width for bar in found.bars) <= found.width


def test_what_is_no_counterexample_is_not_drawn() -> None:
    assert counterexample({}) is None
    assert counterexample({"operations": 3, "order": [0]}) is None


def test_the_page_shows_it_and_every_value_as_text(history: History, info: RunInfo, tmp_path: Path) -> None:
    verdicts = {"linearizable": linearizable(CasRegister())(history)}
    page = draw(tmp_path, history, info, verdicts)[-1].read_text(encoding="utf-8")
    (drawing,) = re.findall(r'<figure class="timeline">.*?</figure>', page, re.DOTALL)
    assert drawing.count("<rect") == 2
    assert 'class="wrong"' in drawing
    assert "2 of 4 operations suffice to show it" in drawing
    assert "&lt;1&gt;" in drawing
    assert "<1>" not in page
    assert "-0.0" not in page  # nobody took the times
