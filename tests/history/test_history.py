"""A history refuses what no run can have produced, and gives back what it was given."""

from array import array
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsm_jepsen.history import History, HistoryError, Op

MakeOp = Callable[..., Op]

READ = (0, 3, "invoke", "read")
"""An operation that is open when the refused event comes."""

REFUSED: dict[str, tuple[tuple[Any, ...], dict[str, Any], str]] = {
    "a gap": ((2, 4, "invoke", "read"), {}, "event 2: expected index 1: number events densely"),
    "an index twice": ((0, 4, "invoke", "read"), {}, "event 0: expected index 1"),
    "an unknown type": (
        (1, 3, "done", "read"),
        {},
        "type 'done' is unknown, expected one of invoke, ok, fail",
    ),
    "a type that is no string": ((1, 4, ["ok"], "read"), {}, "type ['ok'] is unknown"),
    "time going back": ((1, 4, "invoke", "read"), {"time": -1}, "time -1 is before event 0's 0"),
    "time that is not whole": ((1, 4, "invoke", "read"), {"time": 1.5}, "time is 1.5, expected nanoseconds"),
    "time beyond 64 bits": ((1, 4, "invoke", "read"), {"time": 2**63}, "expected nanoseconds"),
    "a named process": (
        (1, "n1", "invoke", "read"),
        {},
        "process is 'n1', expected a number from 0 or 'nemesis'",
    ),
    "a negative process": ((1, -1, "invoke", "read"), {}, "process is -1, expected a number from 0"),
    "an f that is no string": ((1, 4, "invoke", None), {}, "f is None, expected the operation's name"),
    "a double invoke": (
        (1, 3, "invoke", "write"),
        {},
        "process 3 invokes 'write' while its 'read' of event 0 is open: a process has one operation at a ",
    ),
    "a completion out of nothing": (
        (1, 4, "ok", "read"),
        {},
        "process 4 completes 'read' but has nothing open: invoke it first",
    ),
    "a completion of something else": (
        (1, 3, "ok", "write"),
        {},
        "process 3 completes 'write' but invoked 'read' at event 0",
    ),
    "a nemesis that invokes": (
        (1, "nemesis", "invoke", "kill"),
        {},
        "the nemesis' event is 'invoke', expected 'info'",
    ),
    "an extra that hides a field": (
        (1, 3, "ok", "read"),
        {"extra": {"time": 1}},
        "extra field time has the name",
    ),
}


@pytest.mark.parametrize(("event", "fields", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_no_run_can_produce_is_refused_with_its_reason_and_leaves_no_trace(
    make_op: MakeOp, event: tuple[Any, ...], fields: dict[str, Any], message: str
) -> None:
    history = History([make_op(*READ)])
    with pytest.raises(HistoryError) as refusal:
        history.append(make_op(*event, **fields))
    assert message in str(refusal.value)
    history.append(make_op(1, 3, "ok", "read"))
    assert history == History([make_op(*READ), make_op(1, 3, "ok", "read")])


def test_a_process_is_not_used_again_after_its_info(make_op: MakeOp) -> None:
    history = History([make_op(0, 3, "invoke", "read"), make_op(1, 3, "info", "read")])
    with pytest.raises(
        HistoryError, match=r"process 3 invokes 'read' after its 'info' of event 1: .* may still take"
    ):
        history.append(make_op(2, 3, "invoke", "read"))


@pytest.mark.parametrize("type_", ["ok", "fail"])
def test_a_process_goes_on_after_a_known_outcome(make_op: MakeOp, type_: str) -> None:
    history = History(
        [make_op(0, 3, "invoke", "read"), make_op(1, 3, type_, "read"), make_op(2, 3, "invoke", "cas")]
    )
    assert len(history) == 3


def test_operations_come_in_the_order_of_their_invocations(make_op: MakeOp) -> None:
    first, second = make_op(0, 1, "invoke", "read"), make_op(1, 2, "invoke", "write", 5)
    fault, done = make_op(2, "nemesis", "info", "kill"), make_op(3, 2, "ok", "write", 5)
    history = History([first, second, fault, done])
    assert list(history.operations()) == [(first, None), (second, done)]
    assert list(history.nemesis()) == [fault]


def test_a_nemesis_event_has_no_partner(make_op: MakeOp) -> None:
    history = History([make_op(0, "nemesis", "info", "kill"), make_op(1, "nemesis", "info", "kill")])
    assert [history.partner(0), history.partner(1)] == [None, None]


def test_events_count_from_the_end_too_and_end(make_op: MakeOp) -> None:
    history = History([make_op(0, 1, "invoke", "read"), make_op(1, 1, "ok", "read", 7)])
    assert history[-1] == history[1]
    assert history.partner(-1) == history[0]
    with pytest.raises(IndexError):
        history[2]


@given(data=st.data())
def test_a_history_gives_back_its_events(histories: st.SearchStrategy[History], data: st.DataObject) -> None:
    history = data.draw(histories)
    assert History(history) == history
    assert list(History(history)) == list(history)
    assert [history[index] for index in range(len(history))] == list(history)


@given(data=st.data())
def test_partners_are_mutual_and_share_process_and_f(
    histories: st.SearchStrategy[History], data: st.DataObject
) -> None:
    history = data.draw(histories)
    for invoke, completion in history.operations():
        assert history.partner(invoke.index) == completion
        if completion is not None:
            assert history.partner(completion.index) == invoke
            assert (completion.process, completion.f) == (invoke.process, invoke.f)


@given(data=st.data())
def test_histories_differ_if_one_value_does(
    histories: st.SearchStrategy[History], data: st.DataObject
) -> None:
    ops = list(data.draw(histories.filter(lambda history: len(history) > 0)))
    changed = data.draw(st.integers(0, len(ops) - 1))
    before = History(ops)
    ops[changed] = Op(
        **{name: getattr(ops[changed], name) for name in Op.__struct_fields__} | {"value": "no such value"}
    )
    assert History(ops) != before


@given(data=st.data())
def test_the_columns_of_its_beginning_are_those_of_a_history_that_ended_there(
    histories: st.SearchStrategy[History], data: st.DataObject
) -> None:
    history = data.draw(histories)
    events = data.draw(st.integers(0, len(history)))
    beginning = History(history[index] for index in range(events))
    columns = history.columns.first(events)
    assert columns.partners == beginning.columns.partners
    nothing = array("q", bytes(8 * events))
    assert History.of_columns(columns, times=nothing, extras={}) == History.of_columns(
        beginning.columns, times=nothing, extras={}
    )


def test_an_event_that_cannot_be_added_while_the_columns_are_in_use_leaves_all_as_it_was(
    make_op: MakeOp,
) -> None:
    history = History([make_op(*READ)])
    before = list(history)
    with memoryview(history.columns.types), pytest.raises(BufferError):
        history.append(make_op(1, 3, "ok", "read"))
    assert list(history) == before
    history.append(make_op(1, 3, "ok", "read"))
    assert len(history) == 2
