"""What was acknowledged stays, and what was refused has no effect."""

from collections.abc import Callable

import pytest

from dsm_jepsen.checkers import Machine, no_effect_of_refused, no_lost_acknowledgement
from dsm_jepsen.history import History

Read = Callable[[str], History]

ONE = "0-1 n1 event next = 1 B\n"
TWO = ONE + "2-3 n1 event next = 2 C\n"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing happened"),
        pytest.param("0-1 n1 event next ! unavailable\n2-3 n1 read = 0 A", id="nothing was acknowledged"),
        pytest.param(TWO + "4-5 n2 read-strong = 2 C", id="a strong read shows it"),
        pytest.param(TWO + "3000-3001 n1 read = 2 C", id="a local read shows it"),
        pytest.param(TWO + "3000-3001 n1 read = 2 C\n3000-3001 n2 read = 1 B", id="one node is late"),
        pytest.param(ONE + "2-3 n1 event next ?\n4-5 n2 read-strong = 1 B", id="unknown, not acknowledged"),
        pytest.param(ONE + "2-3 n1 event next ?\n4-5 n2 read-strong = 2 C", id="unknown, and done"),
        pytest.param(
            "0-9 n1 event next = 1 B\n2-5 n2 read-strong = 1 B\n10-11 n2 read-strong = 1 B", id="seen first"
        ),
    ],
)
def test_what_stays_is_valid(ring: Machine, history: Read, text: str) -> None:
    assert no_lost_acknowledgement(ring)(history(text)).valid is True


@pytest.mark.parametrize(
    ("text", "anomaly", "culprits"),
    [
        pytest.param(
            TWO + "4-5 n2 read-strong = 1 B", "lost-acknowledgement", (5, 3), id="a strong read is behind"
        ),
        pytest.param(
            TWO + "3000-3001 n1 read = 1 B\n3000-3002 n2 read = 0 A",
            "lost-acknowledgement",
            (6, 3),
            id="all nodes are behind",
        ),
        pytest.param(
            ONE + "2-3 n2 event next = 1 B\n4-5 n2 read-strong = 1 B",
            "lost-update",
            (1, 3),
            id="one version, two events",
        ),
        pytest.param(
            ONE + "2-3 n2 read = 1 C\n4-5 n2 read-strong = 1 B",
            "lost-acknowledgement",
            (3, 1),
            id="not its effect",
        ),
        pytest.param(
            "0-1 n1 event set x=1 = 1 A x=1\n2-3 n2 read-strong = 1 A",
            "lost-acknowledgement",
            (3, 1),
            id="a variable is lost",
        ),
        pytest.param(
            "0-1 n1 event next = 1 A\n2-3 n2 read-strong = 1 A", "lost-acknowledgement", (1,), id="no effect"
        ),
        pytest.param(
            TWO + "4-5 n3 read-strong = 2 C\n6-7 n2 read-strong = 1 B",
            "lost-acknowledgement",
            (7, 3),
            id="it was there, but did not stay",
        ),
    ],
)
def test_what_is_lost_is_named(
    ring: Machine, history: Read, text: str, anomaly: str, culprits: tuple[int, ...]
) -> None:
    verdict = no_lost_acknowledgement(ring)(history(text))
    assert (verdict.valid, verdict.anomaly, verdict.culprits) == (False, anomaly, culprits)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(ONE, "no read of n1 after", id="no read"),
        pytest.param(ONE + "2-3 n1 read ! in-error", "no read of n1 after", id="it failed"),
        pytest.param(ONE + "500-501 n1 read = 0 A", "no read of n1 after", id="too early to tell"),
        pytest.param(
            ONE + "0-5 n1.6 read-strong = 0 A", "no read of n1 after", id="sent before it was acknowledged"
        ),
        pytest.param(ONE + "3000-3001 n2 read = 0 A", "no read of n1 after", id="one node may be late"),
    ],
)
def test_without_final_reads_it_does_not_know(ring: Machine, history: Read, text: str, words: str) -> None:
    verdict = no_lost_acknowledgement(ring)(history(text))
    assert verdict.valid is None
    assert words in verdict.because


REFUSED = "0-1 n1 event next ! unavailable\n"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing happened"),
        pytest.param(REFUSED + "2-3 n2 read = 0 A", id="no effect"),
        pytest.param(REFUSED + "2-3 n2 event next = 1 B\n4-5 n2 read = 1 B", id="another one did it"),
        pytest.param(
            REFUSED + "2-3 n2 event next ?\n4-5 n3 read = 1 B", id="one of unknown outcome may have"
        ),
        pytest.param(
            REFUSED + "2- n2 event next\n4-5 n3 read = 1 B", id="one that was never answered may have"
        ),
        pytest.param("0-1 n2 read = 1 B\n2-3 n1 event next ! lost-race", id="seen before it was sent"),
    ],
)
def test_refusals_without_effect_are_valid(ring: Machine, history: Read, text: str) -> None:
    assert no_effect_of_refused(ring)(history(text)).valid is True


@pytest.mark.parametrize(
    ("text", "culprits"),
    [
        pytest.param(REFUSED + "2-3 n2 read = 1 B", (3, 1), id="unavailable, yet done"),
        pytest.param(
            "0-5 n1 event next ! lost-race\n2-3 n2 read = 1 B", (2, 3), id="lost, yet done, seen before"
        ),
        pytest.param(
            "0-1 n1 event stay ! not-applicable 0 A\n2-3 n1 event set x=4 ! lost-race\n4-5 n2 read = 1 A x=4",
            (5, 3),
            id="the one that fits",
        ),
        pytest.param(
            ONE + "2-3 n2 event next/1 ! lost-race\n4-5 n3 event next = 3 A",
            (5, 3),
            id="before another event",
        ),
        pytest.param(
            REFUSED + "2-3 n2 event set x=1 ?\n4-5 n3 read = 1 B",
            (5, 1),
            id="the unknown one does not explain it",
        ),
    ],
)
def test_an_effect_of_a_refused_event_is_named(
    ring: Machine, history: Read, text: str, culprits: tuple[int, ...]
) -> None:
    verdict = no_effect_of_refused(ring)(history(text))
    assert (verdict.valid, verdict.anomaly, verdict.culprits) == (False, "dirty-refusal", culprits)
    assert "but one that was refused would" in verdict.because


def test_too_many_explanations_of_refusals_leave_it_open(ring: Machine, history: Read) -> None:
    undecided = [f"0-1 n{number} event set x={number} ?" for number in range(15)]
    verdict = no_effect_of_refused(ring)(history("\n".join([*undecided, "2-3 n99 event next = 9 B x=1"])))
    assert verdict.valid is None


def test_the_time_to_settle_is_an_argument(ring: Machine, history: Read) -> None:
    told = history(ONE + "500-501 n1 read = 0 A")
    assert no_lost_acknowledgement(ring, settle_ms=400)(told).valid is False
    with pytest.raises(ValueError, match="0 or more"):
        no_lost_acknowledgement(ring, settle_ms=-1)
