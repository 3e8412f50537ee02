"""Where nemeses are tried: clusters that run the ensemble, with a look at what works on each host.

A test is an ``async def`` that takes a ward; the ward's cluster runs it on its own kind of loop.
"""

import asyncio
import functools
import inspect
import os
from collections.abc import Callable, Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from dsm_jepsen.cluster import Cluster
from dsm_jepsen.cluster.local import LocalCluster
from dsm_jepsen.cluster.sim import SimCluster
from dsm_jepsen.dsm.ensemble import EnsembleSystem
from dsm_jepsen.dsm.stores import open_store
from dsm_jepsen.env import Control, OutcomeError, ProcessState, RefusedError, Rng, Role

Works = tuple[frozenset[str], frozenset[str]]
"""The hosts whose node answers linearizable reads, and those whose store member takes writes."""

WITHIN_S = 60

WHO_WORKS = {
    "bridge": ({3, 5}, {3, 5}),
    "clock-skew": ({5}, {5}),
    "corrupt-log": ({4, 5}, {4, 5}),
    "crash-all": ({0}, {5}),
    "crash-everything": ({0}, {0}),
    "flaky-links": ({5}, {5}),
    "full-disk": ({4}, {4}),
    "halves": ({3}, {3}),
    "isolate-one": ({4}, {4}),
    "kill-both": ({4}, {4}),
    "kill-node": ({4}, {5}),
    "kill-store": ({4}, {4}),
    "kill-store-leader": ({4}, {4}),
    "kill-two": ({3}, {5}),
    "leader-in-majority": ({3}, {3}),
    "leader-in-minority": ({3}, {3}),
    "majorities-ring": ({3}, {3}),
    "one-way": ({4}, {4}),
    "pause-node": ({4}, {5}),
    "pause-store-leader": ({4}, {4}),
    "power-cut": ({0, 4}, {0, 4}),
    "session-expiry": ({4}, {5}),
    "slow-links": ({5}, {5}),
    "store-cut": ({4}, {5}),
}
"""While a fault acts: how many nodes, and how many members of the store."""


class Ward:
    """A cluster under faults.

    Attributes:
        cluster: with an ensemble's node on every host.
        rng: for the nemeses.
    """

    def __init__(self, cluster: Cluster, *, seed: int | str, turn: Callable[[Any], Any]) -> None:
        self.cluster = cluster
        self.rng = Rng(seed)
        self._system = EnsembleSystem()
        self._turn = turn

    @property
    def control(self) -> Control:
        """For nemeses."""
        return self.cluster.control

    def run(self, story: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine to its end."""
        return self._turn(story)

    async def start(self) -> None:
        """Start all; returns when all works."""
        await self.cluster.start(self._system.program)
        await self.until_all_works()

    async def works(self) -> Works:
        """Ask all nodes and all members at once."""
        hosts = self.cluster.nodes
        nodes = await asyncio.gather(*map(self._node_works, hosts))
        stores = await asyncio.gather(*map(self.store_works, hosts))
        return (
            frozenset(host for host, works in zip(hosts, nodes, strict=True) if works),
            frozenset(host for host, works in zip(hosts, stores, strict=True) if works),
        )

    async def until(self, nodes: set[str] | None, stores: set[str] | None) -> None:
        """Wait until exactly these nodes and members work; ``None``: whichever."""
        seen: Works | None = None
        try:
            async with asyncio.timeout(WITHIN_S):
                while not _as_expected(seen, nodes, stores):
                    seen = await self.works()
        except TimeoutError:
            pytest.fail(f"expected nodes {nodes} and members {stores} to work; last seen: {seen}")

    async def until_all_works(self) -> None:
        """Wait until everything works."""
        await self.until(set(self.cluster.nodes), set(self.cluster.nodes))

    async def states(self) -> dict[tuple[str, Role], ProcessState]:
        """What the hosts say of all processes."""
        return {
            (node, role): await self.control.state(node, role) for node in self.cluster.nodes for role in Role
        }

    async def store_works(self, host: str) -> bool:
        """Whether a host's member takes a write."""
        try:
            async with await self.cluster.site(host).open_store() as store:
                await store.put(f"/probe/{host}", b"")
        except OutcomeError:
            return False
        return True

    async def _node_works(self, host: str) -> bool:
        client = await self._system.client().open(self.cluster.site(host))
        try:
            await client.invoke("read-strong", None)
        except OutcomeError:
            return False
        finally:
            await client.close()
        return True


def _as_expected(seen: Works | None, nodes: set[str] | None, stores: set[str] | None) -> bool:
    return seen is not None and nodes in (None, seen[0]) and stores in (None, seen[1])


Wards = Callable[[int | str], Ward]


@pytest.fixture
def who_works() -> Mapping[str, tuple[set[int], set[int]]]:
    """How many nodes and how many members of the store still work while a fault acts, by its name."""
    return WHO_WORKS


@pytest.fixture
def wards() -> Iterator[Wards]:
    """Give simulated wards in which everything works, one for a seed."""
    made: list[SimCluster] = []

    def make(seed: int | str) -> Ward:
        cluster = SimCluster(seed=seed)
        made.append(cluster)
        ward = Ward(cluster, seed=seed, turn=cluster.run)
        ward.run(ward.start())
        return ward

    yield make
    for cluster in made:
        cluster.close()


@pytest.fixture
def ward(wards: Wards) -> Ward:
    """A simulated ward in which everything works."""
    return wards(1)


@pytest.fixture(scope="module")
def local_ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    """One ward of real etcd, started once; where it must be installed, its absence is a failure."""
    try:
        cluster = LocalCluster(
            run_folder=Path(tmp_path_factory.mktemp("run")),
            open_store=functools.partial(open_store, timeout_ms=2_000),
            own_disks=True,
        )
    except RefusedError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
    with asyncio.Runner() as runner:
        ward = Ward(cluster, seed=1, turn=runner.run)
        try:
            ward.run(ward.start())
            yield ward
        finally:
            ward.run(cluster.stop())


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Have a coroutine of a test run by its ward."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments: dict[str, Any] = {
        name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters
    }
    ward = arguments["ward" if "ward" in arguments else "local_ward"]
    ward.run(pyfuncitem.obj(**arguments))
    return True
