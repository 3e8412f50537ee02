"""Whoever was harmed must be seen to work through the store again, once all is over."""

from collections.abc import Callable

import pytest

from dsm_jepsen.checkers import come_back
from dsm_jepsen.history import History

Read = Callable[[str], History]

CUT = "1-2 nemesis start-power-cut = installed n1,n2\n3-4 nemesis stop-power-cut = ended\n"
TWO = "5-6 n2 read-strong = 0 A\n"


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        pytest.param(CUT + TWO + "5-6 n1 read-strong = 0 A", True, id="both answer strong reads"),
        pytest.param(CUT + TWO + "5-6 n1 event next = 1 B", True, id="one takes an event"),
        pytest.param(CUT + TWO + "5-6 n1 read-strong ! unavailable", False, id="one refuses"),
        pytest.param(CUT + TWO + "5-6 n1 read-strong ?", False, id="of one nobody knows"),
        pytest.param(
            CUT + TWO + "5-6 n1 read-strong ?\n7-8 n1.6 read-strong = 0 A", True, id="one answers later"
        ),
        pytest.param(CUT + TWO + "5-6 n1 read = 0 A", None, id="one answers without its store"),
        pytest.param(CUT + TWO + "2-3 n1 read-strong = 0 A", None, id="one answered before the end"),
        pytest.param(CUT + TWO, None, id="one is not asked"),
        pytest.param(TWO, None, id="nobody was harmed"),
        pytest.param(CUT.replace("power-cut", "kill-both") + TWO, None, id="by another fault"),
    ],
)
def test_everyone_who_was_harmed_is_back_in_the_end(
    history: Read, node_of: Callable[[int], str], text: str, valid: bool | None
) -> None:
    verdict = come_back(node_of, "power-cut")(history(text))
    assert verdict.valid is valid
    assert ("n1 was harmed by power-cut" in verdict.because) is (valid is False)
    assert (verdict.anomaly == "not-back") is (valid is False)
