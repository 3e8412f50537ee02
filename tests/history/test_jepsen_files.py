"""Jepsen's history files: read with what recorded files need, written as Jepsen writes them."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsm_jepsen.history import History, HistoryError, Op, edn, text

MakeOp = Callable[..., Op]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file to overwrite."""
    return tmp_path_factory.mktemp("run") / "history.edn"


@pytest.fixture
def read(path: Path) -> Callable[[str], History]:
    """Read a history from its text."""

    def read_text(written: str) -> History:
        path.write_text(written, encoding="utf-8")
        return edn.read_history(path)

    return read_text


Read = Callable[[str], History]
OPEN = "{:type :invoke :process 3 :f :read :value nil :time 10 :index 0}"
DONE = "{:type :ok :process 3 :f :read :value 7 :time 20 :index 1}"


@given(data=st.data())
def test_any_history_survives_edn(
    histories: st.SearchStrategy[History], path: Path, data: st.DataObject
) -> None:
    history = data.draw(histories)
    edn.write_history(history, path)
    assert edn.read_history(path) == history
    assert path.read_bytes().count(b"\n") == len(history)


@pytest.mark.parametrize(
    "written",
    [
        f"{OPEN}\n{DONE}\n",
        f"[{OPEN}\n {DONE}]",
        f"({OPEN}\n {DONE})",
        f"; recorded\n[{OPEN}, #_ {{}} {DONE}]",
        f"#jepsen.history.Op{OPEN}\n#jepsen.history.Op{DONE}\n",
    ],
    ids=["a line each", "a vector", "a list", "comments", "records"],
)
def test_every_form_that_jepsen_writes_is_read(read: Read, make_op: MakeOp, written: str) -> None:
    expected = [make_op(0, 3, "invoke", "read", time=10), make_op(1, 3, "ok", "read", 7, time=20)]
    assert read(written) == History(expected)


def test_an_empty_file_is_an_empty_history(read: Read) -> None:
    assert read("") == read("[]") == History()


def test_missing_indexes_and_times_and_values_are_made_up(read: Read, make_op: MakeOp) -> None:
    history = read("[{:process 0 :type :invoke :f :acquire} {:process 0 :type :ok :f :acquire}]")
    expected = [make_op(0, 0, "invoke", "acquire", time=-1), make_op(1, 0, "ok", "acquire", time=-1)]
    assert history == History(expected)


def test_indexes_with_gaps_are_made_dense(read: Read) -> None:
    assert [op.index for op in read(f"{OPEN} {DONE.replace(':index 1', ':index 9')}")] == [0, 1]


def test_the_files_order_counts_and_time_is_held_when_it_goes_back(read: Read) -> None:
    late = DONE.replace(":process 3 :f :read", ":process 4 :f :read").replace(":ok", ":invoke")
    assert [op.time for op in read(f"{late} {OPEN} {DONE}")] == [20, 20, 20]


def test_a_nemesis_event_is_info_whatever_the_file_says(read: Read) -> None:
    history = read("{:process :nemesis :type :invoke :f :kill} {:process :nemesis :type :ok :f :kill}")
    assert [(op.process, op.type) for op in history.nemesis()] == [("nemesis", "info")] * 2


def test_errors_and_other_keys_ride_along(read: Read) -> None:
    (op,) = read(OPEN.replace(":value nil", ":value nil :error [:timeout nil] :node n1 :ns/k {:a #{2 1}}"))
    assert op.error == ["timeout", None]
    assert op.extra == {"node": "n1", "ns/k": {"a": [1, 2]}}


VALUES: dict[str, Any] = {
    "[[:read :x nil]]": [["read", "x", None]],
    "#{:b :a 10 9}": [9, 10, "a", "b"],
    "{1 2, [:a] 3, sym 4}": {"1": 2, "[:a]": 3, "sym": 4},
    "1.5M": 1.5,
    "1/4": 0.25,
    "99999999999999999999N": 99999999999999999999,
    '#inst "2024-01-01"': {"#inst": "2024-01-01"},
    r"\a": "a",
}


