"""Five workers on the simulated cluster, machines to give them, and a store that loses replies."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from dsm_jepsen.cluster.sim import SimCluster
from dsm_jepsen.dsm.machines.order import ORDER
from dsm_jepsen.dsm.machines.steak import STEAK
from dsm_jepsen.dsm.queue import (
    AnyMachine,
    Effect,
    Machine,
    Observation,
    Queue,
    Record,
    Worker,
    registry,
)
from dsm_jepsen.dsm.queue.ledger import read_entry
from dsm_jepsen.dsm.queue.record import Keys
from dsm_jepsen.env import (
    Commit,
    Compare,
    Entry,
    Env,
    IndefiniteError,
    Link,
    Program,
    Rng,
    Role,
    Store,
    Write,
)

ROOT = Keys.of("default").root


class Forgetful:
    """A store that now and then does a transaction and loses the reply, or loses the request itself."""

    def __init__(self, store: Store, rng: Rng, per_mille: int) -> None:
        self._store = store
        self._rng = rng
        self._per_mille = per_mille

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def transact(self, compares: Sequence[Compare], writes: Sequence[Write]) -> Commit | None:
        if self._rng.chance(self._per_mille, purpose="lost-request"):
            raise IndefiniteError("timeout")
        commit = await self._store.transact(compares, writes)
        if self._rng.chance(self._per_mille, purpose="lost-reply"):
            raise IndefiniteError("timeout")
        return commit


class World:
    """A simulated cluster with a worker on each host.

    Attributes:
        seen: what the workers told of their work.
        applied: how often each effect was delivered, by its key.
        workers: the latest incarnation on each host; ``envs`` are their worlds.
    """

    def __init__(
        self,
        machines: Sequence[AnyMachine] = (STEAK, ORDER),
        *,
        seed: int = 1,
        store: str = "etcd",
        forgets_per_mille: int = 0,
        slots: int = 8,
        nodes: Sequence[str] = ("n1", "n2", "n3", "n4", "n5"),
    ) -> None:
        self.cluster = SimCluster(seed=seed, store=store, nodes=nodes)
        self.machines: Mapping[str, AnyMachine] = registry(machines)
        self.seen: list[Observation] = []
        self.applied: Counter[str] = Counter()
        self.effects: list[Effect] = []
        self.workers: dict[str, Worker] = {}
        self.envs: dict[str, Env] = {}
        self.queue: Queue
        self.store: Store
        self._seed = seed
        self._forgets = forgets_per_mille
        self._slots = slots

    async def _main(self, env: Env) -> None:
        self.envs[env.node] = env
        store: Any = Forgetful(env.store, env.rng.fork("forget"), self._forgets)
        self.workers[env.node] = Worker(
            replace(env, store=store),
            self.machines,
            slots=self._slots,
            apply=self._apply,
            observe=self.seen.append,
        )
        await self.workers[env.node].run()

    async def _apply(self, effect: Effect) -> None:
        self.applied[effect.key] += 1
        self.effects.append(effect)

    def run(self, story: Callable[["World"], Awaitable[None]]) -> None:
        """Start all workers and let the story happen."""

        async def act() -> None:
            await self.cluster.start(Program(main=self._main, command=()))
            site = self.cluster.site("n1")
            self.store = await site.open_store()
            self.queue = Queue(self.store, clock=site.clock, rng=Rng(self._seed), machines=self.machines)
            async with asyncio.timeout(600):
                while len(await self.keys("workers")) < len(self.cluster.nodes):
                    await asyncio.sleep(0.01)
                await story(self)

        with self.cluster:
            self.cluster.run(act())

    async def wait(self, *instances: str, within_s: float = 120) -> list[Record]:
        """Wait until all have ended or are in dead-letter."""
        async with asyncio.timeout(within_s):
            while [each for each in instances if await self.queue.get(each) is None]:
                await asyncio.sleep(0.01)
            return [await self.queue.wait(instance) for instance in instances]

    async def claimed(self, instance: str) -> str:
        """Wait until an instance is in a worker's hands; the worker's host."""
        async with asyncio.timeout(60):
            while True:
                record = await self.queue.get(instance)
                if record is not None and record.status == "running":
                    return record.history[-1].by.partition("/")[0]
                await asyncio.sleep(0.01)

    async def isolate(self, node: str) -> None:
        """Cut a worker from its member of the store."""
        await self.cluster.control.cut(
            [Link(node, Role.NODE, node, Role.STORE), Link(node, Role.STORE, node, Role.NODE)]
        )

    async def keys(self, below: str) -> dict[str, Entry]:
        """All keys of the queue below a folder, without its name."""
        prefix = f"{ROOT}{below}/"
        return {entry.key.removeprefix(prefix).lstrip("/"): entry for entry in await self.store.list(prefix)}

    async def records(self) -> dict[str, Record]:
        """All records by id, wherever they are."""
        found: dict[str, Record] = {}
        for folder in ("live", "ended"):
            for name, entry in (await self.keys(folder)).items():
                instance = name.partition("//")[2]
                assert instance not in found, "a record is in two places"
                found[instance] = read_entry(instance, entry).record
        return found

    def told(self, what: str, instance: str | None = None) -> list[Observation]:
        """What the workers told of one kind."""
        return [one for one in self.seen if one.what == what and instance in (None, one.id)]


@pytest.fixture
def make_world() -> type[World]:
    return World


@pytest.fixture
def world() -> World:
    return World()


class Count(msgspec.Struct, frozen=True):
    """A payload for machines of tests."""

    number: int = 0


@pytest.fixture
def make_machine() -> Callable[..., Machine[Count]]:
    """Make a machine with one step, ``begun`` to ``over``, unless it is given other edges."""

    def make(tick: Callable[[Any], Awaitable[Any]], **fields: Any) -> Machine[Count]:
        rest: dict[str, Any] = {"initial": "begun", "edges": {"begun": ("over",), "over": ()}, **fields}
        return Machine(name="test", payload=Count, tick=tick, **rest)

    return make
