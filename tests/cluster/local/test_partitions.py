"""Real etcd members and real partitions: who commits, who comes back, and that nothing stays behind."""

import asyncio
import signal
import subprocess
import sys
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from dsm_jepsen.cluster._base import NODES
from dsm_jepsen.cluster.local import LocalCluster, clean_leftovers, namespaces
from dsm_jepsen.env import Link, Role, Store

pytestmark = [
    pytest.mark.etcd,
    pytest.mark.namespaces,
    pytest.mark.usefixtures("etcd_binary", "network_namespaces"),
]

PATIENCE_S = 30


async def no_store(url: str) -> Store:
    raise LookupError(url)


@pytest.fixture
def cluster(tmp_path: Path) -> LocalCluster:
    return LocalCluster(
        run_folder=tmp_path / "run", open_store=no_store, network="namespaces", log=pytest.fail
    )


async def during(cluster: LocalCluster, story: Callable[[], Awaitable[None]]) -> None:
    try:
        await cluster.start(None)
        await story()
    finally:
        await cluster.stop()


async def eventually(condition: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(PATIENCE_S):
        while not (value := await condition()):
            await asyncio.sleep(0.02)
        return value


def across(some: list[str], others: list[str]) -> list[Link]:
    return [
        Link(source, Role.STORE, target, Role.STORE)
        for one in some
        for other in others
        for source, target in ((one, other), (other, one))
    ]


def test_a_leader_left_in_the_majority_leads_on(cluster: LocalCluster) -> None:
    async def story() -> None:
        leader: str = await eventually(cluster.control.leader)
        minority = [node for node in NODES if node != leader][:2]
        await cluster.control.cut(across(minority, [node for node in NODES if node not in minority]))
        assert await cluster._members[leader].ready()
        assert await cluster.control.leader() == leader

    asyncio.run(during(cluster, story))


def test_a_run_says_of_which_kind_its_network_was(cluster: LocalCluster) -> None:
    said = cluster.versions()["network"]
    assert said == "namespaces (connections that crossed a cut are ended at a mend, if the kernel can)"


HARNESS = """
    import asyncio, signal
    from pathlib import Path
    from dsm_jepsen.cluster.local import LocalCluster
    async def main():
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
        cluster = LocalCluster(run_folder=Path("run"), open_store=None, network="namespaces")
        try:
            await cluster.start(None)
            print("up", flush=True)
            await asyncio.sleep(60)
        finally:
            await cluster.stop()
    asyncio.run(main())
"""


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_stays_behind_however_the_harness_ends(
    tmp_path: Path, temporary: Path, processes_left: Callable[[], list[str]], end: signal.Signals
) -> None:
    argv = [sys.executable, "-c", textwrap.dedent(HARNESS)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        (run,) = (run for run in namespaces.runs() if run.startswith(f"{process.pid}-"))
        clean_leftovers(lambda _: None)
        assert len(processes_left()) == 5
        process.send_signal(end)
    if end is signal.SIGKILL:
        assert run in namespaces.runs()
        lines = clean_leftovers(lambda _: None)
        assert any(
            line.startswith(f"the run of process {process.pid} was killed: ended its processes (")
            and line.endswith(", removed its network namespaces")
            for line in lines
        )
    assert run not in namespaces.runs()
    assert processes_left() == []
    assert list(temporary.glob("*/*")) == []
    devices = subprocess.run(["ip", "link", "show"], capture_output=True, text=True, check=True).stdout
    assert run not in devices
