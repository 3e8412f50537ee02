"""What a step of the work queue costs: requests to the store for each, and steps a second of real time.

Steaks go through a simulated etcd with three workers while others, ended or waiting for a later time, lie
about. The requests that the workers make must not grow with the number of those.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec

from dsm_jepsen.cluster.sim import SimCluster
from dsm_jepsen.dsm.machines.steak import STEAK
from dsm_jepsen.dsm.queue import Effect, Observation, Queue, Worker, changes, registry
from dsm_jepsen.dsm.queue.changes import Hand
from dsm_jepsen.dsm.queue.record import Keys
from dsm_jepsen.env import Env, Program, Put, Rng, Store, Write

STEAKS = 1_000
COUNTED = ("get", "list", "put", "delete", "transact")
KEYS = Keys.of("default")


class Counting:
    """A store that counts the requests of its clients, and the entries it lists."""

    def __init__(self, store: Store, counts: Counter[str]) -> None:
        self._store = store
        self._counts = counts

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name not in COUNTED:
            return found

        async def counted(*arguments: Any, **options: Any) -> Any:
            self._counts[name] += 1
            answer = await found(*arguments, **options)
            if name == "list":
                self._counts["entries listed"] += len(answer)
            return answer

        return counted


async def fill(store: Store, *, ended: int, waiting: int) -> None:
    """Write instances that have ended, and others whose time has not come."""
    now = Hand("bench", 1_577_836_800_000)
    writes: list[Write] = []
    for number in range(ended + waiting):
        record = changes.submitted(STEAK, f"{number:016x}", msgspec.json.encode({}), now)
        if number < ended:
            record = changes.ended(record, "done", None, now)
        else:
            record = changes.released(record, now, delay_ms=86_400_000)
        writes += [write for write in KEYS.rewrite(None, record) if isinstance(write, Put)]
    for start in range(0, len(writes), 100):
        await store.transact((), writes[start : start + 100])


def measure(*, ended: int, waiting: int) -> tuple[Counter[str], int, float]:
    """Requests of the workers, steps committed, and seconds of virtual time."""
    counts: Counter[str] = Counter()
    machines = registry([STEAK])
    seen: list[Observation] = []
    nodes: Sequence[str] = ("n1", "n2", "n3")
    started = asyncio.Event()

    async def apply(_effect: Effect) -> None:
        """Take an effect."""

    async def main(env: Env) -> None:
        await started.wait()
        store: Any = Counting(env.store, counts)
        await Worker(replace(env, store=store), machines, apply=apply, observe=seen.append).run()

    with SimCluster(seed=1, nodes=nodes, budget=100_000_000) as cluster:

        async def act() -> float:
            await cluster.start(Program(main=main, command=()))
            site = cluster.site("n1")
            store = await site.open_store()
            await fill(store, ended=ended, waiting=waiting)
            queue = Queue(store, clock=site.clock, rng=Rng(1), machines=machines)
            ids = [await queue.submit("steak", {}) for _ in range(STEAKS)]
            started.set()
            began_s = cluster.loop.time()
            for instance in ids:
                await queue.wait(instance)
            return cluster.loop.time() - began_s

        lasted_s = cluster.run(act())
    return counts, sum(one.what == "advance" for one in seen), lasted_s


def main() -> None:
    print(f"{STEAKS} steaks of 5 steps with an effect each, 3 workers, simulated etcd")
    for ended, waiting in ((1_000, 0), (10_000, 0), (50_000, 0), (0, 50_000)):
        began_s = time.perf_counter()
        counts, steps, lasted_s = measure(ended=ended, waiting=waiting)
        requests = sum(counts[name] for name in COUNTED)
        each = ", ".join(f"{name} {counts[name] / steps:.3f}" for name in (*COUNTED, "entries listed"))
        print(
            f"{ended:>6} ended, {waiting:>6} waiting: {requests / steps:.3f} requests a step ({each}); "
            f"{lasted_s:.1f} s virtual, {time.perf_counter() - began_s:.1f} s real"
        )


if __name__ == "__main__":
    main()
