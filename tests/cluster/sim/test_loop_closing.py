"""The end of a simulation: whatever still waits is disposed of without a trace."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from dsm_jepsen.cluster.sim import SimCluster, SimLoop, SimulationError
from dsm_jepsen.env import Role


class Witness:
    """Something whose memory can be seen to be freed."""


async def _stubborn(witness: Witness) -> None:
    while True:
        try:
            await asyncio.sleep(1)
        except GeneratorExit:
            await asyncio.sleep(1)
            raise
        finally:
            asyncio.get_running_loop().call_soon(str, witness)


async def _generating(witness: Witness) -> AsyncIterator[Witness]:
    try:
        while True:
            yield witness
            await asyncio.sleep(10)
    finally:
        await asyncio.sleep(1)


async def _waits_for_generator(witness: Witness) -> None:
    async for _ in _generating(witness):
        await asyncio.sleep(1)


async def _starts_more(witness: Witness) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.gather(asyncio.create_task(_stubborn(witness)), _stubborn(witness))


@pytest.mark.parametrize("program", [_stubborn, _waits_for_generator, _starts_more])
def test_unfinished_tasks_leave_no_noise_and_no_memory(
    program: Callable[[Witness], Coroutine[Any, Any, None]], capsys: pytest.CaptureFixture[str]
) -> None:
    loop, witness = SimLoop(), Witness()
    gone = weakref.ref(witness)

    async def main(witness: Witness) -> None:
        task = asyncio.create_task(program(witness))
        await asyncio.sleep(2)
        assert not task.done()

    loop.run(main(witness))
    del witness
    loop.close()
    loop.close()
    del loop
    gc.collect()
    assert gone() is None
    assert capsys.readouterr() == ("", "")


def test_nothing_can_be_run_afterwards() -> None:
    loop = SimLoop()
    loop.close()
    with pytest.raises(SimulationError, match="the simulation has ended; make a new one"):
        loop.run(asyncio.sleep(0))


def test_a_thousand_clusters_in_a_row_leave_nothing_behind() -> None:
    async def story(cluster: SimCluster) -> None:
        await cluster.start(None)
        store = await cluster.site("n1").open_store()
        await store.open_session(1_000)
        await store.put("k", b"v")
        await cluster.control.kill("n2", Role.STORE)
        unfinished = asyncio.gather(anext(store.watch("never", after=0)), store.put("k", b"w"))
        await asyncio.sleep(0.001)
        assert not unfinished.done()

    def once(seed: int) -> weakref.ref[SimCluster]:
        with SimCluster(seed=seed) as cluster:
            cluster.run(story(cluster))
        return weakref.ref(cluster)

    left = [once(seed) for seed in range(10)]
    gc.collect()
    count = len(gc.get_objects())
    left.extend(once(seed) for seed in range(1_000))
    gc.collect()
    assert [ref for ref in left if ref() is not None] == []
    assert len(gc.get_objects()) < count + 3_000  # the list of weak references is in it
