"""A run whose kills all came while nothing was under way has not tested what it claims."""

from collections.abc import Callable

import pytest

from dsm_jepsen.checkers import commits_hit
from dsm_jepsen.history import History

Read = Callable[[str], History]

KILL = "4-6 nemesis start-kill-node = installed n1\n"
SENT_BEFORE = "1-9 n1 event next "


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        pytest.param(KILL, 0, id="nothing was sent"),
        pytest.param(KILL + SENT_BEFORE + "?", 1, id="nobody knows what became of it"),
        pytest.param(KILL + "1- n1 event next", 1, id="it never ended"),
        pytest.param(KILL + SENT_BEFORE + "= 1 B", 1, id="it was accepted afterwards"),
        pytest.param(KILL + "1-5 n1 event next ?", 1, id="it broke at once"),
        pytest.param(KILL + "1-5 n1 event next = 1 B", 0, id="it may have been accepted before"),
        pytest.param(KILL + SENT_BEFORE + "! unavailable", 0, id="it was no commit"),
        pytest.param(KILL + "1-2 n1 event next ?", 0, id="it ended before"),
        pytest.param(KILL + "5-9 n1 event next ?", 1, id="it was sent while the kill went on, and broke"),
        pytest.param(KILL + "5-9 n1 event next = 1 B", 0, id="it may have been sent after a restart"),
        pytest.param(KILL + "7-9 n1 event next ?", 0, id="it was sent later"),
        pytest.param(KILL + "1-9 n2 event next ?", 0, id="it was sent to another node"),
        pytest.param(KILL + "1-9 n1 read ?", 0, id="it was a read"),
        pytest.param(KILL.replace("installed", "skipped") + SENT_BEFORE + "?", 0, id="nobody was killed"),
        pytest.param(KILL.replace("kill", "pause") + SENT_BEFORE + "?", 0, id="it was no kill"),
        pytest.param(KILL + SENT_BEFORE + "?\n1-9 n1.6 event next ?", 1, id="two at once are one hit"),
    ],
)
def test_kills_that_hit_an_event_are_counted(
    history: Read, node_of: Callable[[int], str], text: str, hits: int
) -> None:
    told = history(text)
    assert commits_hit(node_of, "kill-node", at_least=hits)(told).valid is True
    verdict = commits_hit(node_of, "kill-node", at_least=hits + 1)(told)
    assert verdict.valid is None
    assert f"{hits} of " in verdict.because
    assert f"{hits + 1} are wanted" in verdict.because
    assert verdict.details["hits"] == hits
