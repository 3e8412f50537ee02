"""Real stores on hosts: who commits, who comes back, what is kept, and that nothing stays behind."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from dsm_jepsen.cluster._base import ClusterError
from dsm_jepsen.cluster.hosts import HostsCluster, prepared
from dsm_jepsen.cluster.local import namespaces
from dsm_jepsen.env import (
    Capability,
    DefiniteError,
    Link,
    ProcessState,
    Program,
    RefusedError,
    Request,
    Role,
)

pytestmark = [
    pytest.mark.etcd,
    pytest.mark.namespaces,
    pytest.mark.usefixtures("etcd_binary", "network_namespaces"),
]

THREE = ("n1", "n2", "n3")
PATIENCE_S = 30

Make = Callable[..., HostsCluster]


def during(
    cluster: HostsCluster, story: Callable[[], Awaitable[None]], *, program: Program | None = None
) -> None:
    async def happen() -> None:
        try:
            await cluster.start(program)
            await story()
        finally:
            await cluster.stop()

    asyncio.run(happen())


async def eventually(condition: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(PATIENCE_S):
        while not (value := await condition()):
            await asyncio.sleep(0.02)
        return value


def across(some: Sequence[str], others: Sequence[str]) -> list[Link]:
    return [
        Link(source, Role.STORE, target, Role.STORE)
        for one in some
        for other in others
        for source, target in ((one, other), (other, one))
    ]


def test_a_member_that_was_killed_comes_back_with_its_data_and_is_not_said_to_have_ended_by_itself(
    make: Make, tmp_path: Path
) -> None:
    cluster = make(THREE, silence_s=1)

    async def story() -> None:
        control, seen = cluster.control, []
        for verb in (control.pause, control.resume, control.kill, control.restart):
            await verb("n2", Role.STORE)
            seen.append(await control.state("n2", Role.STORE))
            await asyncio.sleep(0.5)
        assert seen == [ProcessState.PAUSED, ProcessState.UP, ProcessState.DEAD, ProcessState.UP]
        assert await eventually(cluster._members["n2"].ready)

    during(cluster, story)
    assert "restarting local member" in (tmp_path / "run" / "n2" / "etcd.log").read_text()


def test_a_process_that_ends_by_itself_is_told_of_once(make: Make) -> None:
    lines: list[str] = []
    cluster = make(THREE, silence_s=1, log=lines.append)

    async def story() -> None:
        # Behind the control's back.
        await cluster._outposts["n3"].verb("strike", "KILL", "store", "dead", step="a test")

        async def told() -> bool:
            return bool(lines)

        await eventually(told)
        await asyncio.sleep(0.5)

    during(cluster, story)
    assert lines == ["n3's store ended on its own; its log tells more"]


def test_the_nodes_programs_run_beside_the_members_and_their_logs_are_kept(
    make: Make, program: Program, tmp_path: Path
) -> None:
    cluster = make(THREE, keep_data=True)

    async def story() -> None:
        with pytest.raises(LookupError, match=f"etcd://{cluster.hosts['n2'].address}:2379"):
            await cluster.site("n2").open_store()
        network = cluster.site("n1").network
        for node in THREE:
            answer = await network.call(node, Request(method="GET", path="/status"), timeout_ms=5_000)
            assert answer.status == 200
        await cluster.control.kill("n2", Role.NODE)
        with pytest.raises(DefiniteError):
            await network.call("n2", Request(method="GET", path="/status"), timeout_ms=5_000)

    during(cluster, story, program=program)
    for node in THREE:
        assert {file.name for file in (tmp_path / "run" / node).iterdir()} == {
            "data.tar.gz",
            "etcd.log",
            "node.log",
        }
        assert f"starting web at http://{'10.213'}" in (tmp_path / "run" / node / "node.log").read_text()
    assert list((tmp_path / "hosts").iterdir()) == []


def test_a_start_that_fails_shows_the_last_words_and_keeps_the_logs(make: Make, tmp_path: Path) -> None:
    wrong = Program(main=None, command=("node", "--machine", "no such machine"))  # type: ignore[arg-type]
    with pytest.raises(ClusterError) as failed:
        during(make(THREE), _nothing, program=wrong)
    said = re.match(r"(?s)(n\d)'s node ended at its start.*'no such machine' is not", str(failed.value))
    assert said is not None
    # Of another node nobody knows how far it had come.
    assert "no such machine" in (tmp_path / "run" / said[1] / "node.log").read_text()
    for node in THREE:
        assert (tmp_path / "run" / node / "etcd.log").stat().st_size > 0
    assert list((tmp_path / "hosts").iterdir()) == []


async def _nothing() -> None:
    pass


def test_a_host_that_falls_silent_is_told_of_and_the_others_logs_are_kept(make: Make, tmp_path: Path) -> None:
    lines: list[str] = []
    cluster = make(THREE, log=lines.append)

    async def story() -> None:
        cluster.hosts["n2"].deaf = True  # type: ignore[attr-defined]

    during(cluster, story)
    assert {"n2: ending its daemons failed: it does not answer"} < set(lines)
    assert (tmp_path / "run" / "n1" / "etcd.log").exists()
    for file in (tmp_path / "hosts").glob("*/n2/*.pid"):
        os.killpg(int(file.read_text().split()[0]), signal.SIGKILL)


def test_what_hosts_cannot_do_is_known_with_its_reason_before_anything_is_started(
    make: Make, tmp_path: Path
) -> None:
    tool = tmp_path / "bin" / "nft"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho 'Operation not permitted' >&2; exit 1\n")
    tool.chmod(0o755)
    cluster = make(THREE)

    async def story() -> None:
        fleet: Any = cluster._fleet
        open_fleet = fleet.open

        async def without_rights(run: str) -> Any:
            hosts = await open_fleet(run)
            hosts["n2"].path = f"{tool.parent}:{hosts['n2'].path}"
            return hosts

        fleet.open = without_rights
        try:
            await cluster.prepare()
            assert not cluster.control.capabilities() & {Capability.CUT, Capability.SLOW}
            assert cluster.reasons().keys() == set(Capability) - cluster.control.capabilities()
            for capability in (Capability.CUT, Capability.SLOW):
                assert cluster.reasons()[capability] == "n2 says 'Operation not permitted'"
            with pytest.raises(RefusedError, match="cannot do cut: n2 says 'Operation not permitted'"):
                await cluster.control.cut([])
        finally:
            await cluster.stop()

    asyncio.run(story())


def test_when_a_host_undid_faults_by_itself_the_run_fails_rather_than_to_go_on_without(make: Make) -> None:
    cluster = make(THREE, silence_s=2)

    async def story() -> None:
        await cluster.control.cut(across(["n1"], ["n2", "n3"]))
        for task in cluster._beating:
            task.cancel()
        await asyncio.sleep(4)

        async def undone() -> bool:
            await cluster._beat_once("n1")
            return bool(cluster._control._undone)

        assert await eventually(undone)
        with pytest.raises(ClusterError, match="n1 heard nothing from the harness for too long"):
            await cluster.control.dropped()

    during(cluster, story)


def test_a_cluster_may_be_prepared_in_one_event_loop_and_run_in_another(make: Make) -> None:
    with prepared(make(THREE)) as cluster:
        assert "etcd" in cluster.versions()
        assert cluster.control.capabilities() >= {Capability.CUT, Capability.SLOW}

        async def story() -> None:
            assert await eventually(cluster.control.leader)

        during(cluster, story)
    assert cluster.hosts == {}


def test_a_cluster_that_was_prepared_and_never_started_leaves_nothing(make: Make, tmp_path: Path) -> None:
    with prepared(make(THREE)) as cluster:
        assert set(cluster.hosts) == set(THREE)
    assert cluster.hosts == {}
    assert list((tmp_path / "hosts").iterdir()) == []


def test_the_dead_mans_watch_is_there_before_anything_is_tried_that_it_would_have_to_undo(make: Make) -> None:
    cluster, watched = make(["n1"]), []

    async def story() -> None:
        fleet: Any = cluster._fleet
        open_fleet = fleet.open

        async def observed(run: str) -> Any:
            (host,) = (hosts := await open_fleet(run)).values()
            do = host.run

            async def see(step: str, script: str, **how: Any) -> Any:
                if step == "trying rules for packets":
                    watched.append(await cluster._outposts["n1"].verb("state", "watch", step="looking"))
                return await do(step, script, **how)

            host.run = see
            return hosts

        fleet.open = observed
        try:
            await cluster.prepare()
        finally:
            await cluster.stop()

    asyncio.run(story())
    assert {said.out for said in watched} == {"watch up\n"}


def test_an_unknown_store_is_refused(make: Make) -> None:
    with pytest.raises(RefusedError, match="hosts cannot run 'raft'; they can run etcd, zookeeper"):
        make(store="raft")


HARNESS = """
    import asyncio, importlib.util, sys
    from pathlib import Path
    from dsm_jepsen.cluster.hosts import HostsCluster
    from dsm_jepsen.env import Link, Role
    spec = importlib.util.spec_from_file_location("conftest", sys.argv[1])
    conftest = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(conftest)
    async def main():
        nodes = ("n1", "n2", "n3")
        cluster = HostsCluster(
            conftest.NamespaceFleet(nodes, owner=int(sys.argv[3])), nodes=nodes,
            run_folder=Path("run"), open_store=None, folder=sys.argv[2], silence_s=2,
        )
        await cluster.start(None)
        await cluster.control.cut([Link("n1", Role.STORE, "n2", Role.STORE)])
        await cluster.control.pause("n3", Role.STORE)
        print(cluster._fleet.namespace("n2"), flush=True)
        await asyncio.sleep(60)
    asyncio.run(main())