@pytest.mark.parametrize(("written", "value"), VALUES.items(), ids=VALUES.keys())
def test_values_become_json_values(read: Read, written: str, value: Any) -> None:
    (op,) = read(OPEN.replace("nil", written))
    assert op.value == value
    assert isinstance(op.value, type(value))


MALFORMED = {
    "not closed": (f"[{OPEN}\n{DONE}\n", "3: seen 'the end', expected ']'"),
    "not EDN": (f"{OPEN}\n@", "2: '@' begins no value"),
    "no map": (f"{OPEN}\n:ok", "2: event 1: :ok, expected a map such as {:type :invoke, ...}"),
    "double invoke": (
        f"[{OPEN}\n{OPEN}]",
        "2: event 1: process 3 invokes 'read' while its 'read' of event 0 is open",
    ),
    "out of nothing": (f"\n{DONE}", "2: event 0: process 3 completes 'read' but has nothing open"),
    "no type": ("{:process 3 :f :read}", "1: event 0: type None is unknown, expected one of invoke"),
    "no process": ("{:type :invoke :f :read}", "1: event 0: process is None, expected a number from 0"),
    "no f": ("{:type :invoke :process 3}", "1: event 0: f is None, expected the operation's name"),
    "odd time": (OPEN.replace("10", '"10"'), "1: event 0: time is '10', expected nanoseconds"),
    "two keys in one": (
        OPEN.replace("nil", '{:a 1 "a" 2}'),
        '1: {:a 1, "a" 2} has two keys that are one in JSON',
    ),
    "a ratio too large": (OPEN.replace("nil", f"{10**400}/3"), "1: "),
}


@pytest.mark.parametrize(("written", "message"), MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_no_history_is_named_by_file_and_line(
    read: Read, path: Path, written: str, message: str
) -> None:
    with pytest.raises(HistoryError) as refusal:
        read(written)
    assert str(refusal.value).startswith(f"{path}:{message}")


def test_bytes_that_are_no_text_are_refused(path: Path) -> None:
    path.write_bytes(b"\xff")
    with pytest.raises(HistoryError, match=r"history\.edn:1: not text in UTF-8"):
        edn.read_history(path)


def test_lines_are_those_of_jepsen(path: Path, make_op: MakeOp) -> None:
    ops = [
        make_op(0, 2, "invoke", "cas", [1, 2]),
        make_op(1, 2, "info", "cas", [1, 2], error=["timeout", None], extra={"node": "n1"}),
        make_op(2, "nemesis", "info", "my fault", {"grudge": {"n1": ["n2"]}, "a b": True}),
    ]
    edn.write_history(ops, path)
    assert path.read_text().splitlines() == [
        "{:type :invoke, :process 2, :f :cas, :value [1 2], :time 0, :index 0}",
        "{:type :info, :process 2, :f :cas, :value [1 2], :time 10, :index 1, "
        ':error ["timeout" nil], :node "n1"}',
        '{:type :info, :process :nemesis, :f "my fault", :value {"a b" true, :grudge {:n1 ["n2"]}}, '
        ":time 20, :index 2}",
    ]


def test_history_txt_has_tabs_between_process_type_f_value_and_error(path: Path, make_op: MakeOp) -> None:
    ops = [
        make_op(0, 2, "invoke", "cas", {"from": 1}),
        make_op(1, 2, "info", "cas", "a\tb", error=["timeout", None]),
        make_op(2, "nemesis", "info", "kill"),
    ]
    text.write(ops, path)
    assert path.read_text() == (
        '2\t:invoke\t:cas\t{:from 1}\n2\t:info\t:cas\t"a\\tb"\t["timeout" nil]\n:nemesis\t:info\t:kill\tnil\n'
    )


def test_recorded_histories_are_read_and_survive_being_written(path: Path) -> None:
    corpus = os.environ.get("DSM_JEPSEN_CORPUS")
    if not corpus:
        pytest.skip("DSM_JEPSEN_CORPUS does not name the folder of recorded histories")
    files = sorted(Path(corpus).rglob("*.edn"))
    assert files
    for file in files:
        history = edn.read_history(file)
        assert len(history) == file.read_text(encoding="utf-8").count(":process"), file
        edn.write_history(history, path)
        assert edn.read_history(path) == history, file
