"""Scenarios on five real etcd members and five node processes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.etcd, pytest.mark.slow, pytest.mark.usefixtures("etcd_binary")]

RUN = (sys.executable, "-m", "dsm_jepsen", "run")


def children_of(folder: Path) -> set[int]:
    """Pids of all processes with the folder in their environment or arguments."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (process / "environ").read_bytes():
                found.add(int(process.name))
        except OSError:
            continue
    return found - {os.getpid()}


@pytest.mark.parametrize("client", ["aetcd", "etcd3"])
def test_isolated_events_is_valid_with_eight_versions(tmp_path: Path, client: str) -> None:
    arguments = ("isolated-events", "--cluster", "local", "--store", "etcd", "--etcd-client", client)
    done = subprocess.run(
        [*RUN, *arguments, "--out", str(tmp_path / "store"), "--seed", "1"],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    folder = tmp_path / "store" / "latest"
    events = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    accepted = [event["value"] for event in events if event["type"] == "ok" and event["f"] == "event"]
    assert [(value["version"], value["event"]) for value in accepted] == list(enumerate("ICIKICIK", start=1))
    assert {path.name for path in (folder / "n4").iterdir()} == {"etcd.log", "node.log"}
    assert children_of(tmp_path) == set()


def test_mixed_events_kills_and_restarts_real_processes(tmp_path: Path) -> None:
    done = subprocess.run(
        [*RUN, "mixed-events", "--cluster", "local", "--out", str(tmp_path / "store"), "--seed", "1"],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert children_of(tmp_path) == set()


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing_running_and_keeps_its_history(
    tmp_path: Path, kind: signal.Signals
) -> None:
    with subprocess.Popen(
        [*RUN, "isolated-events", "--cluster", "local", "--out", str(tmp_path / "store")],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as run:
        history = tmp_path / "store" / "latest" / "history.jsonl"
        deadline = time.monotonic() + 60
        while not (history.exists() and history.stat().st_size > 0):
            assert time.monotonic() < deadline, "the main phase never began"
            time.sleep(0.1)
        assert len(children_of(tmp_path)) >= 10
        run.send_signal(kind)
        _, printed = run.communicate(timeout=60)
    assert run.returncode == 130
    assert "interrupted" in printed
    assert "Traceback" not in printed
    assert children_of(tmp_path) == set()
    assert history.stat().st_size > 0


def test_an_etcd_that_dies_at_start_is_shown_with_its_last_words(tmp_path: Path) -> None:
    fake = tmp_path / "bin" / "etcd"
    fake.parent.mkdir()
    fake.write_text(
        "#!/bin/sh\n"
        "[ \"$1\" = --version ] && echo 'etcd Version: 3.5.9' && exit 0\n"
        "echo 'disk on fire' >&2\n"
        "exit 1\n"
    )
    fake.chmod(0o755)
    done = subprocess.run(
        [*RUN, "isolated-events", "--cluster", "local", "--out", str(tmp_path / "store")],
        env={**os.environ, "PATH": f"{fake.parent}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 255
    assert "disk on fire" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_in_the_background_of_a_script_ends_on_sigterm(tmp_path: Path) -> None:
    arguments = (*RUN, "isolated-events", "--cluster", "local", "--out", str(tmp_path / "store"))
    with subprocess.Popen(
        ["/bin/sh", "-c", 'trap "" INT; exec "$@"', "sh", *arguments],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    ) as run:
        history = tmp_path / "store" / "latest" / "history.jsonl"
        deadline = time.monotonic() + 60
        while not (history.exists() and history.stat().st_size > 0):
            assert time.monotonic() < deadline, "the main phase never began"
            time.sleep(0.1)
        run.terminate()
        assert run.wait(timeout=60) == 130
    assert children_of(tmp_path) == set()
