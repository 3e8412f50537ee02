"""``dsm-jepsen check`` of histories from anywhere: every form and verdict, and bad arguments."""

import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dsm_jepsen.checkers import check_linearizable
from dsm_jepsen.checkers.models import MODELS
from dsm_jepsen.cli import run_command

EDN = """\
[{:process 0, :type :invoke, :f :write, :value 1}
 {:process 0, :type :ok, :f :write, :value 1}
 {:process 1, :type :invoke, :f :read, :value nil}
 {:process 1, :type :ok, :f :read, :value 1}]
"""
LOG = """\
INFO  jepsen.core - Running test
INFO  jepsen.util - 0\t:invoke\t:write\t1
INFO  jepsen.util - 0\t:ok\t:write\t1
INFO  jepsen.util - 1\t:invoke\t:read\tnil
INFO  jepsen.util - 1\t:ok\t:read\t1
"""
NEW_LOG = """\
2020-05-17 12:04:37,123{GMT}\tINFO\t[jepsen worker 0] jepsen.util: 0\t:invoke\t:write\t1
2020-05-17 12:04:37,124{GMT}\tINFO\t[jepsen worker 0] jepsen.util: 0\t:ok\t:write\t1
2020-05-17 12:04:37,125{GMT}\tINFO\t[jepsen worker 1] jepsen.util: 1\t:invoke\t:read\tnil
2020-05-17 12:04:37,126{GMT}\tINFO\t[jepsen worker 1] jepsen.util: 1\t:ok\t:read\t1
"""
TEXT = "0\t:invoke\t:write\t1\n0\t:ok\t:write\t1\n1\t:invoke\t:read\tnil\n1\t:ok\t:read\t1\n"
JSON = """\
{"index": 0, "time": 1, "type": "invoke", "process": 0, "f": "write", "value": 1}
{"index": 1, "time": 2, "type": "ok", "process": 0, "f": "write", "value": 1}
{"index": 2, "time": 3, "type": "invoke", "process": 1, "f": "read", "value": null}
{"index": 3, "time": 4, "type": "ok", "process": 1, "f": "read", "value": 1}
"""
BARE = """\
{"process":0,"type":"invoke","f":"write","value":1}
{"process":0,"type":"ok","f":"write","value":1}
{"process":1,"type":"invoke","f":"read"}
{"process":1,"type":"ok","f":"read","value":1}
"""
KEYED = """\
{:process 0, :type :invoke, :f :put, :key "a", :value "x"}
{:process 0, :type :ok, :f :put, :key "a", :value "x"}
{:process 1, :type :invoke, :f :append, :key "a", :value "y"}
{:process 1, :type :ok, :f :append, :key "a", :value "y"}
{:process 1, :type :invoke, :f :get, :key "a", :value nil}
{:process 1, :type :ok, :f :get, :key "a", :value "xy"}
"""

MODEL = ("--model", "register")

GUIDE = Path(__file__).parents[2] / "docs/how-to/judge-a-recorded-history.md"

Check = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    "content",
    [EDN, LOG, NEW_LOG, TEXT, JSON, BARE],
    ids=["EDN", "log", "newer log", "text", "JSON", "bare JSON"],
)
def test_a_history_of_any_form_is_judged(check: Check, content: str) -> None:
    code, out, err = check(content, *MODEL)
    assert (code, err) == (0, "")
    assert out.startswith("VALID  2 operations, explained by an order of 2 that took effect\n")


@pytest.mark.parametrize("content", [EDN, LOG, TEXT, JSON], ids=["EDN", "log", "text", "JSON"])
def test_a_mark_that_says_utf_8_is_passed_over(check: Check, content: str) -> None:
    assert check(content.encode("utf-8-sig"), *MODEL)[0] == 0
    broken = content.replace("read", "raed").encode("utf-8-sig")
    code, _, err = check(broken, *MODEL)
    assert code == 254
    assert "operation 'raed' is unknown" in err


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        pytest.param(EDN, EDN.replace(":f :read, :value 1", ":f :read, :value 2"), id="EDN"),
        pytest.param(LOG, LOG.replace(":ok\t:read\t1", ":ok\t:read\t2"), id="log"),
        pytest.param(JSON, JSON.replace('"read", "value": 1', '"read", "value": 2'), id="JSON"),
    ],
)
def test_what_cannot_be_is_named_with_the_states_and_the_smallest_history(
    check: Check, content: str, wrong: str
) -> None:
    assert wrong != content
    code, out, _ = check(wrong, *MODEL)
    first, *rest = out.splitlines()
    assert code == 1
    assert first.startswith("INVALID  not-linearizable: process 1's read")
    assert "returned 2, impossible in every state it could meet: 1" in first
    assert "operations suffice to show it" in rest[0]
    assert rest[-1].endswith("├─┤ ✗")


