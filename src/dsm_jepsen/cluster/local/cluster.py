"""The local cluster: a real store and real node programs, all as processes on this machine.

Needs Linux and the store's programs. Costs some 30 MB of memory per etcd member, 70 per ZooKeeper server. All
hosts share one clock. With the rights of root, if only of a user namespace (see ``rootless``), every process
has a network of its own, whose links can be cut (see ``namespaces``); without, all share the loopback. The
stores' data lie in the folder for temporary files: if that is in memory, syncing to disk costs nothing;
``TMPDIR`` names another.
"""

import asyncio
import functools
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from dsm_jepsen.cluster._base import NODES, ClusterError
from dsm_jepsen.cluster._real import RealCluster
from dsm_jepsen.cluster.local.clocks import Clocks
from dsm_jepsen.cluster.local.control import LocalControl
from dsm_jepsen.cluster.local.disks import Disks
from dsm_jepsen.cluster.local.etcd import Etcd
from dsm_jepsen.cluster.local.leftovers import RunFolder, clean_leftovers
from dsm_jepsen.cluster.local.networks import choose_lan
from dsm_jepsen.cluster.local.processes import Process, end
from dsm_jepsen.cluster.local.zookeeper import ZooKeeper
from dsm_jepsen.cluster.skew import IMMUNE
from dsm_jepsen.env import Control, Program, RefusedError, Role, Store
from dsm_jepsen.env.real import HttpNetwork

if TYPE_CHECKING:
    from dsm_jepsen.cluster.local.members import Kind

_START_TIMEOUT_S = 20.0
_START_POLL_S = 0.05
# Members get none: their data are thrown away, and a leader would wait for followers that are going, too.
_STOP_GRACE_S = {Role.NODE: 3.0, Role.STORE: 0.0}

_log = logging.getLogger(__name__)


