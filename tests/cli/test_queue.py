"""The work queue as a person uses it: workers as processes, killed and stopped; commands and exit codes."""

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Member

pytestmark = pytest.mark.slow

MACHINES = '''
"""Machines of a test: one that takes its time, one that never succeeds."""
import asyncio
import msgspec
from dsm_jepsen.dsm.queue import Advance, FailError, Machine, RetryError

class Work(msgspec.Struct):
    pauses: float = 0.1
    gate: str = ""

async def walk(instance):
    await asyncio.sleep(instance.payload.pauses)
    step = int(instance.state)
    return Advance(state=str(step + 1), payload=instance.payload, effects=(step,))

edges = {str(step): (str(step + 1),) for step in range(10)} | {"10": ()}
SLOW = Machine(name="slow", payload=Work, initial="0", edges=edges, tick=walk)

async def fail(instance):
    if instance.payload.gate == "closed":
        raise FailError("closed")
    raise ValueError("poison")

POISON = Machine(
    name="poison", payload=Work, initial="a", edges={"a": ("b",), "b": ()}, tick=fail, attempts=1
)
'''

Run = Callable[..., tuple[int, str, str]]
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def url(member: "Member", tmp_path: Path) -> str:
    (tmp_path / "tried.py").write_text(MACHINES)
    return member.url


@pytest.fixture
def run(url: str, tmp_path: Path) -> Run:
    def command(*words: str) -> tuple[int, str, str]:
        more = ["--store-url", url, *(["--machines", "tried"] if words[0] == "submit" else [])]
        done = subprocess.run(
            [sys.executable, "-m", "dsm_jepsen", *words, *more],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout.strip(), done.stderr

    return command


@pytest.fixture
def start(url: str, tmp_path: Path) -> Iterator[Start]:
    processes: list[subprocess.Popen[bytes]] = []

    def worker(name: str, *more: str) -> subprocess.Popen[bytes]:
        with (tmp_path / f"{name}.log").open("ab") as log:
            words = ["worker", "--name", name, "--store-url", url, "--machines", "tried", *more]
            process = subprocess.Popen([sys.executable, "-m", "dsm_jepsen", *words], cwd=tmp_path, stderr=log)
        processes.append(process)
        return process

    yield worker
    for process in processes:
        process.kill()
        process.wait()


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


def test_instances_survive_workers_that_are_killed(run: Run, start: Start) -> None:
    workers = [start(f"w{number}") for number in range(3)]
    payload = json.dumps({"pauses": 0.5})
    ids = [run("submit", "slow", "--payload", payload)[1] for _ in range(4)]
    wait_for(lambda: "token 1" in run("instance", ids[-1])[1], "nobody claimed the last one")
    workers[0].kill()
    workers[1].kill()
    start("w3")
    wait_for(
        lambda: all(f"{instance}  slow  done" in run("instances", "--state", "done")[1] for instance in ids),
        "not all have ended",
    )
    for instance in ids:
        shown = run("instance", instance)[1]
        advances = [line for line in shown.splitlines() if "advance" in line]
        assert [line.split("seq ")[1].split()[0] for line in advances] == [str(seq) for seq in range(1, 11)]
    assert run("instances", "--state", "running") == (0, "", "")


def test_a_worker_told_to_stop_gives_back_what_it_has(run: Run, start: Start) -> None:
    first = start("first")
    instance = run("submit", "slow", "--payload", json.dumps({"pauses": 1.0}))[1]
    wait_for(lambda: "claim" in run("instance", instance)[1], "nobody claimed it")
    first.send_signal(signal.SIGTERM)
    assert first.wait(timeout=20) == 0
    shown = run("instance", instance)[1]
    assert "slow  ready" in shown
    assert "release" in shown
    # Given back, so that the next worker need not wait for a session to run out.
    start("second")
    wait_for(lambda: "token 2" in run("instance", instance)[1], "nobody took it over")


def test_a_worker_answers_how_it_is(start: Start, free_port: Callable[[], int]) -> None:
    listen = f"127.0.0.1:{free_port()}"
    start("w", "--listen", listen)

    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"http://{listen}/status", timeout=5) as answer:
                return json.loads(answer.read())["alive"] is True
        except OSError:
            return False

    wait_for(answers, "it never answered")
    assert start("late", "--listen", listen).wait(timeout=30) == 254


def test_waiting_tells_by_its_exit_code_how_it_ended(run: Run, start: Start) -> None:
    start("w")
    code, instance, progress = run("submit", "slow", "--payload", '{"pauses": 0}', "--wait")
    assert (code, "slow  done  10  seq 10" in progress) == (0, True), progress
    assert run("submit", "poison", "--payload", '{"gate": "closed"}', "--wait")[0] == 1
    code, instance, progress = run("submit", "poison", "--wait")
    assert (code, "ValueError: poison" in progress) == (1, True), progress
    assert instance in run("instances", "--state", "dead")[1]
    assert run("redrive", instance)[0] == 0
    wait_for(lambda: run("instance", instance)[1].count("ValueError: poison") >= 2, "it was not tried again")
    wait_for(lambda: run("cancel", instance)[0] == 0, "it could not be cancelled")
    assert run("cancel", instance)[0] == 1
    assert run("redrive", instance)[0] == 1


def test_when_the_store_goes_away_the_outcome_of_waiting_is_unknown(
    run: Run, member: "Member", tmp_path: Path
) -> None:
    words = ["submit", "slow", "--wait", "--store-url", member.url, "--machines", "tried"]
    command = [sys.executable, "-m", "dsm_jepsen", *words]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as waiting:
        assert waiting.stdout is not None
        instance = waiting.stdout.readline().strip()
        wait_for(lambda: run("instance", instance)[0] == 0, "it was not submitted")
        member.freeze()
        try:
            assert waiting.wait(timeout=60) == 2
        finally:
            member.thaw()


def test_a_submit_to_a_store_that_does_not_answer_says_what_is_known(run: Run, member: "Member") -> None:
    member.freeze()
    try:
        code, instance, error = run("submit", "slow")
    finally:
        member.thaw()
    assert len(instance) == 16
    # Which of the two depends on whether the client's library knows that it sent nothing.
    assert ("dsm-jepsen: not done" in error, "dsm-jepsen: unknown" in error) == (code == 1, code == 2)
    assert code in {1, 2}


def test_what_cannot_be_submitted_is_said_before_anything_is_sent(run: Run) -> None:
    for words, why in (
        (["submit", "stake"], "no machine"),
        (["submit", "slow", "--payload", "{"], "no JSON"),
        (["submit", "slow", "--payload", '{"pauses": "long"}'], "pauses"),
    ):
        code, _, error = run(*words)
        assert (code, why in error) == (254, True), error
