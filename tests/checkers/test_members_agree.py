"""Members of the store that differ at the end make a run invalid, and the reason blames the store."""

from typing import Any

import pytest

from dsm_jepsen.checkers import COMPARISON, members_agree
from dsm_jepsen.history import NEMESIS, History, Op

AGREED = {"members": 5, "keys": 12, "rounds": 1, "differs": {}, "unknown": None, "warning": None}

LOST = {"n3": {"from": "n1", "keys": 2, "shown": [["/a", None, "version 7: 'x'"], ["/b", None, None]]}}


def compared(*values: Any) -> History:
    history = History()
    for index, value in enumerate(values):
        history.append(
            Op(index=index, time=index, type="info", process=NEMESIS, f=COMPARISON, value=value, error=None)
        )
    return history


@pytest.mark.parametrize(
    ("values", "valid", "words"),
    [
        ((None, AGREED), True, "5 members of the store hold the same 12 keys"),
        ((None, AGREED | {"differs": LOST}), False, "the store itself lost or changed data: member n3"),
        ((None, AGREED | {"differs": LOST}), False, "'/a': n3 has nothing, n1 has version 7: 'x'"),
        ((None, AGREED | {"differs": LOST, "warning": "etcd 3.5.1 may"}), False, ". etcd 3.5.1 may"),
        ((None, AGREED | {"unknown": "n2 did not show a new write"}), None, "n2 did not show a new write"),
        ((None,), None, "were not compared"),
        ((), None, "were not compared"),
    ],
)
def test_what_the_comparison_found_is_the_verdict(
    values: tuple[Any, ...], valid: bool | None, words: str
) -> None:
    verdict = members_agree(compared(*values))
    assert verdict.valid is valid
    assert words in verdict.because
    assert (verdict.anomaly, verdict.culprits) == (
        ("store-divergence", (1,)) if valid is False else (None, ())
    )
