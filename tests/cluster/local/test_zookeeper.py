"""Which ZooKeeper is used, what its servers say, and a real ensemble that is broken and comes back."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from dsm_jepsen.cluster._base import NODES
from dsm_jepsen.cluster.local import LocalCluster
from dsm_jepsen.cluster.local import zookeeper as room
from dsm_jepsen.cluster.local.zookeeper import Installation, ZooKeeper, find_zookeeper
from dsm_jepsen.cluster.members.zookeeper import ZooKeeperMember
from dsm_jepsen.dsm.stores import open_store
from dsm_jepsen.env import OutcomeError, RefusedError, Role, Store

PATIENCE_S = 40

Fake = Callable[..., Path]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Puts a script called java on the PATH, and jars where Debian has them."""
    (tmp_path / "jars").mkdir()
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(room, "_JARS", tmp_path / "jars")

    def put(script: str = "echo 'Apache ZooKeeper, version 3.9.2 2024-02-12'", *, jar: bool = True) -> Path:
        path = tmp_path / "bin" / "java"
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)
        if jar:
            (tmp_path / "jars" / "zookeeper.jar").touch()
        return path

    return put


def test_debians_jar_is_used_with_the_java_on_the_path(fake: Fake, tmp_path: Path) -> None:
    java = fake()
    jars = tmp_path / "jars"
    assert find_zookeeper() == Installation(
        str(java), f"{jars}/zookeeper.jar:{jars}/slf4j-simple.jar", "3.9.2"
    )
    assert ZooKeeper().versions()["zookeeper"] == "3.9.2"


def test_a_release_may_be_named(fake: Fake, tmp_path: Path) -> None:
    fake(jar=False)
    (tmp_path / "release" / "lib").mkdir(parents=True)
    (tmp_path / "release" / "lib" / "zookeeper-3.9.2.jar").touch()
    found = find_zookeeper(home=tmp_path / "release")
    assert found.classpath == f"{tmp_path}/release/conf:{tmp_path}/release/lib/*"


