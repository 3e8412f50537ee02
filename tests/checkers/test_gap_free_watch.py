"""Readers of a log see every version once and in order, or are told that some are gone.

A version's token is its number times ten, unless told otherwise; two versions are kept.
"""

import json
from collections.abc import Callable

import pytest

from dsm_jepsen.checkers import gap_free_watch
from dsm_jepsen.history import History

Read = Callable[[str], History]

KEEPS = 2


def told(number: int, follows: int | None = None, *, token: int | None = None) -> dict[str, int | None]:
    """A version as clients are told of it; the first follows none."""
    before = (number - 1 if follows is None else follows) or None
    return {"version": number, "token": number * 10 if token is None else token, "follows": before}


def write(when: str, number: int, follows: int | None = None, *, token: int | None = None) -> str:
    """An acknowledged append."""
    version = told(number, follows, token=token)
    return f"{when} p1 append {version['token']} = {json.dumps(version, separators=(',', ':'))}"


def follow(
    when: str, *versions: dict[str, int | None] | None, target: int | None = None, who: int = 2
) -> str:
    """A reader's operation; with a target it is one that caught up, or should have."""
    value = {"after": None, "told": versions, "ended": "time", "target": target}
    f = "follow" if target is None else "catch-up"
    return f"{when} p{who} {f} = {json.dumps(value, separators=(',', ':'))}"


def anew(number: int) -> dict[str, int | None]:
    """What a reader finds after it was told that changes are gone."""
    return {**told(number), "anew": True}


WRITTEN = [write(f"{number}-{number}", number) for number in range(1, 5)]
"""Versions 1 to 4, one in each millisecond."""

RIGHT = {
    "all versions in one go": [*WRITTEN, follow("8-9", *map(told, range(1, 5)), target=4)],
    "in several operations": [*WRITTEN, follow("6-7", told(1), told(2)), follow("8-9", told(3), told(4))],
    "each reader for itself": [*WRITTEN, follow("6-7", told(1)), follow("8-9", told(1), told(2), who=3)],
    "versions that are not neighbours": [
        write("0-1", 5, 0, token=1),
        write("2-3", 9, 5, token=2),
        follow("4-5", told(5, 0, token=1), told(9, 5, token=2), target=9),
    ],
    "gone and taken anew": [*WRITTEN, follow("8-9", told(1), anew(4), target=4)],
    "gone before the first": [*WRITTEN, follow("8-9", anew(4), target=4)],
    "a write of unknown outcome": ["0-1 p1 append 10 ?", follow("2-3", told(1), target=1)],
    "a write never answered": ["0- p1 append 10", follow("2-3", told(1), target=1)],
    "gone by a write of unknown outcome": [
        *WRITTEN[:3],
        "4-5 p1 append 40 ?",
        follow("8-9", told(1), anew(3), target=3),
    ],
    "refused and not seen": [*WRITTEN, "5-6 p4 append 77 ! lost-race", follow("8-9", anew(4), target=4)],
    "nothing told, nothing missed": [follow("0-1"), *WRITTEN],
}

WRONG = [
    pytest.param([*WRITTEN, follow("8-9", told(1), told(3))], "watch-gap", id="one left out"),
    pytest.param([*WRITTEN, follow("8-9", told(2))], "watch-gap", id="the first left out"),
    pytest.param(
        [*WRITTEN, follow("6-7", told(1)), follow("8-9", told(4))], "watch-gap", id="gap between operations"
    ),
    pytest.param(
        ["0-1 p1 append 10 ?", "0-1 p4 append 20 ?", follow("2-3", told(2))],
        "watch-gap",
        id="left out though nobody knows that it was written",
    ),
    pytest.param([*WRITTEN, follow("8-9", told(1), told(1))], "out-of-order", id="told twice"),
    pytest.param([*WRITTEN, follow("8-9", told(1), told(2), told(1))], "out-of-order", id="told backwards"),
    pytest.param(
        [*WRITTEN, follow("8-9", *map(told, range(1, 5)), anew(2))], "out-of-order", id="anew from the past"
    ),
    pytest.param([*WRITTEN, follow("8-9", told(1, token=99))], "phantom", id="what nobody wrote"),
    pytest.param([*WRITTEN, follow("8-9", told(1), None)], "phantom", id="a deletion"),
    pytest.param(
        ["0-1 p1 append 10 ! lost-race", follow("2-3", told(1))], "dirty-refusal", id="what was refused"
    ),
    pytest.param([*WRITTEN, follow("8-9", told(1, token=20))], "wrong-value", id="another version's value"),
    pytest.param(
        [*WRITTEN, "5-6 p4 append 77 ?", follow("8-9", told(1, token=77))],
        "wrong-value",
        id="not what was acknowledged",
    ),
    pytest.param([*WRITTEN, write("5-6", 4, token=77)], "lost-update", id="two acknowledged as one version"),
    pytest.param([*WRITTEN, write("5-6", 5, 3)], "lost-update", id="two acknowledged on one condition"),
    pytest.param(
        [*WRITTEN, "5-6 p4 append 50 ?", follow("8-9", anew(4), told(5, 3))],
        "lost-update",
        id="a write whose condition had failed",
    ),
    pytest.param(
        [*WRITTEN, follow("8-9", told(1), told(2), anew(4))], "unfounded-compaction", id="not far behind"
    ),
    pytest.param(
        [*WRITTEN[:3], follow("3-3", told(1), anew(3)), *WRITTEN[3:]],
        "unfounded-compaction",
        id="not far behind at that moment",
    ),
    pytest.param([*WRITTEN, follow("8-9", told(1), target=4)], "watch-stalled", id="told no more"),
    pytest.param([*WRITTEN, follow("8-9", target=4)], "watch-stalled", id="never told of any"),
    pytest.param(
        [*WRITTEN, follow("8-9", *map(told, range(1, 4)), target=3)],
        "lost-acknowledgement",
        id="the last one is not there",
    ),
]


@pytest.mark.parametrize("lines", [pytest.param(lines, id=name) for name, lines in RIGHT.items()])
def test_readers_who_miss_nothing_unknowingly_are_valid(history: Read, lines: list[str]) -> None:
    verdict = gap_free_watch(keeps=KEEPS)(history("\n".join(lines)))
    assert verdict.valid is not False, verdict.because
    assert verdict.anomaly is None


@pytest.mark.parametrize(("lines", "anomaly"), WRONG)
def test_what_a_watch_must_not_do_is_found(history: Read, lines: list[str], anomaly: str) -> None:
    judged = history("\n".join(lines))
    verdict = gap_free_watch(keeps=KEEPS)(judged)
    assert (verdict.valid, verdict.anomaly) == (False, anomaly)
    assert verdict.because.startswith(anomaly)
    assert all(judged[index].type != "invoke" for index in verdict.culprits)


def test_a_log_that_nobody_follows_says_nothing(history: Read) -> None:
    assert gap_free_watch(keeps=KEEPS)(history("\n".join(WRITTEN))).valid is None
    assert gap_free_watch(keeps=KEEPS)(history("")).valid is None


def test_notices_of_compaction_are_counted(history: Read) -> None:
    lines = [*WRITTEN, follow("6-7", anew(4)), follow("8-9", told(1), anew(4), who=3)]
    verdict = gap_free_watch(keeps=KEEPS)(history("\n".join(lines)))
    assert verdict.details == {"compactions": 2}
    assert "2 times one was told that some are gone" in verdict.because


def test_a_log_that_keeps_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="keeps is 0"):
        gap_free_watch(keeps=0)
