"""What killed runs left on machines over SSH: what is removed, and what is left alone."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dsm_jepsen.cluster.hosts.cluster import FOLDER
from dsm_jepsen.cluster.hosts.outpost import SILENCE_S, Outpost, begin
from dsm_jepsen.cluster.ssh import clean_machines
from dsm_jepsen.cluster.ssh.host import SshHost
from dsm_jepsen.env import ProcessState, RefusedError, Role

pytestmark = pytest.mark.ssh


@pytest.fixture
def run() -> Iterator[str]:
    """A run's name; of the run nothing is left in the end."""
    name = f"test-{secrets.token_hex(4)}"
    yield name
    assert not Path(FOLDER, name).exists()


async def begin_run(sshd: Any, run: str) -> tuple[SshHost, Outpost]:
    """What a run has on a machine: a folder with a daemon."""
    host = SshHost(name="n1", target=sshd.target, login=sshd.login)
    await host.open()
    outpost = Outpost(host, f"{FOLDER}/{run}/n1", silence_s=SILENCE_S)
    await outpost.make()
    await outpost.daemon(Role.NODE, ("sleep", "60"), user="root", title="a daemon", skewable=False)
    return host, outpost


def age(run: str, by_s: int) -> None:
    """Let the harness have been silent for so long."""
    heard = Path(FOLDER, run, "n1", "heard")
    word, uptime_s = heard.read_text().split()
    heard.write_text(f"{word} {int(uptime_s) - by_s}\n")


async def test_a_killed_runs_daemons_and_files_are_removed(sshd: Any, run: str) -> None:
    host, _ = await begin_run(sshd, run)
    await host.close()
    (pid,) = Path(FOLDER, run, "n1", "node.pid").read_text().split()[:1]
    age(run, 2 * SILENCE_S)
    lines: list[str] = []
    assert await clean_machines({"n1": sshd.target}, sshd.login, lines.append) == lines
    assert lines == [f"n1: removed what the killed run {run} had left"]
    assert not Path("/proc", pid, "exe").exists()


async def test_a_run_killed_before_its_first_heartbeat_is_removed_once_nobody_can_be_at_it(
    sshd: Any, run: str
) -> None:
    host = SshHost(name="n1", target=sshd.target, login=sshd.login)
    await host.open()
    await host.run("bringing a part of a run", begin(f"{FOLDER}/{run}/n1"))
    await host.close()
    age(run, 2 * SILENCE_S)  # it may still wait for the other machines
    with pytest.raises(RefusedError, match=f"n1 is in use by the run {run}"):
        await clean_machines({"n1": sshd.target}, sshd.login, pytest.fail)
    age(run, 8 * SILENCE_S)
    lines = await clean_machines({"n1": sshd.target}, sshd.login, print)
    assert lines == [f"n1: removed what the killed run {run} had left"]


@pytest.mark.parametrize(
    "heard", ["1000000 99999999999", "1000000", ""], ids=["another boot", "old", "cut off"]
)
async def test_what_nobody_can_be_at_any_more_is_removed(sshd: Any, run: str, heard: str) -> None:
    host, _ = await begin_run(sshd, run)
    await host.close()
    Path(FOLDER, run, "n1", "heard").write_text(heard)
    assert len(await clean_machines({"n1": sshd.target}, sshd.login, print)) == 1


async def test_a_clock_that_was_set_makes_no_run_look_dead(sshd: Any, run: str) -> None:
    host, outpost = await begin_run(sshd, run)
    heard = Path(FOLDER, run, "n1", "heard")
    os.utime(heard, (0, 0))
    try:
        with pytest.raises(RefusedError, match=f"n1 is in use by the run {run}"):
            await clean_machines({"n1": sshd.target}, sshd.login, pytest.fail)
    finally:
        await outpost.remove()
        await host.close()


async def test_a_run_that_is_alive_is_left_alone_and_told_of(sshd: Any, run: str) -> None:
    host, outpost = await begin_run(sshd, run)
    try:
        with pytest.raises(RefusedError, match=f"n1 is in use by the run {run}"):
            await clean_machines({"n1": sshd.target}, sshd.login, pytest.fail)
        assert await outpost.state(Role.NODE) is ProcessState.UP
        assert not list(Path(FOLDER).glob("clean-*"))
    finally:
        await outpost.remove()
        await host.close()
