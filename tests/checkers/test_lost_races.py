"""Who lost a race has a winner."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsm_jepsen.checkers import lost_races
from dsm_jepsen.history import History, Op

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
            "which nobody had taken: process 1's event at 0.007 s",
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


SEEN_2 = "5-6 n3 read = 2 C\n"
UNTOLD = "0-1 n1.101 event next ?\n"
MEANT = "0-1 n1.106 event next/2 ?\n"
FIRST = "0-2 n1 event next = 1 B\n"
LOST_1 = "1-3 n2 event next ! lost-race 0 A\n"
LOST_3 = "7-8 n2 event next ! lost-race 2 C\n"
LOST_4 = "9-10 n2 event next ! lost-race 3 A\n"


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        pytest.param(UNTOLD + LOST_1 + LOST_3.replace("2 C", "1 B"), "1", id="it excused another refusal"),
        pytest.param(UNTOLD + FIRST + SEEN_2 + LOST_3, "2", id="it took a version that was read"),
        pytest.param(
            UNTOLD + FIRST + MEANT + LOST_3 + LOST_4, "2", id="it took a version that a refusal shows"
        ),
        pytest.param(
            FIRST + "0-1 n1.102 event next ?\n0-1 n1.101 event next ?\n" + SEEN_2 + LOST_3 + LOST_4,
            "2, 3",
            id="two were not told, and three would be needed",
        ),
        pytest.param(
            FIRST + UNTOLD + "9-10 n1.102 event next ?\n" + SEEN_2 + LOST_3,
            "2",
            id="another came after the refusal",
        ),
    ],
)
def test_who_was_not_told_has_taken_one_version_at_most(history: Read, text: str, needed: str) -> None:
    verdict = lost_races(history(text))
    assert (verdict.valid, verdict.anomaly) == (False, "unfounded-refusal")
    assert verdict.because.endswith(
        f"every event of unknown outcome before it is needed for another version ({needed})"
    )


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(UNTOLD + LOST_1 + LOST_1.replace("n2", "n3"), id="two lost one race"),
        pytest.param(FIRST + UNTOLD + MEANT + SEEN_2 + LOST_3, id="one took the version it was meant for"),
        pytest.param(FIRST + UNTOLD + SEEN_2 + "6-7 n1.102 event next ?\n" + LOST_3, id="one for each"),
        pytest.param(
            SEEN_2 + "6-7 n1.102 event next ?\n" + LOST_3, id="versions out of nowhere are others' business"
        ),
    ],
)
def test_one_event_of_unknown_outcome_for_each_version_is_enough(history: Read, text: str) -> None:
    assert lost_races(history(text)).valid is True


def test_the_winner_of_a_version_is_the_one_who_was_told(history: Read) -> None:
    late = "0-1 n1.101 event next ?\n1-3 n2 event next ! lost-race 0 A\n4-5 n3 event next = 1 B"
    assert "nobody had taken" in lost_races(history(late)).because


def test_a_refusal_may_name_the_version_alone() -> None:
    sent = Op(index=0, time=0, type="invoke", process=1, f="event", value={"event": "next", "expect": 3})
    end = Op(index=1, time=1, type="fail", process=1, f="event", error=["lost-race", {"version": 4}])
    assert "for version 4, which nobody took" in lost_races(History([sent, end])).because


@given(
    st.lists(
        st.tuples(st.booleans(), st.booleans(), st.booleans(), st.integers(0, 3), st.integers(0, 2)),
        max_size=8,
    )
)
def test_an_honest_history_is_valid(history: Read, steps: list[tuple[bool, bool, bool, int, int]]) -> None:
    """One version a step: its winner is told or not, is one who named it or not, and others lose to it."""
    lines = []
    for version, (told, names_it, early, losers, reads) in enumerate(steps):
        start = version * 10
        before, after = f"{version} {'ABC'[version % 3]}", f"{version + 1} {'ABC'[(version + 1) % 3]}"
        sent = 0 if early and not told else start + 1
        expect, ending = f"/{version}" if names_it else "", f"= {after}" if told else "?"
        lines.append(f"{sent}-{start + 4} n1.{version + 11} event next{expect} {ending}")
        lost = f"event next ! lost-race {before}"
        lines += [f"{start + 2}-{start + 5} n{2 + loser} {lost}" for loser in range(losers)]
        lines += [f"{start + 6}-{start + 7} n{2 + reader} read = {after}" for reader in range(reads)]
    verdict = lost_races(history("\n".join(lines)))
    assert verdict.valid is True, verdict.because
