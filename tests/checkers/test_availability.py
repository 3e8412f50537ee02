"""How much of what clients asked was answered."""

from collections.abc import Callable

import pytest

from dsm_jepsen.checkers import Checker, availability
from dsm_jepsen.history import History

Read = Callable[[str], History]

GOOD = "0-1 n1 read = 0 A\n"
BAD = "2-3 n2 read ! in-error\n"
CUT = "10-20 nemesis start-cut = installed n2\n30-40 nemesis stop-cut = ended n2\n"


@pytest.fixture
def half(node_of: Callable[[int], str]) -> Checker:
    """At least a half, and 10 ms to recover."""
    return availability(node_of, least_share=0.5, recover_ms=10)


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        pytest.param("", None, id="nothing happened"),
        pytest.param(GOOD, True, id="all answered"),
        pytest.param(GOOD + BAD, True, id="just enough"),
        pytest.param(GOOD + BAD + "4-5 n3 event next ?", False, id="too few, unknown counts as not answered"),
        pytest.param(GOOD + BAD + "4- n3 event next", False, id="too few, one never answered"),
        pytest.param(
            "0-1 n1 event stay ! not-applicable 0 A\n" + BAD, True, id="a machine's refusal is an answer"
        ),
        pytest.param("0-1 n1 event next ! lost-race\n" + BAD, True, id="so is a lost race"),
        pytest.param(GOOD + CUT + "25-26 n2 read ! x\n27-28 n2 read ! x", True, id="during a fault"),
        pytest.param(GOOD + CUT + "5-15 n2 read ! x\n5-35 n3 read ! x", True, id="begun before a fault"),
        pytest.param(GOOD + CUT + "45-46 n2 read ! x\n47-48 n2 read ! x", True, id="just after a fault"),
        pytest.param(GOOD + CUT + "51-52 n2 read ! x\n53-54 n2 read ! x", False, id="long after a fault"),
        pytest.param(
            GOOD + "10-20 nemesis start-cut = skipped why=x\n25-26 n2 read ! x\n27-28 n2 read ! x",
            False,
            id="a fault that was skipped is no excuse",
        ),
        pytest.param(CUT + "25-26 n2 read ! x", None, id="nothing without a fault"),
    ],
)
def test_a_least_share_is_wanted_where_no_fault_is_in_force(
    half: Checker, history: Read, text: str, *, valid: bool | None
) -> None:
    verdict = half(history(text))
    assert verdict.valid is valid
    assert verdict.anomaly == (None if valid is not False else "unavailable")


def test_shares_are_told_by_node_and_fault(half: Checker, history: Read) -> None:
    text = GOOD + BAD + CUT + "4-5 n1 read = 0 A\n25-26 n2 read ! x\n27-28 n1 read = 0 A\n"
    verdict = half(history(text))
    assert verdict.details == {
        "calm": {"asked": 3, "share": 0.6667, "by_node": {"n1": 1.0, "n2": 0.0}},
        "cut": {"asked": 2, "share": 0.5, "by_node": {"n1": 1.0, "n2": 0.0}},
    }
    assert verdict.because == "66.67% of 3 operations without a fault in force were answered"


@pytest.mark.parametrize(("least_share", "recover_ms"), [(1.1, 0), (-0.1, 0), (0.5, -1)])
def test_bounds_that_make_no_sense_are_refused(
    node_of: Callable[[int], str], least_share: float, recover_ms: int
) -> None:
    with pytest.raises(ValueError, match="it must be"):
        availability(node_of, least_share=least_share, recover_ms=recover_ms)
