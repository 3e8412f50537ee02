"""How fast the simulation is: callbacks of the bare loop, and operations of the simulated store.

python bench/simulator.py
"""

import asyncio
import time

from dsm_jepsen.cluster.sim import SimCluster, SimLoop
from dsm_jepsen.env import Rng

TASKS = 10
CALLBACKS = 300_000
OPERATIONS = 20_000


async def sleepers() -> None:
    """Let tasks sleep for drawn times: a timer, a future and a step of a task each time."""
    rng = Rng("bench")

    async def sleeper() -> None:
        for _ in range(CALLBACKS // TASKS // 2):
            await asyncio.sleep(rng.below(1_000, purpose="sleep") / 1_000_000)

    async with asyncio.TaskGroup() as group:
        for _ in range(TASKS):
            group.create_task(sleeper())


async def clients(cluster: SimCluster) -> None:
    """Let one client of each member write and read in turns."""
    await cluster.start(None)

    async def client(node: str) -> None:
        async with await cluster.site(node).open_store() as store:
            for _ in range(OPERATIONS // len(cluster.nodes) // 2):
                await store.put(f"/{node}", b"value")
                await store.get(f"/{node}")

    async with asyncio.TaskGroup() as group:
        for node in cluster.nodes:
            group.create_task(client(node))


def main() -> None:
    """Print both figures."""
    loop = SimLoop()
    start = time.perf_counter()
    loop.run(sleepers())
    seconds = time.perf_counter() - start
    loop.close()
    print(f"loop   {loop.steps / seconds:>9,.0f} callbacks/s")
    with SimCluster(seed="bench") as cluster:
        start = time.perf_counter()
        cluster.run(clients(cluster))
        seconds = time.perf_counter() - start
        print(f"store  {OPERATIONS / seconds:>9,.0f} operations/s")
        print(f"       {cluster.loop.steps / seconds:>9,.0f} callbacks/s")
        print(f"       {cluster.loop.steps / OPERATIONS:>9.1f} callbacks per operation")
        print(f"       {cluster.loop.time() / seconds:>9.1f} x real time")


if __name__ == "__main__":
    main()