def test_java_is_found_by_java_home_or_named(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake()
    (tmp_path / "jdk").mkdir()
    java = (tmp_path / "bin").rename(tmp_path / "jdk" / "bin") / "java"
    assert find_zookeeper(java=str(java)).java == str(java)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    assert find_zookeeper().java == str(java)


@pytest.mark.usefixtures("fake")
def test_a_machine_without_java_is_told_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(
        RefusedError, match="no java on the PATH: install Debian's package default-jre-headless"
    ):
        LocalCluster(run_folder=tmp_path, open_store=open_store, store="zookeeper", network="loopback")


def test_a_machine_without_zookeeper_is_told_what_to_install(fake: Fake, tmp_path: Path) -> None:
    fake(jar=False)
    with pytest.raises(
        RefusedError, match=r"install Debian's package zookeeper, or .* with --zookeeper-home"
    ):
        LocalCluster(run_folder=tmp_path, open_store=open_store, store="zookeeper", network="loopback")


def test_a_folder_that_is_no_release_is_told_what_was_looked_for(fake: Fake, tmp_path: Path) -> None:
    fake(jar=False)
    words = (
        r"has no lib/zookeeper-\*\.jar: --zookeeper-home names the folder of an unpacked release of Apache, "
    )
    with pytest.raises(RefusedError, match=words + r"as from apache-zookeeper-VERSION-bin\.tar\.gz"):
        find_zookeeper(home=tmp_path)
    (tmp_path / "apache-zookeeper-3.9.3-bin" / "lib").mkdir(parents=True)
    (tmp_path / "apache-zookeeper-3.9.3-bin" / "lib" / "zookeeper-3.9.3.jar").touch()
    with pytest.raises(RefusedError, match=words + f"such as {tmp_path}/apache-zookeeper-3.9.3-bin"):
        find_zookeeper(home=tmp_path)


def test_a_zookeeper_that_does_not_run_is_refused(fake: Fake) -> None:
    fake("echo 'UnsupportedClassVersionError' >&2; exit 1")
    with pytest.raises(RefusedError, match=r"said 'UnsupportedClassVersionError.*, not ZooKeeper's version"):
        find_zookeeper()


def addresses() -> Callable[[str], str]:
    ports = iter(range(1, 99))
    return lambda node: f"10.0.0.{node[1:]}:{next(ports)}"


def test_servers_know_each_other_and_listen_on_their_own_addresses_alone(fake: Fake, tmp_path: Path) -> None:
    fake()
    members = ZooKeeper().members(["n1", "n2"], data=tmp_path / "data", reserve=addresses())
    assert [member.url for member in members.values()] == ["zookeeper://10.0.0.1:1", "zookeeper://10.0.0.2:2"]
    assert (tmp_path / "data" / "n2" / "myid").read_text(encoding="ascii") == "2\n"
    path = tmp_path / "data" / "n2" / "zoo.cfg"
    assert members["n2"].argv[-1] == str(path)
    settings = path.read_text(encoding="utf-8").splitlines()
    assert {"clientPortAddress=10.0.0.2", "clientPort=2", f"dataDir={path.parent}"} <= set(settings)
    assert {"server.1=10.0.0.1:4:3", "server.2=10.0.0.2:6:5", "standaloneEnabled=false"} <= set(settings)
    assert {"tickTime=200", "4lw.commands.whitelist=srvr,mntr,ruok", "admin.enableServer=false"} <= set(
        settings
    )


def test_one_node_alone_is_a_single_server(fake: Fake, tmp_path: Path) -> None:
    fake()
    ZooKeeper().members(["n1"], data=tmp_path, reserve=addresses())
    assert "server." not in (tmp_path / "n1" / "zoo.cfg").read_text(encoding="utf-8")


def test_a_server_does_not_see_options_meant_for_another_java(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake()
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Xmx1g")
    assert "JAVA_TOOL_OPTIONS" not in ZooKeeper().environment()


@pytest.mark.parametrize(
    ("answer", "ready", "epoch"),
    [
        ("Zookeeper version: 3.8.0\nZxid: 0x300000007\nMode: leader\n", True, 3),
        ("Zookeeper version: 3.8.0\nZxid: 0x300000007\nMode: follower\n", True, None),
        ("Zookeeper version: 3.8.0\nZxid: 0x12\nMode: standalone\n", True, 0),
        ("This ZooKeeper instance is not currently serving requests\n", False, None),
        ("", False, None),
        (None, False, None),
    ],
)
def test_a_server_serves_and_leads_if_it_says_so(answer: str | None, ready: bool, epoch: int | None) -> None:
    async def story() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            assert await reader.readexactly(4) == b"srvr"
            writer.write((answer or "").encode())
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        address = "{}:{}".format(*server.sockets[0].getsockname())
        if answer is None:
            server.close()
            await server.wait_closed()
        member = ZooKeeperMember(argv=(), clients=address)
        assert await member.ready() is ready
        assert await member.term_led() == epoch
        server.close()
        await server.wait_closed()

    asyncio.run(story())


async def eventually(condition: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(PATIENCE_S):
        while not (value := await condition()):
            await asyncio.sleep(0.05)
        return value


async def commits(cluster: LocalCluster, node: str) -> bool:
    """Whether a write through a node's member takes effect now."""
    async with await cluster.site(node).open_store() as store:
        try:
            await store.put("/probe", node.encode())
        except OutcomeError:
            return False
        return True


async def connect(url: str) -> Store:
    return await open_store(url, timeout_ms=1500)


@pytest.mark.zookeeper
@pytest.mark.slow
@pytest.mark.usefixtures("zookeeper")
def test_an_ensemble_goes_on_without_its_leader_and_stops_without_a_quorum(
    tmp_path: Path, processes_left: Callable[[], list[str]]
) -> None:
    async def story(cluster: LocalCluster) -> None:
        control = cluster.control
        try:
            await cluster.start(None)
            assert [await commits(cluster, node) for node in NODES] == [True] * 5
            first = await eventually(control.leader)
            await control.kill(first, Role.STORE)

            async def another() -> str | None:
                leader = await control.leader()
                return leader if leader != first else None

            second = await eventually(another)
            assert await eventually(lambda: commits(cluster, second))
            assert not await commits(cluster, first)
            await control.restart(first, Role.STORE)
            assert await eventually(lambda: commits(cluster, first))
            for node in NODES[:3]:
                await control.pause(node, Role.STORE)
            assert not await commits(cluster, NODES[4])
            for node in NODES[:3]:
                await control.resume(node, Role.STORE)
            for node in NODES:
                assert await eventually(lambda node=node: commits(cluster, node))  # type: ignore[misc]
            log = tmp_path / "run" / first / "zookeeper.log"
            assert "LEADING" in log.read_text(encoding="utf-8")
        finally:
            await cluster.stop()

    run_folder = tmp_path / "run"
    asyncio.run(
        story(LocalCluster(run_folder=run_folder, open_store=connect, store="zookeeper", log=pytest.fail))
    )
    assert processes_left() == []


@pytest.fixture
def release(tmp_path: Path, zookeeper: Installation) -> Path:
    """A folder as an unpacked release of Apache is one. Without Debian's jars: skipped, in CI failed."""
    if not (room._JARS / "zookeeper.jar").exists():
        because = "the jars of a release are taken from Debian's package zookeeper, and it is not there"
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must have it: {because}")
        pytest.skip(because)
    home = tmp_path / f"apache-zookeeper-{zookeeper.version}-bin"
    for folder in ("bin", "conf", "lib"):
        (home / folder).mkdir(parents=True)
    # The others that it needs the jar names itself, by where Debian has them.
    for jar in ("zookeeper", "zookeeper-jute"):
        (home / "lib" / f"{jar}-{zookeeper.version}.jar").write_bytes(
            (room._JARS / f"{jar}.jar").read_bytes()
        )
    (home / "lib" / "slf4j-simple.jar").write_bytes((room._JARS / "slf4j-simple.jar").read_bytes())
    (home / "conf" / "zoo_sample.cfg").write_text("clientPort=2181\n", encoding="utf-8")
    return home


@pytest.mark.zookeeper
@pytest.mark.slow
def test_a_server_of_a_release_is_started_from_its_folder(
    tmp_path: Path, release: Path, processes_left: Callable[[], list[str]]
) -> None:
    async def story(cluster: LocalCluster) -> None:
        try:
            await cluster.start(None)
            assert await commits(cluster, "n1")
            assert any(f"{release}/lib/*" in line for line in processes_left())
        finally:
            await cluster.stop()

    cluster = LocalCluster(
        run_folder=tmp_path / "run",
        open_store=connect,
        store="zookeeper",
        zookeeper_home=release,
        nodes=["n1"],
        network="loopback",
        log=pytest.fail,
    )
    assert cluster.versions()["zookeeper-classpath"] == f"{release}/conf:{release}/lib/*"
    asyncio.run(story(cluster))
    assert processes_left() == []
