"""The last lines of a run: what is wrong first, then how to see it again."""

from collections.abc import Mapping

import pytest

from dsm_jepsen.checkers import Verdict
from dsm_jepsen.reports import RunInfo, overall, verdict_lines

YES = Verdict(valid=True, because="fine")
NO = Verdict(valid=False, because="lost")
UNDECIDED = Verdict(valid=None, because="who knows")


def test_a_valid_run_ends_in_three_lines(info: RunInfo, good: Mapping[str, Verdict]) -> None:
    assert verdict_lines(good, info) == [
        "VALID  linearizable, legal-transitions, convergence, monotonic-reads, stats, adequacy",
        "  stats    233 of 233 operations ok",
        "  replay   dsm-jepsen run isolated-events --seed 348",
    ]


def test_what_is_wrong_comes_first_and_in_words(info: RunInfo) -> None:
    verdicts = {"convergence": UNDECIDED, "adequacy": UNDECIDED, "stats": NO, "linearizable": YES}
    assert verdict_lines(verdicts, info)[:-1] == [
        "INVALID     stats: lost",
        "UNKNOWN     convergence: who knows",
        "INADEQUATE  adequacy: who knows",
        "VALID       linearizable",
    ]


def test_nothing_checked_is_nothing_known(info: RunInfo) -> None:
    assert verdict_lines({}, info)[0] == "UNKNOWN  nothing was checked"


@pytest.mark.parametrize(
    ("verdicts", "word", "valid"),
    [
        pytest.param({"a": YES, "adequacy": YES}, "VALID", True, id="all content"),
        pytest.param({"a": NO, "b": UNDECIDED}, "INVALID", False, id="invalid beats unknown"),
        pytest.param({"a": NO, "adequacy": UNDECIDED}, "INVALID", False, id="invalid beats inadequate"),
        pytest.param({"a": UNDECIDED, "adequacy": UNDECIDED}, "UNKNOWN", None, id="unknown beats inadequate"),
        pytest.param({"a": YES, "adequacy": UNDECIDED}, "INADEQUATE", None, id="only too thin"),
        pytest.param({}, "UNKNOWN", None, id="no checker"),
    ],
)
def test_a_run_is_as_good_as_its_worst_verdict(
    verdicts: Mapping[str, Verdict], word: str, *, valid: bool | None
) -> None:
    assert overall(verdicts) == (word, valid)
