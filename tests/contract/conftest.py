"""Worlds: what the contract of a store is tried on. One text, run on virtual or on real time.

``--world simulated`` (the default, a model of etcd), ``--world simulated-zookeeper``, ``--world etcd-aetcd``,
``--world etcd-etcd3``, ``--world zookeeper`` or, for one server alone, ``--world zookeeper-single``. A test
is an ``async def`` that takes the fixture ``world``; the world runs it on its own kind of loop. With
``--lie watch-gaps``, say, a simulated store breaks that promise, and some test must fail.

A world says where stores may differ: how many changes of a key a reader may be behind (``keeps``), whether
a member without a leader stops serving (``closes``), whether a leader that has not yet noticed that it is
alone answers reads (``trusting``), and how calls end without a quorum (``ALONE``). Tests marked ``ensemble``
need members that go on when one is gone.
"""

import asyncio
import functools
import inspect
import itertools
import os
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from kazoo.client import KazooClient

from dsm_jepsen.cluster._base import NODES, Cluster
from dsm_jepsen.cluster.local import LocalCluster
from dsm_jepsen.cluster.sim import LIES, SimCluster
from dsm_jepsen.dsm.stores import open_store
from dsm_jepsen.dsm.stores.ring import SIZE
from dsm_jepsen.dsm.stores.zookeeper_paths import ROOT
from dsm_jepsen.env import PLAIN, Capability, OutcomeError, RefusedError, Role, Store

QUORUM = ("n3", "n4", "n5")
"""Members without which the others are a minority."""

RING_SIZE = 1024
"""Changes that a ring keeps; slow readers of this suite are some hundreds behind."""

WORLDS = (
    "simulated",
    "simulated-zookeeper",
    "etcd-aetcd",
    "etcd-etcd3",
    "zookeeper",
    "zookeeper-single",
)

ALONE: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "simulated": (frozenset({"timeout"}), frozenset()),
    # A member that closes breaks its connections, and with them what was under way.
    "simulated-zookeeper": (frozenset({"timeout", "connection-reset"}), frozenset()),
    "etcd": (frozenset({"timeout"}), frozenset()),
    # Its adapter reads before it writes: what fails while it reads, or before, is never sent.
    "zookeeper": (frozenset({"timeout", "connection-loss"}), frozenset({"connection-loss", "not-connected"})),
}
"""Kinds of errors by world: those of unknown outcome, and those that say that nothing was done."""

Story = Coroutine[Any, Any, None]


class World:
    """Members of a store, mostly five, counted from 0, and hands to break them."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        alone: str,
        turn: Callable[[Story], None],
        forget: Callable[[int], Awaitable[None]],
    ) -> None:
        self._cluster = cluster
        self.leaves_open, self.refuses = ALONE[alone]
        self._turn = turn
        self._forget = forget
        self._open: list[Store] = []
        self.compacted = False
        self.closes = False
        self.trusting = False
        self.keeps = RING_SIZE

    def run(self, story: Story) -> None:
        """Run a test to its end and close its connections."""
        self._turn(self._whole(story))

    async def start(self) -> None:
        """Start all members; returns when there is a quorum."""
        await self._cluster.start(None)
        self.compacted = False

    async def stop(self) -> None:
        """End all members."""
        await self._cluster.stop()

    async def connect(self, member: int = 0) -> Store:
        """Connect to a member, with time-outs of two seconds."""
        nodes = self._cluster.nodes
        store = await self._cluster.site(nodes[member % len(nodes)]).open_store()
        self._open.append(store)
        return store

    async def stop_quorum(self) -> None:
        """Freeze members 2, 3 and 4; 0 and 1 go on. A single one is frozen itself."""
        for node in QUORUM if len(self._cluster.nodes) > 1 else self._cluster.nodes:
            await self._cluster.control.pause(node, Role.STORE)

    async def restore(self) -> None:
        """Let frozen members go on and start dead ones; returns when all answer."""
        for node in self._cluster.nodes:
            await self._cluster.control.resume(node, Role.STORE)
            await self._cluster.control.restart(node, Role.STORE)
        for member in range(len(self._cluster.nodes)):
            async with await self.connect(member) as store, asyncio.timeout(30):
                while not await _answers(store):
                    await asyncio.sleep(0.05)

    async def kill_member(self, member: int) -> None:
        """End a member at once."""
        await self._cluster.control.kill(self._cluster.nodes[member], Role.STORE)

    async def end_all(self) -> None:
        """End all members at once: they lose power where the world has that, else they are killed."""
        control = self._cluster.control
        powered = Capability.POWER in control.capabilities()
        for node in self._cluster.nodes:
            await (control.cut_power(node) if powered else control.kill(node, Role.STORE))

    async def freeze_member(self, member: int) -> None:
        """Stop a member without ending it."""
        await self._cluster.control.pause(self._cluster.nodes[member], Role.STORE)

    async def compact(self, position: int) -> None:
        """Forget all changes before this position."""
        await self._forget(position)
        self.compacted = True

    async def _whole(self, story: Story) -> None:
        try:
            async with asyncio.timeout(60):
                await story
        finally:
            while self._open:
                await self._open.pop().close()


async def _answers(store: Store) -> bool:
    try:
        await store.get("/ready")
    except OutcomeError:
        return False
    return True


@contextmanager
def simulated(store: str, lie: str | None, seed: str) -> Iterator[World]:
    """Give a simulated world, whose store may break one of its promises."""
    with SimCluster(seed=seed, lie=lie, store=store, ring_size=RING_SIZE) as cluster:
        alone = "simulated" if store == "etcd" else "simulated-zookeeper"
        world = World(cluster, alone=alone, turn=cluster.run, forget=cluster.compact)
        world.closes = store == "zookeeper"
        world.run(world.start())
        yield world


@contextmanager
def etcd(client: str, run_folder: Path) -> Iterator[World]:
    """Give a world of real etcd; where it must be installed, its absence is a failure."""
    urls: list[str] = []

    async def connect(url: str) -> Store:
        urls.append(url)
        return await open_store(url, client=client, timeout_ms=2000)

    async def forget(position: int) -> None:
        url = f"{urls[-1].replace('etcd:', 'http:')}/v3/kv/compaction"
        async with aiohttp.ClientSession() as http, http.post(url, json={"revision": position}) as response:
            assert response.status == 200, await response.text()

    with asyncio.Runner() as runner:
        cluster = local(run_folder=run_folder, open_store=connect)
        yield from _running(World(cluster, alone="etcd", turn=runner.run, forget=forget))


@contextmanager
def zookeeper(nodes: Sequence[str], run_folder: Path) -> Iterator[World]:
    """Give a world of real ZooKeeper; where it must be installed, its absence is a failure."""
    urls: list[str] = []

    async def connect(url: str) -> Store:
        urls.append(url)
        return await open_store(url, timeout_ms=2000)

    async def forget(position: int) -> None:
        await asyncio.to_thread(_forget_slots, urls[-1].removeprefix("zookeeper://"), position)

    with asyncio.Runner() as runner:
        cluster = local(run_folder=run_folder, open_store=connect, store="zookeeper", nodes=nodes)
        world = World(cluster, alone="zookeeper", turn=runner.run, forget=forget)
        world.closes = world.trusting = True
        world.keeps = SIZE
        yield from _running(world)


def _forget_slots(hosts: str, position: int) -> None:
    """Do away with old slots of all logs: ZooKeeper overwrites them when as many are newer."""
    client = KazooClient(hosts=hosts)
    client.start()
    try:
        for key in client.get_children(ROOT):
            # What is below folders is no slot.
            for slot in client.get_children(f"{ROOT}/{key}") if key.startswith("k") else ():
                path = f"{ROOT}/{key}/{slot}"
                if client.get(path)[1].mzxid < position:
                    client.delete(path)
    finally:
        client.stop()
        client.close()


def local(**options: Any) -> LocalCluster:
    """A local cluster, or a skipped test; where there must be one, its absence is a failure."""
    try:
        return LocalCluster(**options)
    except RefusedError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))


def _running(world: World) -> Iterator[World]:
    try:
        world.run(world.start())
        yield world
    finally:
        world.run(world.stop())


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--world``."""
    parser.addoption("--world", default=WORLDS[0], choices=WORLDS, help="the store to try the contract on")
    parser.addoption("--lie", choices=LIES, help="the promise that the simulated store breaks")


