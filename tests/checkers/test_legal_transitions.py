"""The versions that were seen form one path of the chart."""

from collections.abc import Callable

import pytest

from dsm_jepsen.checkers import Machine, legal_transitions
from dsm_jepsen.history import History

Read = Callable[[str], History]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing happened"),
        pytest.param("0-1 n1 read = 0 A", id="the start"),
        pytest.param("0-1 n1 event next = 1 B\n2-3 n2 event next = 2 C\n4-5 n1 read = 1 B", id="a path"),
        pytest.param("0-1 n1 event set x=4 = 1 A x=4\n2-3 n2 read-strong = 1 A x=4", id="a parameter"),
        pytest.param("0-1 n1 event next/0 = 1 B", id="at the version that was expected"),
        pytest.param("0-1 n1 event stay ! not-applicable 0 A", id="a refusal that shows the context"),
        pytest.param("0-1 n1 event next ! lost-race\n2-3 n2 read = 0 A", id="a lost race has no effect"),
        pytest.param("0-1 n1 event next ?\n2-3 n2 read = 1 B", id="made by an undecided event"),
        pytest.param("0-  n1 event next\n2-3 n2 read = 1 B", id="made by an event that was never answered"),
        pytest.param(
            "0-1 n1 event next ?\n2-3 n2 event next = 2 C", id="a version that nobody saw, made by one"
        ),
        pytest.param(
            "0-1 n1 event set x=1 ?\n0-1 n2 event next ?\n2-3 n3 event next = 3 C x=1",
            id="two versions that nobody saw, in whichever order fits",
        ),
        pytest.param(
            "0-1 n1 event next ?\n0-1 n2 event next ?\n2-3 n3 read = 2 C", id="two of one kind, used in turn"
        ),
        pytest.param("0-3 n2 read = 1 B\n2-9 n1 event next ?", id="sent while it was read"),
        pytest.param("0-1 n1 read ! in-error 7 C", id="a node in error asserts nothing"),
    ],
)
def test_a_path_of_the_chart_is_valid(ring: Machine, history: Read, text: str) -> None:
    assert legal_transitions(ring)(history(text)).valid is True


@pytest.mark.parametrize(
    ("text", "anomaly", "culprits"),
    [
        pytest.param(
            "0-1 n1 event next = 1 B\n2-3 n2 event next = 1 B",
            "lost-update",
            (1, 3),
            id="one version, two events",
        ),
        pytest.param(
            "0-1 n1 event next = 1 B\n2-3 n2 read = 1 C", "divergence", (3, 1), id="one version, two states"
        ),
        pytest.param(
            "0-1 n1 event set x=1 = 1 A x=1\n2-3 n2 read = 1 A",
            "divergence",
            (3, 1),
            id="a variable is missing",
        ),
        pytest.param(
            "0-1 n1 event next = 1 B\n2-3 n2 event stay ! not-applicable 1 A",
            "divergence",
            (3, 1),
            id="a refusal shows another state",
        ),
        pytest.param("0-1 n1 event next = 1 C", "illegal-transition", (1,), id="leads elsewhere"),
        pytest.param(
            "0-1 n1 event stay = 1 A", "illegal-transition", (1,), id="not applicable, yet accepted"
        ),
        pytest.param("0-1 n1 event next/1 = 1 B", "illegal-transition", (1,), id="expected another version"),
        pytest.param("0-1 n1 read = 0 B", "illegal-transition", (1,), id="another start"),
        pytest.param("0-1 n1 read = 1 B", "phantom-version", (1,), id="made by nobody"),
        pytest.param(
            "0-1 n2 read = 2 C\n2-3 n1 event next ?\n4-5 n4 read = 1 B",
            "phantom-version",
            (5,),
            id="sent after a later one was seen",
        ),
        pytest.param("0-1 n1 read = 900000000 B", "phantom-version", (1,), id="made by nobody, far away"),
        pytest.param(
            "0-1 n1 event next ?\n2-3 n2 read = 2 C", "phantom-version", (3,), id="used once, not twice"
        ),
        pytest.param(
            "0-1 n2 read = 1 B\n2-3 n1 event next ?", "phantom-version", (1,), id="seen before it was sent"
        ),
        pytest.param(
            "0-1 n1 event next/3 ?\n2-3 n2 read = 1 B",
            "phantom-version",
            (3,),
            id="undecided, but not for this",
        ),
        pytest.param(
            "0-1 n1 event next ! unavailable\n2-3 n2 read = 1 B",
            "dirty-refusal",
            (3, 1),
            id="refused, yet done",
        ),
        pytest.param(
            "0-1 n1 event next = 1 B\n2-3 n2 event next = 3 A",
            "phantom-version",
            (3,),
            id="a version left out",
        ),
    ],
)
def test_what_is_no_path_is_named(
    ring: Machine, history: Read, text: str, anomaly: str, culprits: tuple[int, ...]
) -> None:
    verdict = legal_transitions(ring)(history(text))
    assert (verdict.valid, verdict.anomaly, verdict.culprits) == (False, anomaly, culprits)


def test_words_name_both_who_disagree(ring: Machine, history: Read) -> None:
    verdict = legal_transitions(ring)(history("0-1 n1 event next = 1 B\n2-3 n2 read = 1 C x=2"))
    assert verdict.because == (
        "divergence: version 1 is B {} for process 1's event at 0.001 s (op 1), "
        'but C {"x": 2} for process 2\'s read at 0.003 s (op 3)'
    )


def test_after_one_wrong_step_the_next_is_judged_from_what_was_seen(ring: Machine, history: Read) -> None:
    verdict = legal_transitions(ring)(history("0-1 n1 event next = 1 C\n2-3 n1 event next = 2 A"))
    assert len(verdict.details["problems"]) == 1


def test_too_many_explanations_leave_it_open(ring: Machine, history: Read) -> None:
    undecided = [f"0-1 n{number} event set x={number} ?" for number in range(15)]
    text = "\n".join([*undecided, "2-3 n99 event next = 9 B x=1"])
    verdict = legal_transitions(ring)(history(text))
    assert verdict.valid is None
    assert "undecided from version" in verdict.because
