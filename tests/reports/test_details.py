"""Details of verdicts in words: numbers with their units, and at once; the rest below."""

from typing import Any

import pytest

from dsm_jepsen.reports.details import details, in_words


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("configurations", 1_234_567, "1,234,567"),
        ("noticed_ms", 812.5, "812.5 ms"),
        ("converged", True, "yes"),
        ("bound", None, "none"),
        ("leader", "n3", "n3"),
        ("ratio", 0.25, "0.250"),
        ("noticed_ms", {"n3": 3000, "n4": 12.26}, "n3 3,000 ms, n4 12.3 ms"),
        (
            "noticed_ms",
            {"0.5": 2001.796, "0.95": 3460.0, "1": 4000},
            "p50 2,001.8 ms, p95 3,460.0 ms, p100 4,000 ms",
        ),
        ("latency", {"p50_ms": 3, "count": 40}, "p50 3 ms, count 40"),
        ("nodes", ["n1", "n3"], "n1 n3"),
        ("nodes", [], "none"),
        ("events", list(range(20)), "0 1 2 3 4 5 6 7 8 9 10 11 and 8 more"),
        ("path", [{"b": 1, "a": [2]}], '[{"a":[2],"b":1}]'),
    ],
)
def test_a_value_in_words(key: str, value: Any, words: str) -> None:
    assert in_words(key, value) == words


def test_a_name_is_told_without_its_unit() -> None:
    assert [detail.name for detail in details({"noticed_ms": 3, "stale_reads": 0})] == [
        "noticed",
        "stale reads",
    ]


@pytest.mark.parametrize(
    ("value", "brief"),
    [(3, True), ({"p50_ms": 3, "max_ms": 9}, True), ([1, 2], True), ("a sentence", False), ([{}], False)],
)
def test_numbers_are_worth_showing_at_once(value: Any, *, brief: bool) -> None:
    assert [detail.brief for detail in details({"x": value})] == [brief]


def test_long_values_are_cut_off() -> None:
    (detail,) = details({"order": [{"index": number} for number in range(1000)]})
    assert len(detail.text) < 500
    assert detail.text.endswith("…")
