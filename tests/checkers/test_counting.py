"""Monotonic reads, statistics, and asking all checkers at once."""

from collections.abc import Callable

import pytest

from dsm_jepsen.checkers import (
    Checker,
    Machine,
    Register,
    Verdict,
    adequacy,
    agreement,
    availability,
    check_all,
    convergence,
    convergence_after_heal,
    join_equals_live,
    legal_transitions,
    linearizable,
    majority_available,
    minority_refuses,
    monotonic_reads,
    no_effect_of_refused,
    no_lost_acknowledgement,
    single_winner,
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


def test_a_checker_that_crashes_does_not_know_and_says_where(history: Read) -> None:
    def broken(_: History) -> Verdict:
        raise LookupError("no such thing")

    verdicts = check_all({"broken": broken, "stats": stats}, history(""))
    assert verdicts["stats"].valid is True
    assert verdicts["broken"].valid is None
    assert "LookupError: no such thing (test_counting.py:" in verdicts["broken"].because
    assert verdicts["broken"].because.endswith(" in broken)")


@pytest.fixture
def checkers(ring: Machine, node_of: Callable[[int], str]) -> dict[str, Checker]:
    """Every checker there is."""
    return {
        "linearizable": linearizable(Register()),
        "legal-transitions": legal_transitions(ring),
        "convergence": convergence(ring, nodes=(), settle_ms=1000),
        "monotonic-reads": monotonic_reads,
        "stats": stats,
        "adequacy": adequacy({}),
        "agreement": agreement,
        "single-winner": single_winner,
        "minority-refuses": minority_refuses(node_of, bound_ms=0),
        "majority-available": majority_available(node_of, within_ms=1),
        "no-lost-acknowledgement": no_lost_acknowledgement(ring),
        "no-effect-of-refused": no_effect_of_refused(ring),
        "join-equals-live": join_equals_live(node_of, restarts=frozenset({"kill"})),
        "convergence-after-heal": convergence_after_heal(ring, within_ms=0),
        "availability": availability(node_of, least_share=1, recover_ms=0),
    }


def test_an_empty_history_is_never_invalid(checkers: dict[str, Checker], history: Read) -> None:
    assert all(verdict.valid is not False for verdict in check_all(checkers, history("")).values())


def test_the_same_history_gets_the_same_verdicts(checkers: dict[str, Checker], history: Read) -> None:
    text = """
    0-1 n1 event next = 1 C
    2-3 n2 read = 1 B
    4-5 n1 read = 0 A
    6-7 nemesis start-kill = installed n1 minority=n1 majority=n2,n3
    8-9 n2 event next/1 = 2 A
    8-9 n3 event next/1 = 2 B
    10-11 n1 read = 0 A
    12-13 nemesis stop-kill = ended n1
    14-15 n1 read = 1 B
    """
    assert check_all(checkers, history(text)) == check_all(checkers, history(text))


def test_every_checker_tells_what_it_catches_misses_and_costs(checkers: dict[str, Checker]) -> None:
    import sys

    for name in checkers:
        words = sys.modules[f"dsm_jepsen.checkers.{name.replace('-', '_')}"].__doc__ or ""
        assert [word for word in ("Catches:", "Misses:", "Cost:") if word not in words] == [], name
