"""What the checkers of the work queue say of records that cannot be, and of those that can."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from dsm_jepsen.checkers import (
    Chart,
    Verdict,
    effects_once,
    instances_end,
    joins_once,
    legal_steps,
    steps_once,
)
from dsm_jepsen.history import History, Op

CHARTS = {
    "line": Chart("a", {"a": ("b",), "b": ("c",), "c": ()}, {}),
    "fork": Chart(
        "f", {"f": ("j",), "j": ("z",), "z": (), "l": ("e",), "e": ()}, {"j": {"x": "l", "y": "l"}}
    ),
}

Note = Mapping[str, Any]


def note(number: int, text: str) -> Note:
    """``"advance a>b w1 token seq"``: what, states, who, and the token and the step that it left behind."""
    what, states, by, token, seq = text.split()
    source, _, state = states.rpartition(">")
    return {
        "number": number,
        "what": what,
        "by": f"n/{by}",
        "at_ms": number,
        "token": int(token),
        "seq": int(seq),
        "source": source or None,
        "state": state,
        "error": None,
    }


def record(name: str, status: str, *texts: str, machine: str = "line", first: int = 1) -> dict[str, Any]:
    notes = [note(number, text) for number, text in enumerate(texts, start=first)]
    last = notes[-1]
    fields = {field: last[field] for field in ("seq", "token", "state")}
    return {"id": name, "machine": machine, "status": status, "error": None, "notes": notes, **fields}


WELL = ("submit a c 0 0", "claim a w1 1 0", "advance a>b w1 1 1", "advance b>c w1 1 2", "end c w1 1 2")
"""An instance from its beginning to its end."""


def effect(name: str, seq: int, by: str, key: str | None = None) -> dict[str, Any]:
    return {"key": key or f"{name}-{seq}-0", "id": name, "seq": seq, "index": 0, "by": by, "value": None}


def history(*operations: tuple[str, Any, Any]) -> History:
    """Operations one after the other: name, value, and value when ok (an error in a list: it failed)."""
    ops: list[Op] = []
    for f, value, answer in operations:
        failed = isinstance(answer, list)
        for kind in ("invoke", "fail" if failed else "ok"):
            shown = value if kind == "invoke" or failed else answer
            error = answer if kind == "fail" else None
            at = len(ops)
            ops.append(Op(index=at, time=at, type=kind, process=0, f=f, value=shown, error=error))
    return History(ops)


def records(*shown: Mapping[str, Any], dead: Sequence[str] = ()) -> tuple[str, Any, Any]:
    return "records", None, {"records": list(shown), "dead": list(dead)}


def effects(*taken: Any, disputed: Sequence[Any] = (), waiting: Sequence[Any] = ()) -> tuple[str, Any, Any]:
    return "effects", None, {"taken": list(taken), "disputed": list(disputed), "waiting": list(waiting)}


def submit(name: str, answer: Any = None) -> tuple[str, Any, Any]:
    return "submit", {"id": name}, {"id": name} if answer is None else answer


def red(verdict: Verdict, anomaly: str) -> None:
    assert (verdict.valid, verdict.anomaly) == (False, anomaly), verdict.because
    assert verdict.culprits


TAKEN = (effect("i", 1, "w1"), effect("i", 2, "w1"))


def test_an_instance_that_went_well_is_well() -> None:
    told = history(submit("i"), records(record("i", "done", *WELL)), effects(*TAKEN))
    checkers = (
        steps_once,
        legal_steps(CHARTS),
        instances_end(lambda _: {"done"}),
        effects_once({"line"}),
    )
    assert [checker(told).valid for checker in checkers] == [True] * 4


@pytest.mark.parametrize(
    ("notes", "anomaly"),
    [
        (("claim a w1 1 0", "advance a>b w1 1 2"), "skipped-step"),
        (("claim a w1 1 0", "advance a>b w1 1 0"), "repeated-step"),
        (("claim a w1 1 0", "release a w1 1 0", "claim a w2 0 0"), "token-went-down"),
        (("claim a w1 1 0", "claim a w2 1 0"), "wrong-token"),
        (("claim a w2 1 0", "advance a>b w1 1 1"), "unfenced-step"),
        (("claim a w1 1 0", "end a w1 1 0", "release a w1 1 0"), "step-after-end"),
    ],
)
def test_a_story_that_cannot_be_is_told_by_its_name(notes: tuple[str, ...], anomaly: str) -> None:
    red(steps_once(history(records(record("i", "running", "submit a c 0 0", *notes)))), anomaly)


def test_a_note_left_out_is_a_lost_note() -> None:
    shown = record("i", "done", *WELL)
    del shown["notes"][2]
    red(steps_once(history(records(shown))), "lost-note")


def test_of_a_record_that_has_forgotten_its_first_notes_the_rest_is_judged() -> None:
    assert steps_once(history(records(record("i", "done", *WELL[2:], first=3)))).valid is True


def test_two_readings_must_tell_the_same_story() -> None:
    other = (*WELL[:2], "advance a>b w2 1 1")
    told = history(records(record("i", "running", *WELL[:3])), records(record("i", "running", *other)))
    red(steps_once(told), "rewritten-history")
    taken = ("submit a c 0 0", "claim a w2 1 0")
    told = history(records(record("i", "running", *WELL[:2])), records(record("i", "running", *taken)))
    red(steps_once(told), "rewritten-history")


def test_what_was_seen_to_end_is_not_seen_to_go_on() -> None:
    told = history(records(record("i", "done", *WELL)), records(record("i", "running", *WELL[:3])))
    red(steps_once(told), "revived")
    told = history(records(record("i", "running", *WELL[:3])), records(record("i", "running", *WELL[:2])))
    red(steps_once(told), "went-back")


def test_an_effect_by_another_worker_tells_of_a_second_step() -> None:
    told = history(records(record("i", "done", *WELL)), effects(effect("i", 1, "w2"), effect("i", 2, "w1")))
    red(steps_once(told), "double-step")


@pytest.mark.parametrize(
    "notes",
    [
        ("submit b c 0 0",),
        ("submit a c 0 0", "claim a w1 1 0", "advance a>c w1 1 1"),
        ("submit a c 0 0", "claim a w1 1 0", "advance b>c w1 1 1"),
    ],
)
def test_a_step_along_no_edge_or_from_elsewhere_is_illegal(notes: tuple[str, ...]) -> None:
    red(legal_steps(CHARTS)(history(records(record("i", "running", *notes)))), "illegal-step")


def branch(name: str, status: str = "done") -> dict[str, Any]:
    notes = ("fork l w1 0 0", "claim l w1 1 0", "advance l>e w1 1 1", "end e w1 1 1")
    return record(f"i/1.{name}", status, *notes, machine="fork")


FORKED = ("submit f c 0 0", "claim f w1 1 0", "advance f>j w1 1 1")
JOINED = ("claim j w1 2 1", "advance j>z w1 2 2", "end z w1 2 2")


@pytest.mark.parametrize(
    ("ends", "branches", "anomaly"),
    [
        (("branch-ended j w1 1 1", "join j w1 1 1"), (branch("x"), branch("y")), None),
        (("join j w1 1 1",), (branch("x"), branch("y")), "early-join"),
        (("branch-ended j w1 1 1",) * 2 + ("join j w1 1 1",), (branch("x"), branch("y")), "double-join"),
        (("branch-ended j w1 1 1", "join j w1 1 1"), (branch("x"),), "lost-branch"),
        (("branch-ended j w1 1 1", "join j w1 1 1"), (branch("x"), branch("y", "dead")), "orphan-branch"),
    ],
)
def test_a_join_comes_after_its_branches_and_once(
    ends: tuple[str, ...], branches: tuple[Any, ...], anomaly: str | None
) -> None:
    parent = record("i", "done", *FORKED, *ends, *JOINED, machine="fork")
    verdict = joins_once(CHARTS)(history(records(parent, *branches)))
    if anomaly is None:
        assert verdict.valid is True
    else:
        red(verdict, anomaly)


def test_a_branch_counted_after_the_join_is_counted_twice() -> None:
    ends = ("branch-ended j w1 1 1", "join j w1 1 1", *JOINED[:2], "branch-ended z w1 2 2")
    parent = record("i", "running", *FORKED, *ends, machine="fork")
    red(joins_once(CHARTS)(history(records(parent, branch("x"), branch("y")))), "double-join")


@pytest.mark.parametrize(
    ("operations", "anomaly"),
    [
        ((submit("i"), records()), "lost-instance"),
        ((records(record("i", "done", *WELL)),), "phantom-instance"),
        ((submit("i", ["exists", None]), records(record("i", "done", *WELL))), "dirty-refusal"),
        ((submit("i"), records(record("i", "running", *WELL[:2]))), "stuck-instance"),
        ((submit("i"), records(record("i", "dead", *WELL[:2]), dead=["i"])), "wrong-end"),
        ((submit("i"), records(record("i", "done", *WELL), dead=["i"])), "lost-dead-letter"),
        (
            (submit("i"), ("cancel", {"id": "i"}, {"id": "i"}), records(record("i", "done", *WELL))),
            "wrong-end",
        ),
    ],
)
def test_an_instance_that_does_not_end_as_it_should_is_told(
    operations: tuple[tuple[str, Any, Any], ...], anomaly: str
) -> None:
    red(instances_end(lambda _: {"done"})(history(*operations)), anomaly)


def test_an_instance_of_a_submit_that_nobody_knows_of_may_be_there_or_not() -> None:
    sent = Op(index=0, time=0, type="invoke", process=0, f="submit", value={"id": "i"})
    lost = Op(index=1, time=1, type="info", process=0, f="submit", value={"id": "i"}, error=["timeout", None])
    for shown in ((), (record("i", "done", *WELL),)):
        _, _, answer = records(*shown)
        asked = Op(index=2, time=2, type="invoke", process=1, f="records", value=None)
        read = Op(index=3, time=3, type="ok", process=1, f="records", value=answer)
        assert instances_end(lambda _: {"done"})(History([sent, lost, asked, read])).valid is True


@pytest.mark.parametrize(
    ("seen", "anomaly"),
    [
        (effects(*TAKEN, effect("i", 2, "w1", key="i-2-0-again")), "repeated-effect"),
        (effects(*TAKEN, effect("i", 3, "w1")), "phantom-effect"),
        (effects(*TAKEN, disputed=[effect("i", 2, "w2")]), "disputed-effect"),
        (effects(*TAKEN, waiting=[effect("i", 2, "w1")]), "lost-effect"),
        (effects(TAKEN[0]), "lost-effect"),
    ],
)
def test_an_effect_too_many_or_too_few_is_told(seen: tuple[str, Any, Any], anomaly: str) -> None:
    red(effects_once({"line"})(history(records(record("i", "done", *WELL)), seen)), anomaly)


def test_nothing_read_is_no_verdict() -> None:
    nothing = history(submit("i"))
    checkers = (
        steps_once,
        legal_steps(CHARTS),
        joins_once(CHARTS),
        instances_end(lambda _: ()),
        effects_once(()),
    )
    assert [checker(nothing).valid for checker in checkers] == [None] * 5
