"""The cluster of hosts: a real store and real node programs, as daemons on hosts reached by commands.

Needs on each host a shell, the store's programs, Python 3 with dsm-jepsen for the node program, and for
faults of links nftables and iproute2. The hosts come from a fleet, be they containers or machines over SSH.
A run has one folder on each host, ``/var/lib/dsm-jepsen/RUN/NODE``, and is removed at the end.
A host has one run at a time, since its ports are fixed.

For members' own disks they need e2fsprogs and the right to mount; a small file system at ``SMALL_DISK`` does
for full ones.

A host undoes faults by itself when it has not heard from the harness for a while, so that a harness that was
killed leaves no cut network behind. The daemons of a killed run are removed by the next run on that host.
"""

import asyncio
import logging
import os
import secrets
import shlex
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from dsm_jepsen.cluster._base import NODES, ClusterError
from dsm_jepsen.cluster._real import RealCluster
from dsm_jepsen.cluster.hosts.control import HostsControl
from dsm_jepsen.cluster.hosts.host import Fleet, Host, HostError
from dsm_jepsen.cluster.hosts.links import HostLinks, all_of
from dsm_jepsen.cluster.hosts.outpost import SILENCE_S, Outpost
from dsm_jepsen.cluster.hosts.stores import STORES, Found
from dsm_jepsen.cluster.local import clocks
from dsm_jepsen.cluster.members.etcd import why_unsound
from dsm_jepsen.cluster.skew import IMMUNE
from dsm_jepsen.env import Capability, Control, ProcessState, Program, RefusedError, Role, Store
from dsm_jepsen.env.real import HttpNetwork

FOLDER = "/var/lib/dsm-jepsen"
"""Where runs have their folders on a host."""

_SHARED = dict.fromkeys((Capability.POWER, Capability.SPACE), "its members share the hosts' disks")
_START_TIMEOUT_S = 30.0
_START_POLL_S = 0.1
_BEATS_PER_SILENCE = 5

_log = logging.getLogger(__name__)


