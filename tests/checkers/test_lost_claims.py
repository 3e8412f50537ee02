"""That a fault cost workers claims that they held: seen while it was in force, and seen to be taken over."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from dsm_jepsen.checkers import Checker, lost_claims
from dsm_jepsen.history import History

Read = Callable[[str], History]

HELD = ("submit c", "claim n2/a")
TAKEN = (*HELD, "claim n1/b")

START = "10-20 nemesis start-pause = installed n2\n"
STOP = "900-910 nemesis stop-pause = ended n2\n"


def look(when: str, *notes: str, status: str = "running") -> str:
    told = [
        {"what": what, "by": by, "token": 1 + sum("claim" in before for before in notes[:place])}
        for place, (what, by) in enumerate(note.split() for note in notes)
    ]
    shown: dict[str, Any] = {"records": [{"id": "i", "status": status, "notes": told}]}
    return f"{when} p1 look = {json.dumps(shown, separators=(',', ':'))}\n"


@pytest.fixture
def paused() -> Checker:
    return lost_claims("pause", holder_lives=True)


@pytest.fixture
def killed() -> Checker:
    return lost_claims("pause", holder_lives=False)


def test_a_claim_held_by_who_stands_still_and_then_by_another_was_lost(
    paused: Checker, history: Read
) -> None:
    verdict = paused(history(START + look("30-35", *HELD) + look("600-605", *TAKEN) + STOP))
    assert verdict.valid is True
    assert verdict.details["faults"] == [{"fault": "pause", "nodes": ["n2"], "held": 1, "lost": 1}]


def test_steps_and_counted_branches_do_not_give_a_claim_back(paused: Checker, history: Read) -> None:
    went_on = (*HELD, "advance n2/a", "branch-ended n3/c")
    text = START + look("30-35", *went_on) + look("600-605", *went_on, "claim n1/b") + STOP
    assert paused(history(text)).valid is True


def test_a_pause_that_ends_before_another_takes_over_says_nothing(
    paused: Checker, killed: Checker, history: Read
) -> None:
    short = history(START + look("30-35", *HELD) + STOP + look("950-955", *TAKEN))
    verdict = paused(short)
    assert verdict.valid is None
    assert "pause struck n2: 1 claims held, 0 taken over" in verdict.because
    assert killed(short).valid is True, "a dead worker gives nothing back, however late others come"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("", "no pause was seen to act", id="no fault"),
        pytest.param(
            START.replace("installed", "indeterminate")
            + look("30-35", *HELD)
            + look("600-605", *TAKEN)
            + STOP,
            "no pause was seen to act",
            id="nobody saw it",
        ),
        pytest.param(START + look("600-605", *TAKEN) + STOP, "0 claims held", id="not seen held"),
        pytest.param(
            look("1-5", *HELD) + START + look("600-605", *TAKEN) + STOP, "0 claims held", id="before"
        ),
        pytest.param(
            START + look("30-35", *HELD) + look("600-605", *HELD, "release n2/a", "claim n1/b") + STOP,
            "1 claims held, 0 taken over",
            id="given back",
        ),
        pytest.param(
            START.replace("n2", "n3") + look("30-35", *HELD) + look("600-605", *TAKEN) + STOP,
            "struck n3: 0 claims held",
            id="another's claim",
        ),
        pytest.param(
            START + look("30-35", *HELD, status="dead") + look("600-605", *TAKEN) + STOP,
            "0 claims held",
            id="not running",
        ),
    ],
)
def test_without_both_looks_nobody_knows(paused: Checker, history: Read, text: str, words: str) -> None:
    verdict = paused(history(text))
    assert verdict.valid is None
    assert "seen 0 times, at least 1 is wanted" in verdict.because
    assert words in verdict.because


def test_fewer_than_wanted_are_not_enough(history: Read) -> None:
    text = START + look("30-35", *HELD) + look("600-605", *TAKEN) + STOP
    assert lost_claims("pause", least=2, holder_lives=True)(history(text)).valid is None