def test_one_operation_that_cannot_be_suffices(check: Check) -> None:
    only_read = "1\t:invoke\t:read\tnil\n1\t:ok\t:read\t5\n"
    assert check(only_read, *MODEL)[1].splitlines()[1] == "1 of 1 operation suffices to show it:"
    later = only_read.replace("1\t:", "2\t:").replace("\t5", "\tnil")
    assert check(only_read + later, *MODEL)[1].splitlines()[1] == "1 of 2 operations suffices to show it:"


def test_a_history_without_times_is_told_by_places(check: Check) -> None:
    _, out, _ = check(TEXT.replace("read\t1", "read\t2"), *MODEL)
    assert "process 1's read (op 3) returned 2" in out
    assert "process 1  op 2  read = 2" in out
    assert " s " not in out


def test_the_guide_shows_what_is_printed(check: Check) -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    (events,) = re.findall(r"```clojure\n(.*?)```", guide, re.DOTALL)
    histories = {"register.edn": events, "fine.edn": events.replace(":read,  :value 2", ":read,  :value 3")}
    shown = re.findall(r"```text\n\$ dsm-jepsen check (\S+) (.*?)\n(.*?)```", guide, re.DOTALL)
    assert [name for name, _, _ in shown] == ["register.edn", "fine.edn", "register.edn"]
    for name, arguments, expected in shown:
        _, out, err = check(histories[name], *arguments.split(), name=name)
        assert re.sub(r"[\d.]+ ms", "1 ms", out + err) == re.sub(r"[\d.]+ ms", "1 ms", expected)


def test_key_value_lines_are_judged_key_by_key(check: Check) -> None:
    assert check(KEYED, "--model", "key-value")[0] == 0
    code, out, _ = check(KEYED.replace('"xy"', '"y"'), "--model", "kv")
    assert code == 1
    assert 'in the part "a"' in out
    told = {"process": 0, "type": "invoke", "f": "put", "key": "a", "value": "x"}
    lines = [told, told | {"type": "ok"}, told | {"f": "get", "value": None}]
    lines.append(lines[2] | {"type": "ok", "value": "x"})
    assert check("\n".join(map(json.dumps, lines)), "--model", "key-value")[0] == 0


@pytest.mark.parametrize(("initial", "code"), [("1", 0), ("2", 1), ("null", 1), ("nil", 1), ('"x"', 1)])
def test_the_initial_value_is_json_or_edn(check: Check, initial: str, code: int) -> None:
    only_read = "\n".join(TEXT.splitlines()[2:])
    assert check(only_read, *MODEL, "--initial", initial)[0] == code


def test_transactions_begin_with_a_map_of_either_notation(check: Check) -> None:
    told = (
        "[{:process 0 :type :invoke :f :txn :value [[:read :x nil]]}\n"
        " {:process 0 :type :ok :f :txn :value [[:read :x 5]]}]"
    )
    for initial in ("{:x 5}", '{"x": 5}'):
        assert check(told, "--model", "multi-register", "--initial", initial)[0] == 0
    assert check(told, "--model", "multi-register")[0] == 1


@pytest.mark.parametrize(("took", "words"), [(0.00003, "0.030 ms"), (0.25, "0.250 s"), (3600, "3600.000 s")])
def test_times_are_told_as_people_do(
    check: Check, monkeypatch: pytest.MonkeyPatch, took: float, words: str
) -> None:
    monkeypatch.setattr(
        "dsm_jepsen.cli._check.check_linearizable",
        lambda *history, **budget: replace(check_linearizable(*history, **budget), seconds=took),
    )
    assert f"took     {words}" in check(TEXT, *MODEL)[1]


def test_where_nothing_is_judged_no_explanations_are_counted(check: Check) -> None:
    code, out, _ = check("{:process :nemesis, :type :info, :f :kill}", *MODEL)
    assert code == 0
    assert out.startswith("VALID  none of 1 events is of an operation that may have taken effect\n")
    assert "at one moment" not in out


def test_standard_input_is_a_history_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(EDN.encode())))
    assert run_command(["check", "-", *MODEL]) == 0
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(EDN[:-10].encode())))
    assert run_command(["check", "-", *MODEL]) == 254
    assert "standard input:4: " in capsys.readouterr().err


def test_json_is_printed_on_request(check: Check) -> None:
    code, out, _ = check(TEXT, *MODEL, "--json")
    found = json.loads(out)
    assert (code, found["valid"], found["operations"], found["model"]) == (0, True, 2, "register")
    code, out, _ = check(TEXT.replace("read\t1", "read\t2"), *MODEL, "--json")
    found = json.loads(out)
    assert (code, found["valid"], found["culprits"][0]) == (1, False, 3)
    assert [one["says"] for one in found["details"]["core"]] == ["write 1", "read = 2"]