class HostsCluster(RealCluster):
    """A store member and a node program on each host of a fleet.

    Args:
        fleet: where the hosts come from; opened by ``prepare`` or ``start``, closed by ``stop``.
        run_folder: where the logs go, as ``NODE/etcd.log`` (or ``NODE/zookeeper.log``) and ``NODE/node.log``.
        open_store: opens a connection to the store's member with this URL, such as ``etcd://127.0.0.1:2379``.
        store: the store's name, ``etcd`` or ``zookeeper``.
        nodes: the hosts' names: those that the fleet has.
        kill_stale: whether mending a cut ends the connections that crossed it.
        keep_data: whether the members' data are fetched, too, as ``NODE/data.tar.gz``.
        own_disks: whether each member gets a small disk of its own, whose power can be cut and which can be
            filled, where that can be had.
        silence_s: after how long without a word from the harness a host undoes faults by itself.
        command: what runs ``dsm-jepsen`` on a host; a program's own arguments are added to it.
        node_options: further arguments for every node program, after the cluster's own.
        users: whom members and programs run as, on hosts that have this user; elsewhere as root.
        folder: where runs have their folders on a host.
        log: takes a line about anything worth knowing, such as a process that ended on its own.

    Raises:
        RefusedError: no such store.
    """

    def __init__(
        self,
        fleet: Fleet,
        *,
        run_folder: Path,
        open_store: Callable[[str], Awaitable[Store]],
        store: str = "etcd",
        nodes: Sequence[str] = NODES,
        kill_stale: bool = True,
        keep_data: bool = False,
        own_disks: bool = False,
        silence_s: int = SILENCE_S,
        command: Sequence[str] = ("python3", "-m", "dsm_jepsen"),
        node_options: Sequence[str] = (),
        users: Mapping[Role, str] = {Role.STORE: "store", Role.NODE: "node"},
        folder: str = FOLDER,
        log: Callable[[str], None] = _log.warning,
    ) -> None:
        if store not in STORES:
            raise RefusedError(f"hosts cannot run {store!r}; they can run {', '.join(STORES)}")
        super().__init__(nodes, open_store=open_store, command=command, node_options=node_options)
        self._fleet = fleet
        self._store = STORES[store]()
        self._run_folder = run_folder
        self._keep_data = keep_data
        self._own_disks = own_disks
        self._silence_s = silence_s
        self._users = dict(users)
        self._folder = folder
        self._log = log
        self._run = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._open = False
        self._hosts: dict[str, Host] = {}
        self._outposts: dict[str, Outpost] = {}
        self._found: dict[str, Found] = {}
        self._running: set[tuple[str, Role]] = set()
        self._told: set[str] = set()
        self._links = HostLinks(self._store.ports, kill_stale=kill_stale)
        self._control = HostsControl(
            self._nodes,
            links=self._links,
            outposts=self._outposts,
            members=self._members,
            immune=IMMUNE.get(store),
        )
        self._control.cannot({} if own_disks else _SHARED)
        self._beating: list[asyncio.Task[None]] = []

    @property
    def name(self) -> str:
        """As the fleet calls itself."""
        return self._fleet.name

    @property
    def control(self) -> Control:
        """For nemeses."""
        return self._control

    @property
    def hosts(self) -> Mapping[str, Host]:
        """The hosts, from ``prepare`` to ``stop``."""
        return dict(self._hosts)

    def reasons(self) -> Mapping[Capability, str]:
        """Why capabilities are missing that are; known after ``prepare``."""
        return self._control.reasons()

    def versions(self) -> Mapping[str, str]:
        """What runs (the store's version is known after ``prepare``), the hosts, and how links are cut."""
        found = sorted({found.version for found in self._found.values()})
        etcds = found if self._store.name == "etcd" else []
        warnings = [warning for version in etcds if (warning := why_unsound(version))]
        return {
            **({self._store.name: ", ".join(found)} if found else {}),
            **({"etcd-warning": "; ".join(warnings)} if warnings else {}),
            **self._fleet.versions(),
            "network": self._links.about,
        }

    async def prepare(self) -> None:
        """Reach the hosts, remove what killed runs left there, and find out what they have and can do.

        ``start`` does it if nobody did before. It may be called in another event loop than ``start``, which
        has to be that of ``stop``.

        Raises:
            ClusterError: a host cannot be reached or failed; all that was made has been removed again.
            RefusedError: a host lacks what the store needs, or another run is on it.
        """
        if self._open:
            return
        self._open = True
        try:
            self._take(await self._fleet.open(self._run))
            await all_of(self._look_at(node) for node in self._nodes)
            of_links = await self._links.open(self._outposts)
            self._control.cannot({**of_links, **await self._try_clocks(), **await self._try_disks()})
        except BaseException:
            await self.stop()
            raise

    async def start(self, program: Program | None) -> None:
        """Start the store, and the program beside each member.

        Returns when every member of the store commits and every program listens.

        Raises:
            ClusterError: something did not come up; its logs were collected, and all has been removed again.
            RefusedError: see ``prepare``.
        """
        if self._network is not None:
            raise ClusterError(f"the {self.name} cluster is already started: stop it first")
        await self.prepare()
        try:
            await self._start(program)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End all daemons, fetch the logs and remove all from the hosts; harmless when half was started.

        A host that does not answer any more is told of in the log: the others' logs are worth having.
        """
        for task in self._beating:
            task.cancel()
        await asyncio.gather(*self._beating, return_exceptions=True)
        self._beating.clear()
        try:
            await asyncio.gather(*(self._clear(node) for node in self._outposts))
            for member in self._members.values():
                await member.close()
            if self._network is not None:
                await self._network.close()
        finally:
            self._network = None
            for table in (self._outposts, self._members, self._found, self._hosts):
                table.clear()
            self._running.clear()
            if self._open:
                self._open = False
                await self._fleet.close()

    def _take(self, hosts: Mapping[str, Host]) -> None:
        if tuple(hosts) != self._nodes:
            raise ClusterError(
                f"the fleet has the hosts {', '.join(hosts)}; expected {', '.join(self._nodes)}"
            )
        self._hosts.update(hosts)
        for node, host in hosts.items():
            folder = f"{self._folder}/{self._run}/{node}"
            self._outposts[node] = Outpost(host, folder, silence_s=self._silence_s)

    async def _look_at(self, node: str) -> None:
        outpost = self._outposts[node]
        for run in await outpost.make():
            self._log(f"{node}: removed what the killed run {run} had left")
        await outpost.watch()  # before anything is tried that it would have to undo
        self._found[node] = await self._store.find(outpost)

    async def _try_clocks(self) -> Mapping[Capability, str]:
        library = clocks.built()
        said = await all_of(outpost.find_library(library) for outpost in self._outposts.values())
        why = next(filter(None, said), None)
        return {} if why is None else {Capability.CLOCK: why}

    async def _try_disks(self) -> Mapping[Capability, str]:
        if not self._own_disks:
            return _SHARED
        said = await all_of(outpost.own_disk() for outpost in self._outposts.values())
        return {capability: why for lacks in said for capability, why in lacks.items()}

    async def _start(self, program: Program | None) -> None:
        listening = () if program is None else self._nodes
        self._network = HttpNetwork(
            {node: self._hosts[node].reach(self._store.ports.node) for node in listening}
        )
        self._beating += [asyncio.create_task(self._beat(node)) for node in self._nodes]
        await all_of(self._start_member(node) for node in self._nodes)
        await self._wait_up(Role.STORE, lambda node: self._members[node].ready())
        if self._own_disks:
            await all_of(outpost.settle() for outpost in self._outposts.values())
        if program is None:
            return
        await all_of(self._start_program(program, node) for node in self._nodes)
        await self._wait_up(Role.NODE, self._listens)

    async def _start_member(self, node: str) -> None:
        outpost, user = self._outposts[node], self._users.get(Role.STORE, "root")
        self._members[node] = await self._store.member(
            node, outpost, self._found[node], hosts=self._hosts, run=self._run
        )
        name = shlex.quote(user)
        await outpost.sh(
            "making the data folder",
            # Whatever mask the host has: members and programs are no root, and must get to their files.
            f"cd {shlex.quote(outpost.folder)} && chmod 755 . .. ../.. || exit\n"
            "mkdir -p data && chmod 700 data || exit\n"
            f"if id {name} >/dev/null 2>&1; then chown -R {name} data/; fi",
        )
        await outpost.daemon(
            Role.STORE,
            self._members[node].argv,
            user=user,
            title=self._store.name,
            skewable=self._store.name not in IMMUNE,
        )
        self._running.add((node, Role.STORE))

    async def _start_program(self, program: Program, node: str) -> None:
        address, ports = self._hosts[node].address, self._store.ports
        argv = self._node_argv(
            program,
            node,
            store_url=f"{self._store.name}://{address}:{ports.clients}",
            listen=f"{address}:{ports.node}",
        )
        user = self._users.get(Role.NODE, "root")
        await self._outposts[node].daemon(Role.NODE, argv, user=user, title="the node program", skewable=True)
        self._running.add((node, Role.NODE))

    async def _wait_up(self, role: Role, up: Callable[[str], Awaitable[bool]]) -> None:
        waiting = self._nodes
        try:
            async with asyncio.timeout(_START_TIMEOUT_S):
                while waiting:
                    answers = await asyncio.gather(*map(up, waiting))
                    waiting = tuple(node for node, yes in zip(waiting, answers, strict=True) if not yes)
                    if waiting:
                        await all_of(self._see_alive(node, role) for node in waiting)
                        await asyncio.sleep(_START_POLL_S)
        except TimeoutError:
            words = await self._outposts[waiting[0]].last_words(role)
            raise ClusterError(
                f"not up within {_START_TIMEOUT_S:g} s: the {role} of {', '.join(waiting)}. "
                f"The last words of {waiting[0]}'s:\n{words}"
            ) from None

    async def _see_alive(self, node: str, role: Role) -> None:
        if await self._outposts[node].state(role) is ProcessState.DEAD:
            words = await self._outposts[node].last_words(role)
            raise ClusterError(f"{node}'s {role} ended at its start. Its last words:\n{words}")

    async def _listens(self, node: str) -> bool:
        """Whether the program listens: asked on its host, since a published port is open in any case."""
        listening = f" [0-9A-F]*:{self._store.ports.node:04X} [0-9A-F]*:0000 0A "
        said = await self._outposts[node].sh(
            "looking whether the node program listens", f"grep '{listening}' /proc/net/tcp", allowed=(0, 1)
        )
        return said.code == 0

    async def _beat(self, node: str) -> None:
        """Let a host know for ever that the harness lives."""
        while True:
            await self._beat_once(node)
            await asyncio.sleep(self._silence_s / _BEATS_PER_SILENCE)

    async def _beat_once(self, node: str) -> None:
        """Let a host know that the harness lives, and hear what its daemons do."""
        verbs, running = self._control.verbs, [role for role in Role if (node, role) in self._running]
        try:
            said = dict(await self._outposts[node].beat())
        except HostError as error:
            self._tell_once(str(error))
            return
        if since := said.pop("undone", None):
            self._control.undone(node, since)
        # What was said may be of the moment between a kill and a restart.
        if verbs == self._control.verbs:
            self._tell_of_ends(node, [role for role in running if said[role] == ProcessState.DEAD])

    def _tell_of_ends(self, node: str, dead: Sequence[Role]) -> None:
        for role in dead:
            if not self._control.still(node, role):
                self._tell_once(f"{node}'s {role} ended on its own; its log tells more")

    def _tell_once(self, line: str) -> None:
        if line not in self._told:
            self._told.add(line)
            self._log(line)

    async def _clear(self, node: str) -> None:
        outpost = self._outposts[node]
        logs = {f"{Role.STORE}.log": f"{self._store.name}.log", f"{Role.NODE}.log": "node.log"}
        try:
            await outpost.finish()
            if self._running:
                await outpost.collect(self._run_folder / node, logs=logs, data=self._keep_data)
        except HostError as error:
            self._log(str(error))
        try:
            await outpost.remove()
        except HostError as error:
            self._log(str(error))


@contextmanager
def prepared(cluster: HostsCluster) -> Iterator[HostsCluster]:
    """Prepare a cluster for code that is not asynchronous itself, and let go of it at the end.

    Between, an event loop may start it, and stop it itself.

    Raises:
        ClusterError, RefusedError: see ``HostsCluster.prepare``.
    """
    asyncio.run(cluster.prepare())
    try:
        yield cluster
    finally:
        asyncio.run(cluster.stop())
