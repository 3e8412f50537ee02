"""Within a bound after each heal all nodes show what is newest."""

from collections.abc import Callable

import pytest

from dsm_jepsen.checkers import Checker, Machine, convergence_after_heal
from dsm_jepsen.history import History

Read = Callable[[str], History]

CUT = "0-100 nemesis start-cut = installed n2\n200-300 n1 event next = 1 B\n"
HEAL = "900-1000 nemesis stop-cut = ended n2\n"
NEXT_CUT = "6000-6100 nemesis start-cut = installed n2\n"


@pytest.fixture
def heals(ring: Machine) -> Checker:
    """Within 2 s."""
    return convergence_after_heal(ring, within_ms=2000)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(CUT + HEAL + "3500-3501 n1 read = 1 B\n3500-3501 n2 read = 1 B", id="they catch up"),
        pytest.param(CUT + HEAL + "2900-2901 n2 read = 0 A\n3500-3501 n2 read = 1 B", id="not at once"),
        pytest.param(CUT + HEAL + "3500-3501 n2 read ! in-error 0 A\n3500-3501 n1 read = 1 B", id="in error"),
        pytest.param(
            CUT + HEAL + "3500-3501 n1 read = 1 B\n" + NEXT_CUT + "7000-7001 n2 read = 0 A",
            id="the next fault",
        ),
        pytest.param(
            CUT + HEAL + "2000-3000 n1 event next ?\n3500-3501 n2 read = 1 B", id="of unknown outcome"
        ),
        pytest.param("0-1 n1 event next = 1 B\n2500-2501 n2 read = 1 B", id="no fault at all"),
    ],
)
def test_nodes_that_catch_up_are_valid(heals: Checker, history: Read, text: str) -> None:
    assert heals(history(text)).valid is True


@pytest.mark.parametrize(
    ("text", "anomaly", "culprits"),
    [
        pytest.param(
            CUT + HEAL + "3500-3501 n2 read = 0 A", "not-converged", (7, 3), id="it does not catch up"
        ),
        pytest.param(
            CUT + HEAL + "3500-3501 n2 read = 1 B\n4500-4501 n2 read = 0 A",
            "not-converged",
            (9, 3),
            id="it falls back",
        ),
        pytest.param(CUT + HEAL + "3500-3501 n2 read-strong = 0 A", "not-converged", (7, 3), id="strong"),
        pytest.param(CUT + HEAL + "3500-3501 n2 read = 1 C", "divergence", (7,), id="with something else"),
        pytest.param(
            CUT + HEAL + "1500-1600 n1 event next = 2 C\n5000-5001 n2 read = 1 B",
            "not-converged",
            (9, 7),
            id="the last event",
        ),
        pytest.param(
            "0-1 n1 event next = 1 B\n2500-2501 n2 read = 0 A", "not-converged", (3, 1), id="no fault"
        ),
        pytest.param(
            CUT + HEAL + NEXT_CUT + "8000-8100 nemesis stop-cut = ended n2\n10200-10201 n2 read = 0 A",
            "not-converged",
            (11, 3),
            id="the second heal",
        ),
    ],
)
def test_nodes_that_do_not_catch_up_are_named(
    heals: Checker, history: Read, text: str, anomaly: str, culprits: tuple[int, ...]
) -> None:
    verdict = heals(history(text))
    assert (verdict.valid, verdict.anomaly, verdict.culprits) == (False, anomaly, culprits)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing happened"),
        pytest.param(CUT + "5000-5001 n2 read = 0 A", id="never healed"),
        pytest.param(CUT + HEAL, id="not read"),
        pytest.param(CUT + HEAL + "3000-3001 n2 read = 0 A", id="not read after the bound"),
        pytest.param(
            CUT + "900-1000 nemesis stop-cut ! refused\n5000-5001 n2 read = 0 A", id="the heal broke"
        ),
        pytest.param(
            "0-50 nemesis start-kill = installed n3\n"
            + CUT.replace("0-100", "60-100")
            + HEAL
            + "5000-5001 n2 read = 0 A",
            id="another fault is in force",
        ),
    ],
)
def test_where_no_calm_was_read_it_does_not_know(heals: Checker, history: Read, text: str) -> None:
    assert heals(history(text)).valid is None


def test_a_fault_that_was_skipped_ends_no_calm(heals: Checker, history: Read) -> None:
    text = CUT + HEAL + "1100-1101 nemesis start-kill = skipped why=x\n3500-3501 n2 read = 0 A"
    assert heals(history(text)).valid is False


def test_without_a_machine_only_versions_are_compared(history: Read) -> None:
    told = history(CUT + HEAL + "3500-3501 n2 read = 1 C")
    assert convergence_after_heal(None, within_ms=2000)(told).valid is True


def test_how_long_each_node_took_is_measured(heals: Checker, history: Read) -> None:
    reads = "1100-1101 n1 read = 1 B\n1100-1102 n2 read = 0 A\n1500-1600 n2 read = 1 B\n"
    text = CUT + HEAL + reads + "3500-3501 n1 read = 1 B"
    details = heals(history(text)).details
    assert details["calms"] == [
        {
            "since": "stop-cut",
            "at_ms": 1000.0,
            "version": 1,
            "latency_ms": {"n1": 101.0, "n2": 600.0},
            "silent": ["n2"],
        }
    ]
    assert details["latency_ms"] == {"0.5": 101.0, "0.95": 600.0, "1": 600.0}


def test_the_bound_must_make_sense() -> None:
    with pytest.raises(ValueError, match="0 or more"):
        convergence_after_heal(None, within_ms=-1)