def pytest_configure(config: pytest.Config) -> None:
    """Name the mark of tests that need several members."""
    config.addinivalue_line("markers", "ensemble: needs members that go on when another is gone")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what a single server cannot do."""
    if config.getoption("--world", WORLDS[0]) == "zookeeper-single":
        dropped = [item for item in items if item.get_closest_marker("ensemble")]
        items[:] = [item for item in items if item not in dropped]
        config.hook.pytest_deselected(items=dropped)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Have a coroutine of a test run by its world."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    world: Any = pyfuncitem.funcargs["world"]
    world.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


Worlds = Callable[[str], AbstractContextManager[World]]


@pytest.fixture(scope="session")
def worlds(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    """Give worlds with all members up: a new one for each seed, or real etcd again and again."""
    # The options are unknown where pytest was started above this folder.
    name = str(request.config.getoption("--world", "simulated"))
    if name.startswith("simulated"):
        store = name.removeprefix("simulated").removeprefix("-") or "etcd"
        yield functools.partial(simulated, store, request.config.getoption("--lie", None))
        return

    with ExitStack() as stack:

        @functools.cache
        def shared() -> World:
            folder = tmp_path_factory.mktemp("run")
            if name.startswith("zookeeper"):
                return stack.enter_context(zookeeper(NODES[:1] if name == WORLDS[-1] else NODES, folder))
            return stack.enter_context(etcd(name.removeprefix("etcd-"), folder))

        @contextmanager
        def again(_seed: str) -> Iterator[World]:
            world = shared()
            yield world
            if world.compacted:  # this cannot be undone
                world.run(world.stop())
                world.run(world.start())
            else:
                world.run(world.restore())

        yield again


@pytest.fixture
def world(request: pytest.FixtureRequest, worlds: Worlds) -> Iterator[World]:
    """A store with all its members up."""
    with worlds(request.node.name) as world:
        yield world


_numbers = itertools.count()


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    """A key that no other test uses."""
    return f"/{next(_numbers)}/{request.node.name}"


@pytest.fixture(params=["logged", "plain"])
def key_of_both_kinds(request: pytest.FixtureRequest, key: str) -> str:
    """A key that no other test uses: once one with a log, once a plain one."""
    return key if request.param == "logged" else f"{key}/{PLAIN}x"


@pytest.fixture
def eventually() -> Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]:
    """Wait until something holds, for at most twenty seconds."""

    async def wait(holds: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(20):
            while not await holds():
                await asyncio.sleep(0.05)

    return wait
