"""The command line as a user meets it: what it prints, what it leaves, and its exit codes."""

import hashlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from dsm_jepsen.cli import run_command
from dsm_jepsen.scenarios import scenarios


def test_a_first_run_is_valid_and_leaves_a_folder_of_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "store"
    assert run_command(["run", "isolated-events", "--seed", "7", "--out", str(out)]) == 0
    printed = capsys.readouterr()
    assert "VALID" in printed.out
    assert "dsm-jepsen run isolated-events --seed 7" in printed.out
    latest = out / "isolated-events" / "latest"
    assert str(latest.resolve().name) in printed.out
    expected = {
        "chart.png",
        "chart.svg",
        "history.edn",
        "history.jsonl",
        "history.txt",
        "jepsen.log",
        "report.html",
        "results.edn",
        "results.json",
        "run.json",
    }
    assert expected <= {path.name for path in latest.iterdir()}
    assert (latest / "n3" / "node.log").read_text().count("joined at version 0") == 1
    assert (out / "latest").resolve() == latest.resolve()


def test_list_has_a_line_for_each_scenario(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == sorted(scenarios())
    assert {"isolated-events", "parallel-events", "partition-half", "stop-start"} <= scenarios().keys()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["run", "isolated-event"], "did you mean isolated-events", id="scenario, nearly"),
        pytest.param(["run", "zzz"], "unknown scenario 'zzz'; there are: ", id="scenario, far off"),
        pytest.param(["run", "mixed-events", "--sed", "1"], "--seed", id="flag"),
        pytest.param(["run", "mixed-events", "--seed", "x"], "not a valid integer", id="seed"),
        pytest.param(["run", "mixed-events", "--variant", "replay"], "replay-events", id="variant"),
        pytest.param(["run", "mixed-events", "--lie", "stale-read"], "stale-reads", id="lie"),
        pytest.param(
            ["run", "mixed-events", "--lie", "stale-reads", "--cluster", "local"],
            "a real one",
            id="lie on a real store",
        ),
        pytest.param(
            ["run", "mixed-events", "--network", "loopback"], "say --cluster local", id="no network to choose"
        ),
        pytest.param(
            ["run", "mixed-events", "--keep-stale-connections"],
            "--keep-stale-connections is for a local or docker or ssh cluster, not the simulated one",
            id="no connections to keep",
        ),
        pytest.param(
            ["run", "mixed-events", "--username", "me"],
            "--username is for --cluster ssh",
            id="no machine to log in to",
        ),
        pytest.param(
            ["run", "mixed-events", "--cluster", "ssh", "--install"],
            "needs --nodes-file",
            id="no machines",
        ),
        pytest.param(["check", "/nowhere"], "does not exist", id="folder"),
        pytest.param(["frobnicate"], "No such command", id="command"),
        pytest.param(
            ["node", "--name", "n1", "--store-url", "redis://x", "--listen", "127.0.0.1:0"],
            "etcd://",
            id="store url",
        ),
    ],
)
def test_bad_arguments_exit_254_with_one_clear_message(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = ["--out", str(tmp_path / "store")] if arguments[0] == "run" else []
    assert run_command([*arguments, *out]) == 254
    printed = capsys.readouterr()
    assert words in printed.err.replace("\n", " ")
    assert "Traceback" not in printed.err
    assert not (tmp_path / "store").exists()


def test_a_store_folder_that_cannot_be_written_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert run_command(["run", "isolated-events", "--out", str(tmp_path / "file" / "store")]) == 254
    assert f"{tmp_path}/file" in capsys.readouterr().err


def test_no_arguments_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([]) == 0
    assert "dsm-jepsen run isolated-events" in capsys.readouterr().out


def test_a_node_whose_address_is_taken_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        arguments = ["node", "--name", "n1", "--store-url", "etcd://127.0.0.1:1", "--listen", address]
        done = subprocess.run(
            [sys.executable, "-m", "dsm_jepsen", *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
    assert done.returncode == 254
    assert "choose another --listen" in done.stderr
    assert "Traceback" not in done.stderr


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["run", "zzz", "--debug"]) == 254
    assert "Traceback" in capsys.readouterr().err


def test_a_planted_bug_is_found_within_a_few_seeds_and_its_seed_finds_it_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flawed = ["run", "mixed-events", "--variant", "no-version-check", "--out", str(tmp_path)]
    assert run_command([*flawed, "--seed", "0", "--test-count", "50"]) == 1
    printed = capsys.readouterr().out
    assert "INVALID" in printed
    assert "lost-update" in printed
    seed = json.loads((tmp_path / "latest" / "run.json").read_text())["seed"]
    assert run_command([*flawed, "--seed", str(seed)]) == 1


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs")
    assert run_command(["run", "isolated-events", "--seed", "3", "--out", str(out)]) == 0
    return (out / "latest").resolve()


def copy_of(stored: Path, tmp_path: Path, history: bytes) -> Path:
    (tmp_path / "run.json").write_bytes((stored / "run.json").read_bytes())
    (tmp_path / "history.jsonl").write_bytes(history)
    return tmp_path


def test_a_stored_run_is_judged_again(stored: Path) -> None:
    assert run_command(["check", str(stored)]) == 0


def test_a_stored_run_is_drawn_again(stored: Path, tmp_path: Path) -> None:
    folder = copy_of(stored, tmp_path, (stored / "history.jsonl").read_bytes())
    assert run_command(["report", str(folder)]) == 0
    assert (folder / "chart.png").read_bytes() == (stored / "chart.png").read_bytes()


def test_a_history_with_a_wrong_read_is_invalid(
    stored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (stored / "history.jsonl").read_bytes().splitlines(keepends=True)
    place = max(n for n, line in enumerate(lines) if b'"ok"' in line and b'"read"' in line)
    lines[place] = lines[place].replace(b'"version":8', b'"version":7')
    assert run_command(["check", str(copy_of(stored, tmp_path, b"".join(lines)))]) == 1
    assert "INVALID" in capsys.readouterr().out


def test_a_run_that_was_cut_short_is_judged_up_to_its_last_whole_line(
    stored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = (stored / "history.jsonl").read_bytes()
    folder = copy_of(stored, tmp_path, whole[: len(whole) // 2])
    # Too little is left to say that it is valid.
    assert run_command(["check", str(folder)]) == 2
    assert "history.jsonl" in capsys.readouterr().err


def test_a_malformed_history_names_file_and_line(
    stored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (stored / "history.jsonl").read_bytes().splitlines(keepends=True)
    folder = copy_of(stored, tmp_path, b"".join([lines[0], lines[0], *lines[2:]]))
    assert run_command(["check", str(folder)]) == 254
    assert "history.jsonl:2" in capsys.readouterr().err


def test_one_seed_gives_one_history_in_every_process(tmp_path: Path) -> None:
    digests = set()
    for hash_seed in ("0", "1", "4711"):
        out = tmp_path / hash_seed
        subprocess.run(
            [sys.executable, "-m", "dsm_jepsen", "run", "isolated-events", "--seed", "7", "--out", str(out)],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            check=True,
            capture_output=True,
        )
        digests.add(hashlib.sha256((out / "latest" / "history.jsonl").read_bytes()).hexdigest())
    assert len(digests) == 1
