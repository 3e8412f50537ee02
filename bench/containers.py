"""How long five containers take until the first write by a node: the store's members, and node programs."""

import asyncio
import tempfile
import time
from functools import partial
from pathlib import Path

from dsm_jepsen.cluster.docker.fleet import DockerFleet, ready_image
from dsm_jepsen.cluster.hosts import HostsCluster
from dsm_jepsen.cluster.hosts.stores import STORES
from dsm_jepsen.dsm.ensemble import EnsembleSystem
from dsm_jepsen.dsm.stores import open_store
from dsm_jepsen.env import OutcomeError, RefusedError


async def first_write(store: str, folder: Path) -> None:
    system = EnsembleSystem()
    cluster = HostsCluster(
        DockerFleet(image=ready_image(print)),
        run_folder=folder,
        open_store=partial(open_store, client="aetcd"),
        store=store,
    )
    begun = time.perf_counter()
    try:
        await cluster.prepare()
        prepared = time.perf_counter()
        await cluster.start(system.program)
        started = time.perf_counter()
        client = await system.client().open(cluster.site("n1"))
        while True:
            try:
                await client.invoke("event", {"event": "I"})
                break
            except OutcomeError:
                await asyncio.sleep(0.05)
        written = time.perf_counter()
        await client.close()
    finally:
        stopping = time.perf_counter()
        await cluster.stop()
    print(
        f"{store:<10} made and tried in {prepared - begun:.1f} s, started in {started - prepared:.1f} s, "
        f"first write {written - begun:.1f} s after the beginning; removed in "
        f"{time.perf_counter() - stopping:.1f} s"
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for store in STORES:
            try:
                asyncio.run(first_write(store, Path(folder)))
            except RefusedError as error:
                print(f"not here: {error}")
                return


if __name__ == "__main__":
    main()
