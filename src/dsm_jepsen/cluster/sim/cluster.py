"""The simulated cluster: five hosts in virtual time, where one seed gives one history.

    with SimCluster(seed=1) as cluster:
        cluster.run(main())

A host has a member of the simulated store and, once ``start`` was given a program, a node: two
processes that are killed, paused and cut off each by itself. Clients are at a place of their own,
``ctl``, that no fault touches.
"""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Self, TypeVar

from dsm_jepsen import __version__
from dsm_jepsen.cluster._base import NODES, ClusterError
from dsm_jepsen.cluster.sim.connection import SimConnection
from dsm_jepsen.cluster.sim.control import SimControl
from dsm_jepsen.cluster.sim.council import ELECTION_MAX_US
from dsm_jepsen.cluster.sim.lies import LIES
from dsm_jepsen.cluster.sim.links import Links
from dsm_jepsen.cluster.sim.loop import BUDGET, SimLoop
from dsm_jepsen.cluster.sim.network import SimNetwork, Wires
from dsm_jepsen.cluster.sim.nodes import Nodes, SimClock
from dsm_jepsen.cluster.sim.process import Process
from dsm_jepsen.cluster.sim.promises import ETCD, RING_SIZE, zookeeper
from dsm_jepsen.cluster.sim.store import SimStore
from dsm_jepsen.env import Program, Rng, Site, Store

T = TypeVar("T")

STORES = ("etcd", "zookeeper")
"""Stores that there is a model of; the first is the default."""


class SimCluster:
    """A cluster in virtual time; see ``cluster.Cluster``.

    Attributes:
        loop: the event loop; ``loop.now_us`` is virtual time.
        logs: what each host's node logged, line by line with virtual time; ``ctl`` has the harness' own.

    Args:
        seed: decides everything that the store, the network and the faults leave open.
        nodes: the names of the hosts.
        store: whose promises the store keeps, a name from ``STORES``.
        ring_size: changes of each key that a simulated ZooKeeper keeps for watches, a power of two.
        lie: the axiom that the store breaks, a name from ``LIES``; ``None`` for an honest store.
        budget: callbacks after which the simulation is given up.
    """

    name = "simulated"

    def __init__(
        self,
        *,
        seed: int | str,
        nodes: Sequence[str] = NODES,
        store: str = STORES[0],
        ring_size: int = RING_SIZE,
        lie: str | None = None,
        budget: int = BUDGET,
    ) -> None:
        if lie is not None and lie not in LIES:
            raise ValueError(f"the store knows no lie {lie!r}; it knows {', '.join(LIES)}")
        if store not in STORES:
            raise ValueError(f"there is no model of a store {store!r}; there are {', '.join(STORES)}")
        promises = ETCD if store == "etcd" else zookeeper(ring_size)
        rng = Rng(seed)
        make_store = SimStore if lie is None else LIES[lie].store
        self.nodes = tuple(nodes)
        self._modelled = store
        self.loop = SimLoop(budget=budget)
        self.clock = SimClock(self.loop)
        self._links = Links(rng.fork("links"))
        self._store = make_store(self.loop, self._links, rng.fork("store"), self.nodes, promises)
        self._wires = Wires(self.loop, self._links)
        self._nodes = Nodes(self._wires, self.nodes, rng.fork("node"), self.connect)
        self.logs = self._nodes.logs
        self.control = SimControl(self._links, self._store, self._nodes)

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run the cluster until a coroutine, which belongs to no host, has ended; returns its result.

        Raises:
            SimulationError: a deadlock, or the budget is spent.
        """
        return self.loop.run(main)

    def site(self, node: str) -> Site:
        """What a client bound to this node can reach; it is at ``ctl``, whose links are never cut."""
        if node not in self.nodes:
            raise ValueError(f"there is no host {node!r}; the hosts are {', '.join(self.nodes)}")
        clients = self.loop.harness

        async def open_store() -> Store:
            return self.connect(clients, node)

        network = SimNetwork(self._wires, clients)
        return Site(node=node, clock=self.clock, network=network, open_store=open_store)

    def connect(self, client: Process, node: str) -> SimConnection:
        """Connect a process to a host's member of the store."""
        return SimConnection(self._store, client, self._store.members[node])

    async def start(self, program: Program | None) -> None:
        """Have the store elect a leader, then start the program on every host.

        Raises:
            ClusterError: there is no leader within the time that an election may take.
        """
        self._store.review()
        await asyncio.sleep(ELECTION_MAX_US / 1_000_000)
        if self._store.leader is None:
            raise ClusterError("the simulated store has no leader; start the cluster before any fault")
        if program is not None:
            self._nodes.program = program
            for node in self.nodes:
                self._nodes.restart(node)

    async def stop(self) -> None:
        """End all processes; harmless when nothing was started."""
        for node in self.nodes:
            self._nodes.kill(node)
            self._store.kill(node)

    async def compact(self, position: int) -> None:
        """Have the store forget changes before a position: watches that ask for them are told so.

        Raises:
            ValueError: the store has no such position yet.
        """
        self._store.compact(position)

    def versions(self) -> Mapping[str, str]:
        """What it runs, component to version."""
        return {"simulated cluster": __version__, "modelled store": self._modelled}

    def close(self) -> None:
        """Dispose of everything that still waits."""
        self.loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
