"""A history on disk: canonical lines, honest about what a killed run lost, exact about what is wrong."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsm_jepsen.history import History, HistoryError, Op, Writer, jsonl

MakeOp = Callable[..., Op]
READ = b'{"index":0,"time":0,"type":"invoke","process":3,"f":"read","value":null}\n'
DONE = b'{"index":1,"time":10,"type":"ok","process":3,"f":"read","value":7}\n'


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file to overwrite."""
    return tmp_path_factory.mktemp("run") / "history.jsonl"


@given(data=st.data())
def test_any_history_survives_the_disk(
    histories: st.SearchStrategy[History], path: Path, data: st.DataObject
) -> None:
    history = data.draw(histories)
    with Writer(path) as writer:
        for op in history:
            writer.append(op)
    assert jsonl.read(path) == (history, None)
    assert path.read_bytes() == jsonl.dumps(history)


@given(data=st.data())
def test_a_file_cut_anywhere_is_read_up_to_the_last_whole_line_and_the_loss_is_told(
    histories: st.SearchStrategy[History], path: Path, data: st.DataObject
) -> None:
    text = jsonl.dumps(data.draw(histories))
    cut = text[: data.draw(st.integers(0, len(text)))]
    path.write_bytes(cut)
    *whole, rest = cut.split(b"\n")
    lost_newline_only = rest + b"\n" in text.splitlines(keepends=True)[len(whole) :][:1]

    history, truncated = jsonl.read(path)

    assert len(history) == len(whole) + lost_newline_only
    assert text.startswith(jsonl.dumps(history))
    if rest and not lost_newline_only:
        assert (
            truncated == f"{path}:{len(whole) + 1}: the last line is cut short ({len(rest)} bytes left out)"
        )
    else:
        assert truncated is None


def test_an_event_is_on_disk_before_the_next_one(path: Path, make_op: MakeOp) -> None:
    with Writer(path) as writer:
        writer.append(make_op(0, 3, "invoke", "read"))
        assert path.read_bytes() == READ


def test_a_line_is_compact_and_in_order_with_extras_behind(make_op: MakeOp) -> None:
    op = make_op(
        7, 2, "info", "cas", [1, 2], error=["timeout", None], extra={"node": "n1", "debug": {"b": 1, "a": 2}}
    )
    assert jsonl.encode(op) == (
        b'{"index":7,"time":70,"type":"info","process":2,"f":"cas","value":[1,2],"error":["timeout",null],'
        b'"debug":{"a":2,"b":1},"node":"n1"}\n'
    )


def test_equal_events_give_equal_bytes(make_op: MakeOp) -> None:
    forth, back = {"a": 1, "b": {2, 3}}, {"b": {3, 2}, "a": 1}
    assert jsonl.encode(make_op(0, 1, "invoke", "f", forth)) == jsonl.encode(
        make_op(0, 1, "invoke", "f", back)
    )


def test_fields_that_are_not_ours_are_extras_even_one_called_extra(path: Path) -> None:
    path.write_bytes(READ.replace(b'"f"', b'"extra":{"a":1},"link":"l","f"'))
    assert jsonl.read(path).history[0].extra == {"extra": {"a": 1}, "link": "l"}


@pytest.mark.parametrize(
    "value", [{1: 2}, object(), "\ud800"], ids=["a number as key", "an object", "half a character"]
)
def test_a_value_that_is_not_json_is_refused_and_nothing_is_written(
    path: Path, make_op: MakeOp, value: Any
) -> None:
    with (
        Writer(path) as writer,
        pytest.raises(HistoryError, match=r"event 0: cannot be written: .* JSON values only"),
    ):
        writer.append(make_op(0, 1, "invoke", "f", value))
    assert path.read_bytes() == b""


MALFORMED = {
    "double invoke": (
        READ.replace(b':0,"time":0', b':1,"time":5'),
        "invokes 'read' while its 'read' of event 0",
    ),
    "completion without invoke": (
        DONE.replace(b'process":3', b'process":4'),
        "completes 'read' but has nothing open",
    ),
    "time going back": (DONE.replace(b"10", b"-1"), "time -1 is before event 0's 0"),
    "unknown type": (DONE.replace(b'"ok"', b'"done"'), "type 'done' is unknown, expected one of invoke, ok"),
    "missing field": (DONE.replace(b'"f":"read",', b""), "missing required field `f`"),
    "wrong field type": (DONE.replace(b"10", b'"10"'), "Expected `int`, got `str` - at `$.time`"),
    "wrong field type beside extras": (
        DONE.replace(b"10", b'"10","x":1'),
        "Expected `int`, got `str` - at `$.time`",
    ),
    "unknown process": (
        DONE.replace(b":3", b':"n1"'),
        "process is 'n1', expected a number from 0 or 'nemesis'",
    ),
    "not JSON": (b"index 1\n", "not a JSON object: "),
    "not an object": (b"[1]\n", "Expected `object`, got `array`"),
    "not UTF-8": (b'{"a":"\xff"}\n', "not a JSON object: "),
    "endless nesting": (b"[" * 100_000 + b"\n", "2: "),
    "an empty line": (b"\n", "not a JSON object: "),
}


@pytest.mark.parametrize(("line", "message"), MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_line_is_named_by_file_and_line(path: Path, line: bytes, message: str) -> None:
    path.write_bytes(READ + line + DONE)
    with pytest.raises(HistoryError) as refusal:
        jsonl.read(path)
    assert str(refusal.value).startswith(f"{path}:2: ")
    assert message in str(refusal.value)


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_whole_last_line_that_is_wrong_is_an_error_and_no_truncation(path: Path, end: bytes) -> None:
    path.write_bytes(READ + READ.strip() + end)
    with pytest.raises(HistoryError, match=r"history\.jsonl:2: event 0: expected index 1"):
        jsonl.read(path)


def test_a_last_line_that_is_broken_without_an_end_is_reported_and_left_out(path: Path) -> None:
    path.write_bytes(READ + b"\0\0\0")
    history, truncated = jsonl.read(path)
    assert len(history) == 1
    assert truncated is not None
    assert ":2: the last line is cut short (3 bytes left out)" in truncated


@pytest.mark.parametrize("line", [b"\n", b"\0\0\0\n"])
def test_a_whole_last_line_that_is_no_event_is_an_error(path: Path, line: bytes) -> None:
    path.write_bytes(READ + line)
    with pytest.raises(HistoryError, match=r"history\.jsonl:2: not a JSON object"):
        jsonl.read(path)


def test_an_empty_file_is_an_empty_history(path: Path) -> None:
    path.write_bytes(b"")
    assert jsonl.read(path) == (History(), None)


@given(data=st.data())
def test_any_json_reader_can_read_a_line(histories: st.SearchStrategy[History], data: st.DataObject) -> None:
    for op in data.draw(histories):
        fields = json.loads(jsonl.encode(op))
        assert (fields.pop("index"), fields.pop("f"), fields.pop("value")) == (op.index, op.f, op.value)
