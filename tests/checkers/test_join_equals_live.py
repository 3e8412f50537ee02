"""A node that joins or comes back shows what the live ones show."""

from collections.abc import Callable

import pytest

from dsm_jepsen.checkers import Checker, join_equals_live
from dsm_jepsen.history import History

Read = Callable[[str], History]

LEFT = "0-1 n2 leave =\n"
COMMIT = "10-11 n1 event next = 1 B\n"
JOIN = "20-25 n2.7 join =\n"
KILLED = "0-1 nemesis start-kill = installed n2\n"
RESTARTED = "20-25 nemesis stop-kill = ended n2\n"


@pytest.fixture
def join_equals(node_of: Callable[[int], str]) -> Checker:
    """With a time to settle of 1 s."""
    return join_equals_live(node_of, restarts=frozenset({"kill"}))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(LEFT + COMMIT + JOIN + "30-31 n2 read = 1 B", id="joined"),
        pytest.param(KILLED + COMMIT + RESTARTED + "30-31 n2 read = 1 B", id="restarted"),
        pytest.param(
            KILLED + COMMIT + RESTARTED + "22-23 n2 read-strong = 1 B", id="read while it was restarted"
        ),
        pytest.param(
            LEFT + JOIN + "26-27 n1 event next = 1 B\n30-31 n2 read = 0 A", id="what came since may lack"
        ),
        pytest.param(
            LEFT + COMMIT + JOIN + "30-31 n2 read ! in-error 0 A\n40-41 n2 read = 1 B",
            id="the first good read",
        ),
        pytest.param(
            LEFT + COMMIT + JOIN + "30-31 n2 read = 1 B\n40-41 n2 read = 0 A", id="later reads are for others"
        ),
        pytest.param(
            LEFT + "10-11 n1 event next ?\n" + JOIN + "30-31 n2 read = 0 A", id="of unknown outcome"
        ),
        pytest.param(LEFT + "10-11 n1 event next ?\n" + JOIN + "30-31 n2 read = 1 B", id="shown by it alone"),
        pytest.param(
            LEFT + JOIN.replace("=", "?") + "26-27 n2 read = 0 A", id="the join's outcome is unknown"
        ),
    ],
)
def test_a_node_that_comes_back_as_the_live_ones_are_is_valid(
    join_equals: Checker, history: Read, text: str
) -> None:
    assert join_equals(history(text)).valid is True


@pytest.mark.parametrize(
    ("text", "anomaly", "culprits"),
    [
        pytest.param(
            LEFT + COMMIT + JOIN + "30-31 n2 read = 0 A", "stale-join", (7, 3), id="joined with an old one"
        ),
        pytest.param(
            KILLED + COMMIT + RESTARTED + "30-31 n2 read = 0 A",
            "stale-join",
            (7, 3),
            id="restarted with an old one",
        ),
        pytest.param(
            LEFT + JOIN + "26-27 n1 event next = 1 B\n1030-1031 n2 read = 0 A",
            "stale-join",
            (7, 5),
            id="had settled",
        ),
        pytest.param(
            LEFT + COMMIT + JOIN + "28-29 n3 read = 1 B\n30-31 n2 read = 1 C",
            "divergence",
            (9, 3),
            id="another state",
        ),
        pytest.param(
            KILLED + "10-11 n1 event set x=1 = 1 A x=1\n" + RESTARTED + "30-31 n2 read = 1 A",
            "divergence",
            (7, 3),
            id="without the variables",
        ),
        pytest.param(
            LEFT + COMMIT + JOIN + "30-31 n2 read = 1 C\n40-41 n3 read = 1 B",
            "divergence",
            (7, 3),
            id="before others",
        ),
        pytest.param(
            KILLED
            + RESTARTED
            + "30-31 n2 read = 0 A\n"
            + LEFT.replace("0-1", "32-33")
            + "40-41 n1 event next = 1 B\n50-51 n2 join =\n60-61 n2 read = 0 A",
            "stale-join",
            (13, 9),
            id="the second time",
        ),
    ],
)
def test_a_node_that_comes_back_otherwise_is_named(
    join_equals: Checker, history: Read, text: str, anomaly: str, culprits: tuple[int, ...]
) -> None:
    verdict = join_equals(history(text))
    assert (verdict.valid, verdict.anomaly, verdict.culprits) == (False, anomaly, culprits)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing happened"),
        pytest.param(LEFT + COMMIT + JOIN, id="not read"),
        pytest.param(LEFT + COMMIT + JOIN + "30-31 n2 read ! in-error", id="in error"),
        pytest.param(LEFT + COMMIT + JOIN + "30-31 n3 read = 1 B", id="another one was read"),
        pytest.param(COMMIT + JOIN + "30-31 n2 read = 0 A", id="it had never left"),
        pytest.param(
            KILLED.replace("installed", "skipped") + COMMIT + RESTARTED + "30-31 n2 read = 0 A",
            id="not killed",
        ),
        pytest.param(
            KILLED.replace("kill", "cut") + COMMIT + RESTARTED.replace("kill", "cut") + "30-31 n2 read = 0 A",
            id="another fault",
        ),
        pytest.param(LEFT + COMMIT + "12-13 n2 read = 0 A", id="it did not join again"),
    ],
)
def test_where_no_node_came_back_it_does_not_know(join_equals: Checker, history: Read, text: str) -> None:
    assert join_equals(history(text)).valid is None


def test_words_name_what_brought_it_back(join_equals: Checker, history: Read) -> None:
    verdict = join_equals(history(KILLED + COMMIT + RESTARTED + "30-31 n2 read = 0 A"))
    assert verdict.because == (
        "stale-join: process 2's read at 0.031 s (op 7), the node's first after process nemesis's stop-kill "
        "at 0.020 s (op 4), showed version 0, but process 1's event at 0.011 s (op 3) had shown version 1, "
        "before the node came back"
    )
