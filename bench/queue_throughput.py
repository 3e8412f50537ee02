"""Steps a second of the work queue and of the naive design it replaces, on the same five members of etcd.

The naive one: every worker reads all instances, and for each in order takes a lock, waiting 100 ms at most,
ticks what it has read, writes and unlocks; then it rests a second. A lock is a key on a lease of its own.
It is measured with that rest and without. Steps that two workers took from the same reading are counted for
both, in its favour. Where all runs on a few cores, ticks that take no time show what requests cost, and
those that take some what one at a time costs.
"""

import asyncio
import secrets
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from pathlib import Path

import msgspec

from dsm_jepsen.cluster.local import LocalCluster
from dsm_jepsen.dsm.machines.steak import STEAK, Steak
from dsm_jepsen.dsm.queue import Advance, Effect, Instance, Machine, Observation, Queue, Worker, registry
from dsm_jepsen.dsm.queue.worker import SLOTS
from dsm_jepsen.dsm.stores import open_store
from dsm_jepsen.env import Compare, Env, Put, Rng, Session, Store
from dsm_jepsen.env.real import HttpNetwork, RealClock

INSTANCES = 1_000
NAIVE_S = 10.0
LOCK_S = 0.1
RESTS_S = (1, 0)
TICKS_MS = (0, 20)
STEPS = 5


def taking(tick_ms: int) -> Machine[Steak]:
    """A steak whose steps take a while."""

    async def tick(steak: Instance[Steak]) -> Advance[Steak]:
        await asyncio.sleep(tick_ms / 1000)
        return await STEAK.tick(steak)

    return replace(STEAK, tick=tick)


async def naive_worker(store: Store, machine: Machine[Steak], until_s: float, rest_s: int) -> int:
    """Work as the naive design does; how many steps were written."""
    steps = 0
    while time.monotonic() < until_s:
        for entry in await store.list("machine-"):
            session = await store.open_session(10_000)
            if not await locked(store, f"lock-{entry.key}", session):
                await session.close()
                continue
            state, payload = msgspec.json.decode(entry.value, type=tuple[str, Steak])
            advance = await machine.tick(
                Instance(id=entry.key, state=state, payload=payload, seq=0, attempt=0)
            )
            if machine.is_final(advance.state):
                await store.delete(entry.key)
            else:
                await store.put(entry.key, msgspec.json.encode((advance.state, advance.payload)))
            await session.close()
            steps += 1
            if time.monotonic() >= until_s:
                break
        await asyncio.sleep(rest_s)
    return steps


async def locked(store: Store, lock: str, session: Session) -> bool:
    """Whether a lock was had in time; who has to wait hears of it being free."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LOCK_S):
            while await store.transact((Compare(lock, None),), (Put(lock, b"", session),)) is None:
                entry = await store.get(lock)
                if entry is not None:
                    async with aclosing(store.watch(lock, after=entry.position)) as changes:
                        await anext(changes)
            return True
    return False


async def naive(stores: Sequence[Store], machine: Machine[Steak], *, rest_s: int) -> float:
    """Steps a second of the naive design."""
    for number in range(INSTANCES):
        await stores[0].put(f"machine-{number:04d}", msgspec.json.encode(("INIT", Steak())))
    until_s = time.monotonic() + NAIVE_S
    steps = await asyncio.gather(*(naive_worker(store, machine, until_s, rest_s) for store in stores))
    return sum(steps) / NAIVE_S


async def queued(stores: Sequence[Store], machine: Machine[Steak]) -> float:
    """Steps a second of the queue, from the start of its workers to the last step."""
    machines, left, all_done = registry([machine]), Counter(steps=INSTANCES * STEPS), asyncio.Event()

    async def apply(_effect: Effect) -> None:
        """Take an effect."""

    def observe(seen: Observation) -> None:
        left["steps"] -= seen.what == "advance"
        if left["steps"] == 0:
            all_done.set()

    queue = Queue(stores[0], clock=RealClock(), rng=Rng(secrets.token_hex(8)), machines=machines)
    for _ in range(INSTANCES):
        await queue.submit("steak", {})
    envs = [
        Env(
            node=f"w{number}",
            clock=RealClock(),
            rng=Rng(number),
            store=store,
            network=HttpNetwork({}),
            log=lambda _line: None,
        )
        for number, store in enumerate(stores)
    ]
    workers = [Worker(env, machines, apply=apply, observe=observe) for env in envs]
    began_s = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        for worker in workers:
            tasks.create_task(worker.run())
        await all_done.wait()
        lasted_s = time.monotonic() - began_s
        for worker in workers:
            worker.stop()
    return INSTANCES * STEPS / lasted_s


async def compare(folder: Path) -> None:
    cluster = LocalCluster(run_folder=folder, open_store=open_store, network="loopback")
    try:
        await cluster.start(None)
        stores = [await cluster.site(node).open_store() for node in cluster.nodes]
        print(f"{INSTANCES} steaks, 5 workers of {SLOTS} slots, five members of etcd; steps a second:")
        for tick_ms in TICKS_MS:
            machine = taking(tick_ms)
            slow = [await naive(stores, machine, rest_s=rest_s) for rest_s in RESTS_S]
            fast = await queued(stores, machine)
            for rest_s, one in zip(RESTS_S, slow, strict=True):
                print(
                    f"ticks of {tick_ms:>2} ms: naive, resting {rest_s} s, {one:.0f}; "
                    f"the queue {fast:.0f}, {fast / one:.1f} times"
                )
        for store in stores:
            await store.close()
    finally:
        await cluster.stop()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(compare(Path(folder)))


if __name__ == "__main__":
    main()
