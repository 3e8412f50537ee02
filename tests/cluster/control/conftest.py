"""Every real cluster as a world for one suite of laws: its control, and connections between its places.

A world is one cluster of three hosts, started once for all tests of a module. A test is an ``async def``
that takes ``world``, whose members and programs all are up, or ``quiet``, where none is, so that the test's
own connections may have their ports. Whatever a test did to links and processes is undone before the next.
"""

import asyncio
import builtins
import inspect
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from dsm_jepsen.cluster.docker.fleet import DockerFleet
from dsm_jepsen.cluster.hosts import HostsCluster
from dsm_jepsen.cluster.local import LocalCluster
from dsm_jepsen.dsm.stores import open_store
from dsm_jepsen.env import Capability, OutcomeError, Program, Request, Role

NODES = ("n1", "n2", "n3")
PATIENCE_S = 30.0
QUIET_S = 0.3

Place = tuple[str, Role]
Cluster = LocalCluster | HostsCluster

PORTS = {Role.STORE: 2379, Role.NODE: 8080}
PEERS = 2380
"""Etcd's, as hosts have them; where each process has an address of its own any would do."""

STATUS = Request(method="GET", path="/status")
AGENT = (Path(__file__).parent / "agent.py").read_text(encoding="utf-8")


class Agent:
    """A process at a place that holds sockets for us, and ends with its standard input."""

    def __init__(self, argv: Sequence[str]) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen([*argv, "-u", "-c", AGENT], stdin=pipe, stdout=pipe, text=True)

    async def ask(self, verb: str, *words: Any) -> Any:
        """Have it do something; raises what the socket raised there."""
        error, value = json.loads(await asyncio.to_thread(self._exchange, json.dumps([verb, *words])))
        if error is not None:
            raise getattr(builtins, error)(value)
        return value

    def end(self) -> None:
        self._process.communicate()

    def _exchange(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()


@dataclass(frozen=True)
class End:
    """One end of a connection."""

    agent: Agent
    name: str

    async def send(self, text: str) -> None:
        await self.agent.ask("send", self.name, text)

    async def receive(self, count: int, *, within_s: float = PATIENCE_S) -> str:
        """So many characters, fewer if the connection ends before; raises TimeoutError, or how it broke."""
        return str(await self.agent.ask("receive", self.name, count, within_s))

    async def carries(self, other: "End", *, within_s: float = PATIENCE_S) -> bool:
        """Whether what is sent at this end arrives at the other."""
        await self.send("x")
        try:
            return await other.receive(1, within_s=within_s) == "x"
        except TimeoutError:
            return False

    async def silent(self, other: "End") -> bool:
        """Whether what is sent at this end does not arrive at the other."""
        return not await self.carries(other, within_s=QUIET_S)


class World:
    """A cluster that is up, and hands at its places.

    Args:
        cluster: started.
        turn: runs a coroutine on the cluster's loop.
        enter: what runs Python at a place.
        address: a place's, as the others see it.
    """

    def __init__(
        self,
        cluster: Cluster,
        *,
        turn: Callable[[Coroutine[Any, Any, None]], None],
        enter: Callable[[Place], Sequence[str]],
        address: Callable[[Place], str],
    ) -> None:
        self.cluster = cluster
        self.control = cluster.control
        self.store = cluster._store.name
        self._turn = turn
        self._enter = enter
        self._address = address
        self._agents: dict[Place, Agent] = {}
        self._ended = False
        self._names = map(str, itertools.count())

    def run(self, story: Coroutine[Any, Any, None]) -> None:
        """Run a test to its end."""

        async def within_time() -> None:
            async with asyncio.timeout(4 * PATIENCE_S):
                await story

        self._turn(within_time())

    async def eventually(self, condition: Callable[[], Awaitable[Any]]) -> Any:
        """Wait until something holds, and give it."""
        async with asyncio.timeout(PATIENCE_S):
            while not (value := await condition()):
                await asyncio.sleep(0.05)
            return value

    async def ready(self, node: str) -> bool:
        """Whether a member commits."""
        return await self.cluster._members[node].ready()

    async def write(self, node: str, value: bytes) -> None:
        """Write by way of a member."""
        async with await open_store(self.cluster._members[node].url, timeout_ms=5_000) as store:
            await store.put("/a/key", value)

    async def serves(self, node: str) -> bool:
        """Whether a node program answers."""
        try:
            answer = await self.cluster.site(node).network.call(node, STATUS, timeout_ms=2_000)
        except OutcomeError:
            return False
        return answer.status == 200

    async def ahead_s(self, node: str) -> int:
        """By how many seconds a node program's clock is ahead, to ten seconds: by the date of its answer."""
        assert self.cluster._network is not None
        url = self.cluster._network._url(node, STATUS)
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            told = parsedate_to_datetime(answer.headers["Date"])
        return round((told.timestamp() - self.cluster.clock.wall_ns() / 1e9) / 10) * 10

    async def dial(self, source: Place, target: Place, *, within_s: float = PATIENCE_S) -> tuple[End, End]:
        """The two ends of a new connection as real processes would make it, the dialler's first.

        Raises:
            TimeoutError: it cannot be made.
        """
        roles, name = {source[1], target[1]}, next(self._names)
        port = PEERS if roles == {Role.STORE} else PORTS[target[1]]
        one, other = self._agent(source), self._agent(target)
        await other.ask("listen", name, self._address(target), port)
        try:
            ends = (self._address(source), self._address(target))
            await one.ask("dial", f"{name}, one", *ends, port, within_s)
        except TimeoutError:
            await other.ask("close", name)
            raise
        await other.ask("accept", name)
        return End(one, f"{name}, one"), End(other, name)

    async def unreachable(self, source: Place, target: Place) -> bool:
        """Whether no connection can be made."""
        try:
            await self.dial(source, target, within_s=QUIET_S)
        except TimeoutError:
            return True
        return False

    async def mend(self) -> None:
        """Undo all that was done to links, and let go of the test's own connections."""
        await self.control.mend()
        await self.control.fast()
        await asyncio.gather(*(agent.ask("close") for agent in self._agents.values()))

    async def quiet(self) -> None:
        """End all members and programs, unless that was the last that was done to them."""
        if not self._ended:
            await self._every(self.control.kill)
        self._ended = True

    async def up(self) -> None:
        """Let all members and programs go on; returns when they answer."""
        self._ended = False
        await self._every(self.control.resume)
        await self._every(self.control.restart)
        for node in NODES:
            await self.eventually(partial(self.ready, node))
            await self.eventually(partial(self.serves, node))

    def end(self) -> None:
        """Let go of its places."""
        for agent in self._agents.values():
            agent.end()

    async def _every(self, verb: Callable[[str, Role], Awaitable[None]]) -> None:
        await asyncio.gather(*(verb(node, role) for node in NODES for role in Role))

    def _agent(self, place: Place) -> Agent:
        if place not in self._agents:
            self._agents[place] = Agent(self._enter(place))
        return self._agents[place]


async def never_in_this_process(_: Any) -> None:
    pytest.fail("a real cluster runs a program as processes of their own")


PROGRAM = Program(main=never_in_this_process, command=("node", "--machine", "web"))


Need = Callable[[str], Any]


def local(need: Need, folder: Path, common: Mapping[str, Any]) -> AbstractContextManager[World]:
    """Processes with a network namespace each."""
    need("network_namespaces")
    cluster = LocalCluster(network="namespaces", **common)
    lan: Any = cluster._lan
    return running(cluster, lambda place: (*lan.prefix(place), sys.executable), lan.address)


def loopback(need: Need, folder: Path, common: Mapping[str, Any]) -> AbstractContextManager[World]:
    """Processes that share the loopback, which has no links to tell apart."""
    cluster = LocalCluster(network="loopback", **common)
    return running(cluster, lambda place: (sys.executable,), lambda place: "127.0.0.1")


def hosts(need: Need, folder: Path, common: Mapping[str, Any]) -> AbstractContextManager[World]:
    """Hosts that are namespaces: what is the same on all hosts, without containers and SSH."""
    need("network_namespaces")
    cluster = HostsCluster(
        need("namespace_fleet")(NODES),
        folder=str(folder / "hosts"),
        command=(sys.executable, "-m", "dsm_jepsen"),
        **common,
    )
    return on_hosts(cluster, lambda host: (*host._enter, sys.executable))


def docker(need: Need, folder: Path, common: Mapping[str, Any]) -> AbstractContextManager[World]:
    """Containers."""
    fleet = DockerFleet(image=need("node_image"), nodes=NODES, disks=True, log=print)
    return on_hosts(HostsCluster(fleet, **common), lambda host: in_container(host.container))


def ssh(need: Need, folder: Path, common: Mapping[str, Any]) -> AbstractContextManager[World]:
    """Machines with an sshd, whose places are entered otherwise than by SSH: that is what is being tried."""
    from dsm_jepsen.cluster.ssh import COMMAND

    fleet, container_of = need("ssh_fleet")(NODES, common["store"])
    cluster = HostsCluster(fleet, command=COMMAND, **common)
    return on_hosts(cluster, lambda host: in_container(container_of(host.name)))


def in_container(container: str) -> Sequence[str]:
    return ("docker", "exec", "-i", container, "python3")


def on_hosts(cluster: HostsCluster, python: Callable[[Any], Sequence[str]]) -> AbstractContextManager[World]:
    return running(
        cluster,
        lambda place: python(cluster.hosts[place[0]]),
        lambda place: cluster.hosts[place[0]].address,
    )


@contextmanager
def running(
    cluster: Cluster, enter: Callable[[Place], Sequence[str]], address: Callable[[Place], str]
) -> Iterator[World]:
    """Start a cluster, and stop it at the end."""
    with asyncio.Runner() as runner:
        world = World(cluster, turn=runner.run, enter=enter, address=address)
        try:
            runner.run(cluster.start(PROGRAM))
            yield world
        finally:
            world.end()
            runner.run(cluster.stop())


WORLDS = {
    "local": (local, [pytest.mark.namespaces]),
    "loopback": (loopback, []),
    "hosts": (hosts, [pytest.mark.namespaces]),
    "docker": (docker, [pytest.mark.docker]),
    "ssh": (ssh, [pytest.mark.ssh, pytest.mark.docker]),
}
LACKS = {"loopback": Capability.CUT, "docker": Capability.POWER}
BINARIES = {"etcd": "etcd_binary", "zookeeper": "zookeeper"}


def worlds() -> Iterator[Any]:
    """All clusters with etcd, and of those that start it in different ways two with ZooKeeper."""
    for name, (_, marks) in WORLDS.items():
        yield pytest.param((name, "etcd"), id=name, marks=[*marks, pytest.mark.etcd])
    for name in ("local", "docker"):
        marks = [*WORLDS[name][1], pytest.mark.zookeeper, pytest.mark.slow]
        yield pytest.param((name, "zookeeper"), id=f"{name}-zookeeper", marks=marks)


@pytest.fixture(scope="module", params=worlds())
def started(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A cluster for all tests of a module. What it needs and is not there skips them, and fails in CI."""
    name, store = request.param
    if name in ("local", "loopback", "hosts"):
        request.getfixturevalue(BINARIES[store])
    folder = tmp_path_factory.mktemp(name)
    common = {"run_folder": folder / "run", "open_store": open_store, "store": store, "own_disks": True}
    make, _ = WORLDS[name]
    with make(request.getfixturevalue, folder, {**common, "nodes": NODES, "log": print}) as world:
        yield world


@pytest.fixture
def able(request: pytest.FixtureRequest, started: World) -> None:
    """See that the cluster can do what a test needs. Where not, the test is skipped; in CI it fails."""
    for capability in needs(request.node):
        if because := started.control.reasons().get(capability):
            if os.environ.get("CI") == "true":
                pytest.fail(f"CI must be able to {capability}: {because}")
            pytest.skip(because)


@pytest.fixture
def world(able: None, started: World) -> World:
    """A cluster with everything up and whole."""
    started.run(started.mend())
    started.run(started.up())
    return started


@pytest.fixture
def quiet(able: None, started: World) -> World:
    """A cluster whose links are whole, and nobody uses them."""
    started.run(started.quiet())
    started.run(started.mend())
    return started


def needs(item: Any) -> set[Capability]:
    """What of a cluster's capabilities a test needs; those with a quiet cluster try links."""
    links = {Capability.CUT, Capability.SLOW} if "quiet" in item.fixturenames else set()
    return links.union(*(mark.args for mark in item.iter_markers("needs")))


def pytest_configure(config: pytest.Config) -> None:
    """Name the marks of tests that not every cluster can do, or each store has to."""
    config.addinivalue_line("markers", "needs(capability): of the cluster")
    config.addinivalue_line("markers", "members: tried with every store")


def pytest_collection_modifyitems(config: pytest.Config, items: list[Any]) -> None:
    """Try links and disks where there are some, and what is no matter of the store with one store only."""

    def left_out(item: Any) -> bool:
        name, store = item.callspec.params["started"]
        other_store = store != "etcd" and item.get_closest_marker("members") is None
        return other_store or LACKS.get(name) in needs(item)

    dropped = [item for item in items if "started" in getattr(item, "fixturenames", ()) and left_out(item)]
    items[:] = [item for item in items if item not in dropped]
    config.hook.pytest_deselected(items=dropped)


def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Have a coroutine of a test run by its world."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    world: Any = pyfuncitem.funcargs["started"]
    world.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True
