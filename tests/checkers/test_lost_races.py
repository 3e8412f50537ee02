"""Who lost a race has a winner."""

from collections.abc import Callable

import pytest

from dsm_jepsen.checkers import lost_races
from dsm_jepsen.history import History

Read = Callable[[str], History]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing happened"),
        pytest.param("0-5 n1 event next = 1 B\n1-6 n2 event next ! lost-race 0 A", id="lost to who was told"),
        pytest.param("0-5 n1 event next ?\n1-6 n2 event next ! lost-race 0 A", id="lost to who was not told"),
        pytest.param("0- n1 event next\n1-6 n2 event next ! lost-race 0 A", id="lost to who never heard"),
        pytest.param(
            "0-1 n1 event next = 1 B\n2-3 n2 event next/0 ! lost-race 1 B",
            id="its version has passed",
        ),
        pytest.param("0-1 n1 event next ! not-applicable 0 A", id="other refusals are others' business"),
    ],
)
def test_a_race_with_a_winner_is_valid(history: Read, text: str) -> None:
    assert lost_races(history(text)).valid is True


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("1-6 n2 event next ! lost-race 0 A", "which nobody took", id="nobody raced"),
        pytest.param(
            "1-6 n2 event next ! lost-race 0 A\n7-8 n1 event next = 1 B",
            "which nobody took",
            id="the other came later",
        ),
        pytest.param(
            "0-5 n1 event next/3 ?\n1-6 n2 event next ! lost-race 0 A",
            "which nobody took",
            id="who was not told raced for another version",
        ),
        pytest.param(
            "0-1 n1 event next = 1 B\n2-6 n2 event next ! lost-race 0 A",
            "had shown before it was sent",
            id="the other came before",
        ),
        pytest.param(
            "0-5 n1 event next = 1 B\n1-6 n2 event next ! lost-race", "not to which version", id="no version"
        ),
        pytest.param(
            "0-5 n1 event next ! not-applicable 0 A\n1-6 n2 event next/0 ! lost-race 0 A",
            "which nobody took",
            id="meant for the version that stands",
        ),
    ],
)
def test_a_race_that_nobody_won_is_unfounded(history: Read, text: str, words: str) -> None:
    verdict = lost_races(history(text))
    assert (verdict.valid, verdict.anomaly) == (False, "unfounded-refusal")
    assert words in verdict.because