"""


def test_when_the_harness_is_killed_during_a_cut_the_hosts_mend_it_and_the_next_run_cleans_up(
    make: Make, tmp_path: Path
) -> None:
    conftest, folder = Path(__file__).parents[1] / "conftest.py", tmp_path / "hosts"
    argv = [sys.executable, "-c", textwrap.dedent(HARNESS), str(conftest), str(folder), str(os.getpid())]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=tmp_path) as harness:
        assert harness.stdout is not None
        namespace = Path(harness.stdout.readline().decode().strip())
        run = namespace.name.removeprefix("dsm-jepsen.").removesuffix(".n2.store")

        def faults() -> tuple[bool, bool]:
            rules = subprocess.run(
                [*namespaces.enter(namespace), "nft", "list", "ruleset"],
                capture_output=True,
                text=True,
                check=True,
            )
            (pid,) = (file.read_text().split()[0] for file in folder.glob("*/n3/store.pid"))
            return "saddr" in rules.stdout, ") T " in Path(f"/proc/{pid}/stat").read_text()

        assert faults() == (True, True)
        harness.send_signal(signal.SIGKILL)

    async def mended() -> bool:
        return faults() == (False, False)

    async def story() -> None:
        await eventually(mended)
        lines: list[str] = []
        # Of one host, since here the hosts share their files.
        cluster = make(["n1"], silence_s=1, log=lines.append)
        await asyncio.sleep(3)
        try:
            await cluster.prepare()
        finally:
            await cluster.stop()
        assert len(lines) == 3
        assert all("removed what the killed run" in line for line in lines)

    try:
        asyncio.run(story())
        assert list(folder.iterdir()) == []
        pids = subprocess.run(["ip", "netns", "pids", namespace.name], capture_output=True, check=True)
        assert pids.stdout == b""
    finally:
        namespaces.remove(run, kill=True)
        assert os.fspath(namespace) not in map(str, Path("/run/netns").iterdir())
