"""Nodes follow, and agree in the end."""

from collections.abc import Callable
from functools import partial

import pytest

from dsm_jepsen.checkers import Machine, convergence
from dsm_jepsen.history import History

Read = Callable[[str], History]

judge = partial(convergence, nodes=("n1", "n2"), settle_ms=1000)

GOOD_END = "8000-8001 n1 read = 1 B\n8002-8003 n2 read = 1 B\n"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("0-1 n1 event next = 1 B\n" + GOOD_END, id="all follow"),
        pytest.param("0-1 n1 event next = 1 B\n500-501 n2 read = 0 A\n" + GOOD_END, id="a short lag"),
        pytest.param("0-1 n1 event next = 1 B\n3000-3001 n2 read ! in-error 0 A\n" + GOOD_END, id="in error"),
        pytest.param("0-1 n1.6 event next ?\n3000-3001 n2 read = 0 A\n" + GOOD_END, id="it happened later"),
    ],
)
def test_nodes_that_follow_are_valid(ring: Machine, history: Read, text: str) -> None:
    assert judge(ring)(history(text)).valid is True


@pytest.mark.parametrize(
    ("text", "anomaly", "culprits"),
    [
        pytest.param(
            "0-1 n1 event next = 1 B\n3000-3001 n2 read = 0 A\n" + GOOD_END,
            "stale-read",
            (3, 1),
            id="lag",
        ),
        pytest.param(
            "0-1 n1.6 event next ?\n2-3 n1.7 read = 1 B\n3000-3001 n2 read = 0 A\n" + GOOD_END,
            "stale-read",
            (5, 3),
            id="behind what another node showed",
        ),
        pytest.param(
            "0 nemesis start-kill-node n2\n1 nemesis stop-kill-node n2\n2-3 n1 event next = 1 B\n"
            "3000-3001 n2 read = 0 A\n" + GOOD_END,
            "stale-read",
            (5, 3),
            id="restarted long ago",
        ),
        pytest.param(
            "0 nemesis start-kill-node n2\n1-2 n1 event next = 1 B\n3000 nemesis stop-kill-node n2\n"
            "3500-3501 n2 read = 0 A\n" + GOOD_END,
            "stale-read",
            (5, 2),
            id="just restarted, and not in error",
        ),
        pytest.param(
            "0-1 n2 read = 0 A\n2-3 n2 leave =\n4-5 n1 event next = 1 B\n3000-3001 n2 join =\n"
            "3500-3501 n2 read = 0 A\n" + GOOD_END,
            "stale-read",
            (9, 5),
            id="just joined, and not in error",
        ),
        pytest.param(
            "0 nemesis start-kill-node n3\n2-3 n1 event next = 1 B\n3000-3001 n2 read = 0 A\n" + GOOD_END,
            "stale-read",
            (4, 2),
            id="another node was killed",
        ),
        pytest.param(
            "0 nemesis start-isolate-one n2\n2-3 n1 event next = 1 B\n3000-3001 n2 read = 0 A\n" + GOOD_END,
            "stale-read",
            (4, 2),
            id="healthy and cut off",
        ),
        pytest.param(
            "0-1 n1 event next = 1 B\n7999 nemesis start-kill-node n2\n8000-8001 n1 read = 1 B\n"
            "8000-8001 n2 read = 0 A",
            "stale-read",
            (6, 1),
            id="the last read has no excuse",
        ),
        pytest.param(
            "0-1 n1 event next = 1 B\n2-3 n2 read = 1 C\n" + GOOD_END, "divergence", (3,), id="another state"
        ),
        pytest.param(
            "0-1 n1 event set x=1 = 1 A x=1\n2-3 n2 read = 1 A x=2", "divergence", (3,), id="another variable"
        ),
        pytest.param(
            "0-1 n1 event next = 1 C\n2-3 n2 read = 1 C", "divergence", (3,), id="both differ from the chart"
        ),
        pytest.param("0-1 n1 read = 1 B\n" + GOOD_END, "phantom-version", (1,), id="a version nobody made"),
    ],
)
def test_what_differs_or_lags_is_named(
    ring: Machine, history: Read, text: str, anomaly: str, culprits: tuple[int, ...]
) -> None:
    verdict = judge(ring)(history(text))
    assert (verdict.valid, verdict.anomaly, verdict.culprits) == (False, anomaly, culprits)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(
            "0-1 n1 event next = 1 B\n2-3 n2 read = 1 B\n8000-8001 n1 read = 1 B",
            "no final read of n2",
            id="none of a node",
        ),
        pytest.param(
            "0-1 n1 event next = 1 B\n2-3 n2 read = 1 B\n8000-8001 n1 read = 1 B\n8000-8001 n2 read ! x",
            "no final read of n2",
            id="it failed",
        ),
        pytest.param("", "no final read of n1, n2", id="nothing happened"),
        pytest.param(
            "0-1 n1 event next = 1 B\n8000-8001 n1 read = 1 B\n8000-8001 n2 read ?",
            "no final read of n2",
            id="a node that never answered",
        ),
        pytest.param(
            "0-1 n1.6 event next ?\n8000-8001 n1 read = 0 A\n8002-8003 n2 read = 1 B",
            "final reads differ (n1 0, n2 1)",
            id="something happened late",
        ),
    ],
)
def test_an_end_that_says_nothing_leaves_it_open(ring: Machine, history: Read, text: str, words: str) -> None:
    verdict = judge(ring)(history(text))
    assert verdict.valid is None
    assert words in verdict.because


def test_the_time_to_settle_is_an_argument(ring: Machine, history: Read) -> None:
    told = history("0-1 n1 event next = 1 B\n500-501 n2 read = 0 A\n" + GOOD_END)
    assert judge(ring, settle_ms=400)(told).valid is False
    with pytest.raises(ValueError, match="0 or more"):
        judge(ring, settle_ms=-1)


def test_a_lag_between_what_is_prompt_and_the_bound_leaves_it_open(ring: Machine, history: Read) -> None:
    told = history("0-1 n1 event next = 1 B\n500-501 n2 read = 0 A\n" + GOOD_END)
    verdict = judge(ring, prompt_ms=400)(told)
    assert (verdict.valid, verdict.anomaly) == (None, None)
    assert verdict.because.startswith("slow: stale-read: process 2's read")
    assert judge(ring, prompt_ms=600)(told).valid is True


def test_words_name_the_node_and_who_knew_better(ring: Machine, history: Read) -> None:
    told = history("0-1 n1 event next = 1 B\n3000-3001 n2 read = 0 A\n" + GOOD_END)
    assert judge(ring)(told).because == (
        "stale-read: process 2's read at 3.001 s (op 3), by n2, showed version 0, but process 1's event "
        "at 0.001 s (op 1) had shown version 1 at least 1000 ms before it was sent"
    )
