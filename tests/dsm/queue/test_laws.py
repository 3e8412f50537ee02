"""The laws of the queue, over random faults: what may never happen, and that all comes to an end."""

import asyncio
from typing import TYPE_CHECKING

import pytest

from dsm_jepsen.env import Rng, Role

if TYPE_CHECKING:
    from tests.dsm.queue.conftest import World


async def disturb(world: "World", rng: Rng) -> None:
    """Kill, freeze and cut off workers, and kill members of the store, one after the other."""
    control = world.cluster.control
    for _ in range(6):
        await asyncio.sleep(2 * rng.uniform(purpose="rest"))
        # The clients' own member of the store is left alone.
        node = rng.choice(world.cluster.nodes[1:], purpose="node")
        lasting_s = 20 * rng.uniform(purpose="lasting")
        match rng.below(4, purpose="fault"):
            case 0:
                await control.kill(node, Role.NODE)
                await asyncio.sleep(lasting_s / 5)
                await control.restart(node, Role.NODE)
            case 1:
                await control.pause(node, Role.NODE)
                await asyncio.sleep(lasting_s)
                await control.resume(node, Role.NODE)
            case 2:
                await world.isolate(node)
                await asyncio.sleep(lasting_s)
                await control.mend()
            case _:
                await control.kill(node, Role.STORE)
                await asyncio.sleep(lasting_s / 5)
                await control.restart(node, Role.STORE)


async def laws(world: "World") -> None:
    """See that they hold once all is quiet."""
    for record in (await world.records()).values():
        edges = world.machines[record.type].edges
        advances = [note for note in record.history if note.what == "advance"]
        assert [note.number for note in record.history] == [*range(1, len(record.history) + 1)]
        assert [note.seq for note in advances] == [*range(1, record.seq + 1)], "steps are counted by one"
        assert all(note.source is not None and note.state in edges[note.source] for note in advances)
        tokens = [note.token for note in record.history]
        assert tokens == sorted(tokens), "tokens never go down"
        whats = [note.what for note in record.history]
        assert (whats.count("end"), whats[-1]) == (1, "end"), "nothing comes after the end"
        assert whats.count("join") == sum(note.source == "fulfilling" for note in advances)
        if record.type == "steak":
            assert record.status == "done"
            assert all(world.applied[f"{record.id}-{seq}-0"] for seq in range(1, 6)), "effects are delivered"
    committed = [(one.id, one.seq) for one in world.told("advance")]
    assert len(set(committed)) == len(committed), "a step is committed once"
    for folder in ("live", "ready", "running", "dead", "outbox"):
        assert not await world.keys(folder), f"nothing is left in {folder}"


@pytest.mark.parametrize("seed", range(12))
def test_every_instance_ends_and_no_law_is_broken_whatever_happens(
    make_world: "type[World]", seed: int
) -> None:
    rng = Rng(f"laws/{seed}")

    async def submit(world: "World") -> list[str]:
        ids = []
        for number in range(20):
            await asyncio.sleep(0.3)
            card = rng.choice(["good", "good", "declined"], purpose="card")
            payload = {"item": "x", "card": card} if number % 2 else {"cut": "x"}
            ids.append(await world.queue.submit("order" if number % 2 else "steak", payload))
        return ids

    async def story(world: "World") -> None:
        ids, _ = await asyncio.gather(submit(world), disturb(world, rng))
        await world.wait(*ids, within_s=60)
        await asyncio.sleep(15)  # for effects of workers that died
        await laws(world)

    store = ("etcd", "zookeeper")[seed % 2]
    make_world(seed=seed, store=store, forgets_per_mille=(0, 100)[seed // 2 % 2]).run(story)
