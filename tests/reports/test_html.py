"""The page: it says the verdict first, needs nothing from elsewhere, and shows every value as text."""

# mypy: disable-error-code="explicit-override"
# (Python 3.11 has no typing.override)

import re
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from dsm_jepsen.checkers import Verdict
from dsm_jepsen.history import History
from dsm_jepsen.reports import ReportError, RunInfo, draw
from dsm_jepsen.reports.html import write_report

VOID = {"meta", "link", "input", "br"}


class Page(HTMLParser):
    """The page's elements: ids, links, texts by tag; unbalanced tags are an error."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(page)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in {"href", "src", "xlink:href"}:
                (self.links if tag == "a" else self.loaded).append(value or "")
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts.setdefault(self._open[-1], []).append(data)


@pytest.fixture
def page(disturbed: History, info: RunInfo, bad: Mapping[str, Verdict], tmp_path: Path) -> str:
    return draw(tmp_path, disturbed, info, bad)[-1].read_text()


def test_the_verdict_comes_first_in_a_word(page: str) -> None:
    assert Page(page).texts["strong"][0] == "INVALID"
    assert Page(page).texts["title"] == ["INVALID: isolated-events, seed 348"]


def test_what_is_wrong_is_told_before_what_is_right(page: str) -> None:
    badges = re.findall(r'class="badge">(\w+)<', page)
    assert badges == ["INVALID", "UNKNOWN", "VALID", "VALID", "VALID"]


def test_culprits_are_links_to_rows_of_the_table(page: str) -> None:
    targets = re.findall(r'<a href="#(op-\d+)">event', page)
    assert len(targets) == 1, "both events of the culprit stand in one row"
    assert Page(page).ids.count(targets[0]) == 1


def test_nothing_is_loaded_from_elsewhere(page: str) -> None:
    parsed = Page(page)
    assert [link for link in parsed.loaded if not link.startswith(("#", "data:"))] == []
    assert "@import" not in page
    assert re.findall(r"url\((?!#)[^)]*\)", page) == []


def test_values_are_shown_as_text_and_never_run(page: str) -> None:
    assert page.count("<script>") == 1
    assert "&lt;script&gt;alert(" in page


def test_the_chart_takes_the_pages_colours(page: str) -> None:
    drawing = page[page.index("<svg") : page.index("</svg>")]
    assert "var(--ink)" in drawing
    assert "#000000" not in drawing


def test_the_page_tells_how_to_run_it_again(page: str) -> None:
    assert "dsm-jepsen run isolated-events --seed 348" in Page(page).texts["code"]


def test_faults_are_listed_with_outcome_and_evidence(half_1: History, info: RunInfo, tmp_path: Path) -> None:
    page = write_report(tmp_path, half_1, info, {}, chart=None).read_text()
    listed = page[page.index('id="faults"') : page.index('id="operations"')]
    assert re.findall(r'<td class="tag \w+">(\w+)', listed) == ["installed", "ended"]
    assert "dropped: 12; majority: n2 n4 n5; minority: n1 n3" in listed


def test_a_run_without_faults_lists_none(isolated: History, info: RunInfo, tmp_path: Path) -> None:
    assert 'id="faults"' not in write_report(tmp_path, isolated, info, {}, chart=None).read_text()


def test_a_verdicts_numbers_are_shown_and_the_rest_can_be_unfolded(info: RunInfo, tmp_path: Path) -> None:
    found = {"noticed_ms": {"p50": 2900, "max": 3100}, "order": [{"index": 3}]}
    verdict = Verdict(valid=True, because="", details=found)
    page = write_report(tmp_path, History(), info, {"minority-refuses": verdict}, chart=None).read_text()
    shown, _, folded = page.partition("<details>")
    assert "p50 2,900 ms, max 3,100 ms" in shown
    assert "[{&#34;index&#34;:3}]" in folded


def test_every_operation_and_fault_has_a_row(page: str, disturbed: History) -> None:
    faults = len(list(disturbed.nemesis())) // 2
    assert len(re.findall(r'<tr id="op-', page)) == len(list(disturbed.operations())) + faults


def test_a_huge_history_shows_its_first_operations_its_culprits_and_says_so(
    disturbed: History, info: RunInfo, bad: Mapping[str, Verdict], tmp_path: Path
) -> None:
    page = write_report(tmp_path, disturbed, info, bad, chart=None, rows_max=10).read_text()
    assert len(re.findall(r'<tr id="op-', page)) == 11
    total = len(list(disturbed.operations())) + len(list(disturbed.nemesis())) // 2
    assert f"{total - 11} of {total} operations are left out" in page


@pytest.mark.parametrize(
    ("verdicts", "word"),
    [
        ({"stats": Verdict(valid=True, because="")}, "VALID"),
        ({"stats": Verdict(valid=None, because="")}, "UNKNOWN"),
        ({"adequacy": Verdict(valid=None, because="")}, "INADEQUATE"),
        ({}, "UNKNOWN"),
    ],
)
def test_the_word_is_the_worst_of_the_verdicts(
    verdicts: Mapping[str, Verdict], word: str, info: RunInfo, tmp_path: Path
) -> None:
    page = write_report(tmp_path, History(), info, verdicts, chart=None).read_text()
    assert Page(page).texts["strong"][0] == word


def test_a_history_without_states_has_a_page_without_a_chart(info: RunInfo, tmp_path: Path) -> None:
    paths = draw(tmp_path, History(), msgspec.structs.replace(info, levels=()), {})
    assert [path.name for path in paths] == ["report.html"]
    assert "There is nothing to draw" in paths[0].read_text()


def test_the_same_run_gives_the_same_page(
    disturbed: History, info: RunInfo, bad: Mapping[str, Verdict], tmp_path: Path
) -> None:
    first = draw(tmp_path, disturbed, info, bad)[-1].read_bytes()
    assert draw(tmp_path, disturbed, info, bad)[-1].read_bytes() == first


def test_what_goes_wrong_in_drawing_is_a_report_error(
    isolated: History, info: RunInfo, tmp_path: Path
) -> None:
    with pytest.raises(ReportError, match="missing"):
        draw(tmp_path / "missing", isolated, info, {})