def _all_at_once() -> str:
    """Enqueues, then dequeues, each of them all at once: so many orders that nobody can try them all."""
    values = {"enqueue": [n % 20 for n in range(60)], "dequeue": [n * n % 20 for n in range(60)]}
    return "".join(
        f"{n}\t:{type_}\t:{f}\t{value}\n"
        for f in values
        for type_ in ("invoke", "ok")
        for n, value in enumerate(values[f])
    )


def test_a_budget_that_runs_out_says_how_far_it_came(check: Check) -> None:
    arguments = ["--model", "fifo-queue", "--budget-seconds", "0.2"]
    code, out, _ = check(_all_at_once(), *arguments)
    assert code == 2
    assert out.startswith("UNKNOWN  undecided: the budget of 0.2 s ran out after ")
    assert " before event " in out
    assert "of 240 is valid" in out


def test_an_interruption_ends_the_search_at_once(tmp_path: Path) -> None:
    path = tmp_path / "history.txt"
    path.write_text(_all_at_once())
    command = [sys.executable, "-m", "dsm_jepsen", "check", str(path), "--model", "fifo-queue"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(2)  # it has begun to search
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err.strip()) == (130, "", "dsm-jepsen: interrupted")


def test_models_that_know_all_operations_are_named_where_one_does_not(check: Check) -> None:
    _, _, err = check("1\t:invoke\t:push\t5", "--model", "fifo-queue")
    assert "these know all its operations:\n  stack  Last in, first out." in err


def test_without_a_model_all_are_listed(check: Check) -> None:
    code, out, err = check(EDN)
    assert (code, out) == (254, "")
    assert "history does not say what it should have been: name a --model; there are:" in err
    assert [line.split()[0] for line in err.splitlines()[1:]] == list(MODELS)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["--model", "cas-regster"], "did you mean cas-register", id="model, nearly"),
        pytest.param(["--model", "fifo"], "did you mean fifo-queue?", id="model, a part of its name"),
        pytest.param(["--model", "Lock"], "did you mean reentrant-lock or fenced-lock?", id="a part of two"),
        pytest.param(
            ["--model", "zzz"], "unknown model 'zzz'; there are: cas-register, ", id="model, far off"
        ),
        pytest.param(
            ["--model", "mutex", "--initial", "1"], "mutex has no initial value", id="no initial value"
        ),
        pytest.param(["--model", "register", "--initial", "{"], "neither JSON nor EDN", id="no value"),
        pytest.param(["--model", "counter", "--initial", "a"], "no whole number", id="a wrong initial value"),
        pytest.param(["--model", "register", "--budget-seconds", "0"], "--budget-seconds", id="no time"),
        pytest.param(["--model", "register", "--budget-seconds", "nan"], "nan s", id="no number of seconds"),
        pytest.param(["--json"], "judged by a --model", id="nothing to print"),
    ],
)
def test_bad_arguments_are_told_from_bad_histories(check: Check, arguments: list[str], words: str) -> None:
    code, _, err = check(EDN, *arguments)
    assert code == 254
    assert words in " ".join(err.split())


def test_a_folder_that_is_no_run_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["check", str(tmp_path)]) == 254
    assert "expected the folder of a run" in capsys.readouterr().err
    assert run_command(["check", str(tmp_path), *MODEL]) == 254
    assert "expected a file, or the folder of a run" in capsys.readouterr().err


def test_the_history_of_a_run_finds_its_scenario(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["run", "watch-log", "--seed", "3", "--out", str(tmp_path)]) == 0
    history = tmp_path / "latest" / "history.jsonl"
    capsys.readouterr()
    assert run_command(["check", str(history)]) == 0
    assert "gap-free-watch" in capsys.readouterr().out


def test_debug_shows_where_it_failed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "history"
    path.write_text(TEXT[:-8])
    assert run_command(["check", str(path), *MODEL, "--debug"]) == 254
    assert "Traceback" in capsys.readouterr().err


def test_all_recorded_histories_get_their_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    corpus = os.environ.get("DSM_JEPSEN_CORPUS")
    if not corpus:
        pytest.skip("DSM_JEPSEN_CORPUS does not name the folder of recorded histories")
    wrong: list[Any] = []
    for line in (Path(corpus) / "expected.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        file, model, verdict = line.split("\t")
        arguments = ["check", str(Path(corpus) / file), "--model", model]
        if model == "multi-register":
            arguments += ["--initial", '{"x": 0, "y": 0}']
        elif file.startswith("knossos/cas-register") and "rethink" not in file:
            arguments += ["--initial", "0"]
        if run_command(arguments) != {"valid": 0, "invalid": 1}[verdict]:
            wrong.append((file, capsys.readouterr()))
    assert not wrong
