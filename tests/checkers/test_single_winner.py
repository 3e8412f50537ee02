"""Of one event sent several times for one version, one wins."""

from collections.abc import Callable

import pytest

from dsm_jepsen.checkers import single_winner
from dsm_jepsen.history import History

Read = Callable[[str], History]

WON = "0-5 n1 event next/0 = 1 B\n"
LOST = "0-6 n2 event next/0 ! lost-race 1 B\n"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(WON + LOST + "0-7 n3 event next/0 ! lost-race", id="one wins, two lose"),
        pytest.param(WON + "8-9 n2 event next/0 ! lost-race 1 B", id="sent after it was won"),
        pytest.param(WON + "0-6 n2 event next/0 ! unavailable", id="one does not compete"),
        pytest.param(WON + "0-6 n2 event next/0 ?", id="one winner, one unknown"),
        pytest.param("0-6 n1 event next/0 ?\n" + LOST, id="the winner was not told"),
        pytest.param("0- n1 event next/0\n" + LOST, id="the winner never heard"),
        pytest.param("0-6 n1 event next/0 ?\n0-6 n2 event next/0 ?", id="all unknown"),
        pytest.param(
            "0-1 n1 event next/7 ! lost-race 0 A\n0-1 n2 event next/7 ! lost-race 0 A",
            id="meant for a version that has not come",
        ),
        pytest.param("0-6 n1 event next/0 ! x\n0-6 n2 event next/0 ! x", id="none competes"),
        pytest.param(
            "0-1 n3 event stay = 1 B\n2-3 n1 event next/0 ! lost-race\n" + LOST, id="lost to another event"
        ),
        pytest.param(
            "0-1 n3 event stay ?\n2-3 n1 event next/0 ! lost-race\n" + LOST,
            id="lost to one of unknown outcome",
        ),
        pytest.param(
            "0-1 n1 event stay/0 ! not-applicable 0 A\n0-1 n2 event stay/0 ! not-applicable 0 A",
            id="the machine did not want it",
        ),
        pytest.param(
            WON + LOST + "7-8 n1 event next/1 = 2 C\n7-8 n2 event next/1 ! lost-race", id="two races"
        ),
    ],
)
def test_one_winner_and_losers_who_know_it_are_valid(history: Read, text: str) -> None:
    assert single_winner(history(text)).valid is True


@pytest.mark.parametrize(
    ("text", "anomaly", "culprits"),
    [
        pytest.param(WON + "0-6 n2 event next/0 = 1 B", "two-winners", (2, 3), id="one version, two winners"),
        pytest.param(WON + "0-6 n2 event next/0 = 2 C", "two-winners", (2, 3), id="two steps"),
        pytest.param("0-5 n1 event next/0 = 2 B\n" + LOST, "wrong-step", (2,), id="not the next version"),
        pytest.param(
            WON + "0-6 n2 event next/0 ! not-applicable 1 B",
            "wrong-refusal",
            (3, 2),
            id="a loser hears of another reason",
        ),
        pytest.param("0-5 n1 event next/0 ! lost-race\n" + LOST, "no-winner", (2, 3), id="nobody wins"),
        pytest.param(
            "0-1 n3 event stay/4 ?\n2-3 n1 event next/0 ! lost-race\n2-4 n2 event next/0 ! lost-race",
            "no-winner",
            (4, 5),
            id="the unknown one was for another version",
        ),
        pytest.param(
            WON + LOST + "7-8 n1 event next/1 = 2 C\n7-9 n2 event next/1 = 2 C",
            "two-winners",
            (6, 7),
            id="the second race",
        ),
    ],
)
def test_what_is_no_race_won_once_is_named(
    history: Read, text: str, anomaly: str, culprits: tuple[int, ...]
) -> None:
    verdict = single_winner(history(text))
    assert (verdict.valid, verdict.anomaly, verdict.culprits) == (False, anomaly, culprits)
    assert verdict.because.startswith(anomaly)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing happened"),
        pytest.param(WON, id="sent once"),
        pytest.param("0-1 n1 event next = 1 B\n0-1 n2 event next = 2 C", id="for no version"),
        pytest.param(WON + "7-8 n2 event next/1 = 2 C", id="for different versions"),
        pytest.param(WON + "0-6 n2 event stay/0 ! not-applicable 0 A", id="different events"),
    ],
)
def test_without_a_race_it_does_not_know(history: Read, text: str) -> None:
    assert single_winner(history(text)).valid is None


def test_words_name_both_winners(history: Read) -> None:
    assert single_winner(history(WON + "0-6 n2 event next/0 = 2 C")).because == (
        'two-winners: {"event": "next", "expect": 0} was accepted 2 times: process 1\'s event at 0.005 s '
        "(op 2), as version 1 and process 2's event at 0.006 s (op 3), as version 2"
    )
