"""That sessions were really lost, and others begun."""

from collections.abc import Callable

import pytest

from dsm_jepsen.checkers import Checker, lost_sessions
from dsm_jepsen.history import History

Read = Callable[[str], History]

BEFORE = '0-5 n1 members = {"n1":"a","n2":"b"}\n'
START = "10-9000 nemesis start-expiry = installed n2\n"
GONE = '7000-7005 n1 members = {"n1":"a"}\n'
STOP = "9500-9600 nemesis stop-expiry = ended n2\n"
AFTER = '9900-9905 n1 members = {"n1":"a","n2":"c"}\n'


@pytest.fixture
def lost() -> Checker:
    """One at least."""
    return lost_sessions("expiry", least=1)


def test_a_session_that_went_while_its_node_stood_still_and_came_back_as_another_was_lost(
    lost: Checker, history: Read
) -> None:
    verdict = lost(history(BEFORE + START + GONE + STOP + AFTER))
    assert verdict.valid is True
    assert "seen 1 times, at least 1" in verdict.because
    assert verdict.details["sessions"] == [{"node": "n2", "before": "b", "gone": True, "after": "c"}]


def test_a_node_may_take_its_time_to_be_back(lost: Checker, history: Read) -> None:
    late = '9700-9705 n1 members = {"n1":"a"}\n'
    assert lost(history(BEFORE + START + GONE + STOP + late + AFTER)).valid is True


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("", "no expiry was seen to act", id="no fault"),
        pytest.param(
            BEFORE + START.replace("installed", "indeterminate") + GONE + STOP + AFTER,
            "no expiry was seen to act",
            id="nobody saw it",
        ),
        pytest.param(BEFORE + START + GONE, "no expiry was seen to act", id="not ended"),
        pytest.param(START + GONE + STOP + AFTER, "n2: no session, then no member, then c", id="not before"),
        pytest.param(BEFORE + START + STOP + AFTER, "n2: b, then not looked at, then c", id="not looked"),
        pytest.param(
            BEFORE + START + GONE.replace('"a"', '"a","n2":"b"') + STOP + AFTER,
            "n2: b, then still a member, then c",
            id="the store kept it, and the node left by itself",
        ),
        pytest.param(BEFORE + START + GONE + STOP, "then no session", id="not back"),
        pytest.param(
            BEFORE + START + GONE + STOP + AFTER.replace('"c"', '"b"'), "then b", id="back with the same"
        ),
        pytest.param(
            BEFORE + START + GONE.replace("7000-7005", "9550-9555") + STOP + AFTER,
            "not looked at",
            id="seen gone when it was let go",
        ),
        pytest.param(
            BEFORE + START + GONE.replace("7000-7005", "8-7005") + STOP + AFTER,
            "not looked at",
            id="asked before it stood still",
        ),
    ],
)
def test_without_all_three_looks_nobody_knows(lost: Checker, history: Read, text: str, words: str) -> None:
    verdict = lost(history(text))
    assert verdict.valid is None
    assert "seen 0 times, at least 1" in verdict.because
    assert words in verdict.because


def test_fewer_than_wanted_are_not_enough(history: Read) -> None:
    assert lost_sessions("expiry", least=2)(history(BEFORE + START + GONE + STOP + AFTER)).valid is None
