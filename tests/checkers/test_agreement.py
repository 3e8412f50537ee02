"""One version, one content everywhere."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsm_jepsen.checkers import agreement
from dsm_jepsen.history import History

Read = Callable[[str], History]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing happened"),
        pytest.param("0-1 n1 event next = 1 B\n2-3 n2 read = 1 B\n4-5 n3 read-strong = 1 B", id="all agree"),
        pytest.param("0-1 n1 read = 1 B\n2-3 n2 read = 2 C x=1", id="different versions"),
        pytest.param("0-1 n1 read = 1 B\n2-3 n2 read ! in-error 1 C", id="a node in error asserts nothing"),
        pytest.param("0-1 n1 read = 1 B\n2-3 n2 event next ?", id="of unknown outcome"),
        pytest.param("0-1 n1 read = 7 Z x=3", id="no chart is asked"),
    ],
)
def test_one_content_for_each_version_is_valid(history: Read, text: str) -> None:
    assert agreement(history(text)).valid is True


@pytest.mark.parametrize(
    ("text", "culprits"),
    [
        pytest.param("0-1 n1 read = 1 B\n2-3 n2 read = 1 C", (3, 1), id="another state"),
        pytest.param("0-1 n1 read = 1 B x=1\n2-3 n2 read = 1 B x=2", (3, 1), id="another variable"),
        pytest.param("0-1 n1 read = 1 B x=1\n2-3 n2 read = 1 B", (3, 1), id="a variable is missing"),
        pytest.param("0-1 n1 event next = 1 B\n2-3 n2 event set x=1 = 1 A x=1", (3, 1), id="two events"),
        pytest.param("0-1 n1 read-strong = 1 B\n2-3 n2 read = 1 C", (3, 1), id="strong and local"),
        pytest.param(
            "0-1 n1 read = 1 B\n2-3 n2 event stay ! not-applicable 1 A", (3, 1), id="shown by a refusal"
        ),
        pytest.param(
            "0-1 n1 read = 2 A\n2-3 n1 read = 1 B\n4-5 n2 read = 2 B\n6-7 n2 read = 1 C",
            (7, 3),
            id="the first version that differs",
        ),
    ],
)
def test_two_contents_of_one_version_are_named(history: Read, text: str, culprits: tuple[int, ...]) -> None:
    verdict = agreement(history(text))
    assert (verdict.valid, verdict.anomaly, verdict.culprits) == (False, "divergence", culprits)


@settings(deadline=None)
@given(seen=st.lists(st.tuples(st.integers(0, 3), st.sampled_from("AB")), max_size=8))
def test_it_is_valid_exactly_if_what_was_seen_is_a_function_of_the_version(
    history: Read, seen: list[tuple[int, str]]
) -> None:
    text = "\n".join(f"{2 * place}-{2 * place + 1} n1 read = {v} {s}" for place, (v, s) in enumerate(seen))
    assert agreement(history(text)).valid is (len(dict(seen)) == len(set(seen)))


def test_words_name_both_who_disagree_and_all_versions_are_listed(history: Read) -> None:
    text = "0-1 n1 read = 1 B\n2-3 n2 read = 1 B x=2\n4-5 n1 read = 2 C\n6-7 n2 read = 2 A"
    verdict = agreement(history(text))
    assert verdict.because == (
        "divergence: version 1 is B {} for process 1's read at 0.001 s (op 1), "
        'but B {"x": 2} for process 2\'s read at 0.003 s (op 3)'
    )
    assert len(verdict.details["problems"]) == 2
