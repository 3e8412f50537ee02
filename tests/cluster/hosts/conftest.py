"""Clusters and bare hosts on network namespaces, and connections between them."""

import asyncio
import itertools
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from dsm_jepsen.cluster._base import NODES
from dsm_jepsen.cluster.hosts import HostsCluster
from dsm_jepsen.cluster.hosts.links import HostLinks, all_of
from dsm_jepsen.cluster.hosts.outpost import Outpost
from dsm_jepsen.cluster.hosts.rules import Ports
from dsm_jepsen.cluster.local.relay import socket_in
from dsm_jepsen.env import Program, Store

RUNS = itertools.count(0x5000)
CONNECT_TIMEOUT_S = 0.5


async def no_store(url: str) -> Store:
    raise LookupError(url)


async def never_in_this_process(_: Any) -> None:
    pytest.fail("a cluster of hosts runs a program on the hosts")


@pytest.fixture
def program() -> Program:
    """The nodes' own, as each host would run it."""
    return Program(main=never_in_this_process, command=("node", "--machine", "web"))


Make = Callable[..., HostsCluster]


@pytest.fixture
def make(network_namespaces: None, namespace_fleet: Callable[..., Any], tmp_path: Path) -> Make:
    """Makes clusters of namespaces; a test fails on a log line that it does not expect."""

    def cluster(
        nodes: Sequence[str] = NODES, *, log: Callable[[str], None] = pytest.fail, **options: Any
    ) -> HostsCluster:
        return HostsCluster(
            namespace_fleet(nodes),
            run_folder=tmp_path / "run",
            open_store=no_store,
            nodes=nodes,
            folder=str(tmp_path / "hosts"),
            command=(sys.executable, "-m", "dsm_jepsen"),
            log=log,
            **options,
        )

    return cluster


class Net:
    """Hosts without any daemons, the links between them, and connections to try these with."""

    def __init__(self, fleet: Any, outposts: Mapping[str, Outpost], links: HostLinks) -> None:
        self.fleet = fleet
        self.outposts = outposts
        self.links = links

    def dial(self, source: str, target: str, port: int) -> tuple[socket.socket, socket.socket]:
        """The two ends of a new connection; raises TimeoutError if it cannot be made."""
        with ExitStack() as undo:
            server = undo.enter_context(self._bound(target, port))
            server.listen()
            one = undo.enter_context(self._bound(source, 0))
            one.settimeout(CONNECT_TIMEOUT_S)
            one.connect(server.getsockname())
            other, _ = server.accept()
            undo.pop_all()
            server.close()
            return one, other

    def _bound(self, host: str, port: int) -> socket.socket:
        def make() -> socket.socket:
            made = socket.socket()
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind((self.fleet.hosts[host].address, port))
            return made

        return socket_in(self.fleet.namespace(host), make)


@pytest.fixture
def new_run() -> Callable[[], str]:
    """Names runs of this process."""
    return lambda: f"{os.getpid()}-{next(RUNS):x}"


OnHosts = Callable[[Net], Awaitable[None]]


@pytest.fixture
def on_hosts(
    network_namespaces: None, namespace_fleet: Callable[..., Any], tmp_path: Path, new_run: Callable[[], str]
) -> Callable[..., None]:
    """Lets a story happen on three hosts that were tried and can do everything."""

    async def happen(story: OnHosts, kill_stale: bool, silence_s: int) -> None:
        run, fleet = new_run(), namespace_fleet(["n1", "n2", "n3"])
        links = HostLinks(Ports(clients=2379, peers=(2380,)), kill_stale=kill_stale)
        try:
            outposts = {
                name: Outpost(host, str(tmp_path / run / name), silence_s=silence_s)
                for name, host in (await fleet.open(run)).items()
            }
            try:
                await all_of(outpost.make() for outpost in outposts.values())
                assert await links.open(outposts) == {}
                await story(Net(fleet, outposts, links))
            finally:
                await all_of(outpost.remove() for outpost in outposts.values())
        finally:
            await fleet.close()

    return lambda story, *, kill_stale=True, silence_s=60: asyncio.run(happen(story, kill_stale, silence_s))