class LocalCluster(RealCluster):
    """Five store members and five node processes.

    Args:
        run_folder: where the logs go, as ``NODE/etcd.log`` (or ``NODE/zookeeper.log``) and ``NODE/node.log``.
        open_store: opens a connection to the store's member with this URL, such as ``etcd://127.0.0.1:2379``.
        store: the store's name, ``etcd`` or ``zookeeper``.
        zookeeper_home: the folder of an unpacked release of ZooKeeper; ``None``: Debian's package.
        nodes: the hosts' names.
        network: one of ``NETWORKS``; ``auto`` is namespaces if they can be had, else the loopback.
        kill_stale: whether mending a cut ends the connections that crossed it, so that the members find each
            other again in a moment rather than in up to half a minute.
        own_disks: whether each member gets a small disk of its own, whose power can be cut and which can be
            filled, where that can be had.
        command: what runs ``dsm-jepsen``; a program's own arguments are added to it.
        node_options: further arguments for every node program, after the cluster's own.
        log: takes a line about anything worth knowing, such as a process that ended on its own.

    Raises:
        RefusedError: this machine cannot run it; the message says what to install.
    """

    def __init__(
        self,
        *,
        run_folder: Path,
        open_store: Callable[[str], Awaitable[Store]],
        store: str = "etcd",
        zookeeper_home: Path | None = None,
        nodes: Sequence[str] = NODES,
        network: str = "auto",
        kill_stale: bool = True,
        own_disks: bool = False,
        command: Sequence[str] = (sys.executable, "-m", "dsm_jepsen"),
        node_options: Sequence[str] = (),
        log: Callable[[str], None] = _log.warning,
    ) -> None:
        if not Path("/proc/self/stat").exists():
            raise RefusedError("the local cluster needs Linux, where /proc tells processes apart")
        stores: dict[str, Callable[[], Kind]] = {
            "etcd": Etcd,
            "zookeeper": functools.partial(ZooKeeper, home=zookeeper_home),
        }
        if store not in stores:
            raise RefusedError(f"the local cluster cannot run {store!r}; it can run {', '.join(stores)}")
        super().__init__(nodes, open_store=open_store, command=command, node_options=node_options)
        self._store = stores[store]()
        self._run_folder = run_folder
        self._log = log
        self._processes: dict[tuple[str, Role], Process] = {}
        self._lan = choose_lan(network, self._nodes, kill_stale=kill_stale)
        self._clocks = Clocks(IMMUNE.get(store))
        self._disks = Disks(own=own_disks)
        self._control = LocalControl(
            self._nodes,
            lan=self._lan,
            clocks=self._clocks,
            disks=self._disks,
            processes=self._processes,
            members=self._members,
        )
        self._undo = AsyncExitStack()

    @property
    def name(self) -> str:
        """For reports."""
        return "local"

    @property
    def control(self) -> Control:
        """For nemeses."""
        return self._control

    def versions(self) -> Mapping[str, str]:
        """The store's version and binary."""
        return {**self._store.versions(), "network": self._lan.about}

    async def start(self, program: Program | None) -> None:
        """Start the store, and the program beside each member; remove first what killed runs left.

        Returns when every member of the store commits and every program listens.

        Raises:
            ClusterError: something did not come up; all that was started has been stopped again.
            RefusedError: the folder for temporary files is not safe to use.
        """
        if self._network is not None:
            raise ClusterError("the local cluster is already started: stop it first")
        clean_leftovers(self._log)
        try:
            await self._start(program)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End all processes and remove the stores' data; harmless when nothing or half was started."""
        try:
            await self._undo.aclose()
        finally:
            self._processes.clear()
            self._members.clear()
            self._disks.clear()
            self._clocks.clear()
            self._network = None

    async def _start(self, program: Program | None) -> None:
        folder = RunFolder()
        self._undo.callback(folder.remove)
        self._undo.callback(self._lan.close)
        self._lan.open(folder.run)
        self._members.update(
            self._store.members(
                self._nodes, data=folder.data, reserve=lambda node: self._lan.reserve((node, Role.STORE))
            )
        )
        for member in self._members.values():
            self._undo.push_async_callback(member.close)
        listening = () if program is None else self._nodes
        addresses = {node: self._lan.reserve((node, Role.NODE)) for node in listening}
        self._network = HttpNetwork(addresses)
        self._undo.push_async_callback(self._network.close)

        members = self._add(
            Role.STORE,
            folder,
            name=self._store.name,
            argv={
                node: (*self._disks.place(node, folder.data / node), *member.argv)
                for node, member in self._members.items()
            },
            env=self._store.environment(),
        )
        for node, process in members.items():
            process.start()
            await _wait_up({node: process}, lambda node: self._members[node].joined())
        await _wait_up(members, lambda node: self._members[node].ready())
        self._disks.settle(members)
        if program is None:
            return
        programs = self._add(
            Role.NODE,
            folder,
            name="node",
            argv={
                node: self._node_argv(
                    program, node, store_url=self._members[node].url, listen=addresses[node]
                )
                for node in self._nodes
            },
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        for process in programs.values():
            process.start()
        await _wait_up(programs, lambda node: _accepts(addresses[node]))

    def _add(
        self,
        role: Role,
        folder: RunFolder,
        *,
        name: str,
        argv: Mapping[str, Sequence[str]],
        env: Mapping[str, str],
    ) -> Mapping[str, Process]:
        """Make one process for each host, not yet started; ``stop`` will end them."""
        processes = {}
        for node in self._nodes:
            logs = self._run_folder / node
            logs.mkdir(parents=True, exist_ok=True)
            processes[node] = self._processes[node, role] = Process(
                title=f"{node} {name}",
                argv=(*self._lan.prefix((node, role)), *argv[node]),
                env={**env, **self._clocks.place((node, role), folder.data.parent)},
                log=logs / f"{name}.log",
                started=folder.note,
                exited=self._log,
            )
        self._undo.push_async_callback(end, processes.values(), grace_s=_STOP_GRACE_S[role])
        return processes


async def _wait_up(processes: Mapping[str, Process], up: Callable[[str], Awaitable[bool]]) -> None:
    waiting = dict(processes)
    try:
        async with asyncio.timeout(_START_TIMEOUT_S):
            while waiting:
                for process in waiting.values():
                    if not process.running:
                        raise ClusterError(process.end_at_start())
                answers = await asyncio.gather(*(up(node) for node in waiting))
                waiting = {
                    node: process
                    for (node, process), answer in zip(waiting.items(), answers, strict=True)
                    if not answer
                }
                await asyncio.sleep(_START_POLL_S if waiting else 0)
    except TimeoutError:
        titles = ", ".join(process.title for process in waiting.values())
        first = next(iter(waiting.values()))
        raise ClusterError(
            f"not up within {_START_TIMEOUT_S:g} s: {titles}. The last words of {first.title}:\n"
            + first.last_words()
        ) from None


async def _accepts(address: str) -> bool:
    """Whether somebody listens at an address."""
    host, _, port = address.rpartition(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True
