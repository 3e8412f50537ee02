"""Monotonic reads, statistics, adequacy, and asking all checkers at once."""

from collections.abc import Callable

import pytest

from dsm_jepsen.checkers import (
    Checker,
    Machine,
    Register,
    Verdict,
    adequacy,
    check_all,
    convergence,
    legal_transitions,
    linearizable,
    monotonic_reads,
    stats,
)
from dsm_jepsen.history import History

Read = Callable[[str], History]


@pytest.mark.parametrize(
    ("text", "anomaly"),
    [
        pytest.param("0-1 n1 read = 1 B\n2-3 n1 read = 1 B", None, id="the same again"),
        pytest.param("0-1 n1 read = 1 B\n2-3 n2 read = 0 A", None, id="another process"),
        pytest.param("0-1 n1 read = 1 B\n2-3 n1 read = 0 A", "non-monotonic-read", id="back"),
        pytest.param("0-1 n1 read-strong = 1 B\n2-3 n1 read = 0 A", "non-monotonic-read", id="strong, local"),
        pytest.param(
            "0-1 n1 event next = 1 B\n2-3 n1 read = 0 A", "non-monotonic-read", id="own event unseen"
        ),
        pytest.param("0-1 n1 event next = 1 B\n2-3 n1 event next = 2 C", None, id="own events"),
        pytest.param("0-1 n1 read = 1 B\n2-3 n1 event next = 1 B", "non-monotonic-write", id="adds nothing"),
        pytest.param("0-1 n1 read = 1 B\n2-3 n1 read ! in-error 0 A", None, id="in error"),
    ],
)
def test_one_process_never_sees_versions_go_back(history: Read, text: str, anomaly: str | None) -> None:
    verdict = monotonic_reads(history(text))
    assert (verdict.valid, verdict.anomaly) == (anomaly is None, anomaly)
    assert verdict.culprits == (() if anomaly is None else (3, 1))


def test_statistics_count_outcomes_errors_and_faults(history: Read) -> None:
    text = """
    0-1 p1 write 1 = 1
    2-3 p1 write 1 ! unavailable
    4-5 p1 write 1 ?
    6-  p2 write 1
    7-8 p3 read = 1
    9   nemesis start-kill n1
    """
    assert stats(history(text)).details == {
        "count": 5,
        "outcomes": {"fail": 1, "info": 1, "ok": 2, "open": 1},
        "by_f": {
            "read": {"outcomes": {"ok": 1}, "errors": {}},
            "write": {
                "outcomes": {"fail": 1, "info": 1, "ok": 1, "open": 1},
                "errors": {"timeout": 1, "unavailable": 1},
            },
        },
        "nemesis": {"start-kill": 1},
    }


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        pytest.param("", True, id="nothing happened"),
        pytest.param("0-1 p1 write 1 = 1\n2-3 p1 write 1 ! unavailable", True, id="one succeeded"),
        pytest.param("0-1 p1 write 1 = 1\n2-3 p2 read ! unavailable", False, id="not one read succeeded"),
        pytest.param("0-1 p1 write 1 ?", False, id="all undecided"),
        pytest.param("0- p1 write 1", True, id="not answered yet"),
    ],
)
def test_what_never_succeeds_is_invalid(history: Read, text: str, *, valid: bool) -> None:
    assert stats(history(text)).valid is valid


FAULT = """
2 nemesis start-kill
3 nemesis start-kill n1
4 nemesis stop-kill
5 nemesis stop-kill n1
"""


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        pytest.param("0-1 p1 write 1 = 1" + FAULT, None, id="enough"),
        pytest.param("" + FAULT, "0 write operations succeeded, 1 are wanted", id="too few"),
        pytest.param(
            "0-1 p1 write 1 ?" + FAULT,
            "0 write operations succeeded, 1 are wanted",
            id="undecided is not enough",
        ),
        pytest.param(
            "0-1 p1 write 1 = 1\n2 nemesis start-kill n1\n3 nemesis stop-kill n1",
            "start-kill never acted; stop-kill never acted",
            id="never completed",
        ),
        pytest.param(
            "0-1 p1 write 1 = 1\n2 nemesis start-kill\n3 nemesis start-kill n1",
            "stop-kill never acted",
            id="no stop",
        ),
        pytest.param(
            "0-1 p1 write 1 = 1" + FAULT.replace("n1", ""), "start-kill never acted", id="acted on nothing"
        ),
    ],
)
def test_a_run_too_thin_is_unknown(history: Read, text: str, missing: str | None) -> None:
    verdict = adequacy({"write": 1}, needs_faults=frozenset({"kill"}))(history(text))
    assert verdict.valid is (True if missing is None else None)
    assert (missing or "") in verdict.because


def test_a_checker_that_crashes_does_not_know_and_says_where(history: Read) -> None:
    def broken(_: History) -> Verdict:
        raise LookupError("no such thing")

    verdicts = check_all({"broken": broken, "stats": stats}, history(""))
    assert verdicts["stats"].valid is True
    assert verdicts["broken"].valid is None
    assert "LookupError: no such thing (test_counting.py:" in verdicts["broken"].because
    assert verdicts["broken"].because.endswith(" in broken)")


@pytest.fixture
def checkers(ring: Machine) -> dict[str, Checker]:
    """Every checker there is."""
    return {
        "linearizable": linearizable(Register()),
        "legal-transitions": legal_transitions(ring),
        "convergence": convergence(ring),
        "monotonic-reads": monotonic_reads,
        "stats": stats,
        "adequacy": adequacy({}),
    }


def test_an_empty_history_is_never_invalid(checkers: dict[str, Checker], history: Read) -> None:
    assert all(verdict.valid is not False for verdict in check_all(checkers, history("")).values())


def test_the_same_history_gets_the_same_verdicts(checkers: dict[str, Checker], history: Read) -> None:
    text = "0-1 n1 event next = 1 C\n2-3 n2 read = 1 B\n4-5 n1 read = 0 A\n6 nemesis start-kill n1"
    assert check_all(checkers, history(text)) == check_all(checkers, history(text))


def test_every_checker_tells_what_it_catches_misses_and_costs(checkers: dict[str, Checker]) -> None:
    import sys

    for name in checkers:
        words = sys.modules[f"dsm_jepsen.checkers.{name.replace('-', '_')}"].__doc__ or ""
        assert [word for word in ("Catches:", "Misses:", "Cost:") if word not in words] == [], name
