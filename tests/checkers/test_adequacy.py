"""A run in which too little happened says nothing."""

from collections.abc import Callable

import pytest

from dsm_jepsen.checkers import adequacy
from dsm_jepsen.history import History

Read = Callable[[str], History]

OK = "0-1 p1 write 1 = 1\n"
START = "2-3 nemesis start-kill = installed n1\n"
STOP = "8-9 nemesis stop-kill = ended n1\n"
DURING = "4-5 p1 write 1 = 1\n"


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        pytest.param(OK + START + STOP, None, id="enough"),
        pytest.param(START + STOP, "0 write operations succeeded, 1 are wanted", id="too few"),
        pytest.param(
            "0-1 p1 write 1 ?\n" + START + STOP,
            "0 write operations succeeded, 1 are wanted",
            id="undecided is not enough",
        ),
        pytest.param(OK, "start-kill never acted (it was never started)", id="never started"),
        pytest.param(
            OK + "2 nemesis start-kill n1\n8 nemesis stop-kill",
            "start-kill never acted (1 times open)",
            id="never completed",
        ),
        pytest.param(OK + START, "stop-kill never ended it", id="no stop"),
        pytest.param(
            OK + START + "8-9 nemesis stop-kill ! refused", "stop-kill never ended it", id="stop broke"
        ),
        pytest.param(
            OK + START + "8-9 nemesis stop-kill ! refused\n10-11 nemesis stop-kill = ended",
            None,
            id="stopped at last",
        ),
        pytest.param(
            OK + "2-3 nemesis start-kill = skipped why=down\n" + STOP,
            "start-kill never acted (1 times skipped: down)",
            id="skipped",
        ),
        pytest.param(
            OK + "2-3 nemesis start-kill = indeterminate n1\n" + STOP,
            "start-kill never acted (1 times indeterminate)",
            id="nobody saw it act",
        ),
        pytest.param(
            OK + "2-3 nemesis start-kill ! refused\n" + STOP,
            "start-kill never acted (1 times failed: ['refused', None])",
            id="start broke",
        ),
        pytest.param(
            OK + START + "4-5 nemesis start-kill = skipped why=down\n" + STOP,
            None,
            id="a second one was skipped",
        ),
        pytest.param(
            OK + START + "4-5 nemesis start-cut = installed n1\n6-7 nemesis stop-cut = ended n1",
            "stop-kill never ended it",
            id="another fault ended",
        ),
    ],
)
def test_a_run_too_thin_is_unknown(history: Read, text: str, missing: str | None) -> None:
    verdict = adequacy({"write": 1}, needs_faults=frozenset({"kill"}))(history(text))
    assert verdict.valid is (True if missing is None else None)
    assert (missing or "") in verdict.because


@pytest.mark.parametrize(
    ("text", "count"),
    [
        pytest.param(START + DURING + STOP, 1, id="during"),
        pytest.param(START + DURING, 1, id="during, never stopped"),
        pytest.param(OK + START + STOP, 0, id="before"),
        pytest.param(START + STOP + "10-11 p1 write 1 = 1", 0, id="after"),
        pytest.param("0-5 p1 write 1 = 1\n" + START + STOP, 0, id="sent before"),
        pytest.param(START + STOP + "4-10 p1 write 1 = 1", 0, id="ended after"),
        pytest.param(START + STOP + "4-5 p1 write 1 ?", 0, id="undecided"),
        pytest.param(
            START.replace("installed", "indeterminate") + DURING + STOP, 0, id="nobody saw the fault"
        ),
        pytest.param(START + DURING + STOP.replace("kill", "cut"), 1, id="another fault ended"),
    ],
)
def test_what_succeeds_while_a_fault_is_in_force_is_counted(history: Read, text: str, count: int) -> None:
    told = history(text)
    assert adequacy({}, min_ok_during={"write": count})(told).valid is True
    verdict = adequacy({}, min_ok_during={"write": count + 1})(told)
    assert verdict.because == (
        f"inadequate: {count} write operations succeeded while a fault was in force, {count + 1} are wanted"
    )


CUT = "10-11 nemesis start-cut = installed n1\n"
CUT_ENDS = "12-13 nemesis stop-cut = ended\n"


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        pytest.param(START + STOP + CUT + CUT_ENDS, None, id="two kinds"),
        pytest.param(
            START + STOP + "10-11 nemesis start-kill = installed n2\n12-13 nemesis stop-kill = ended",
            "1 kinds of faults were installed (kill), 2 are wanted",
            id="one kind, twice",
        ),
        pytest.param(
            START + STOP + CUT.replace("installed", "skipped") + CUT_ENDS,
            "1 kinds of faults were installed (kill), 2 are wanted",
            id="the other was skipped",
        ),
        pytest.param("", "0 kinds of faults were installed, 2 are wanted", id="none"),
        pytest.param(START + STOP + CUT, "stop-cut never ended it", id="one was never healed"),
        pytest.param(
            START + STOP + CUT + CUT_ENDS + "14-15 nemesis start-kill = installed n2",
            "stop-kill never ended it",
            id="one was not healed the second time",
        ),
    ],
)
def test_different_faults_must_have_acted_and_ended(history: Read, text: str, missing: str | None) -> None:
    verdict = adequacy({}, min_kinds=2)(history(text))
    assert verdict.valid is (True if missing is None else None)
    assert (missing or "") in verdict.because
