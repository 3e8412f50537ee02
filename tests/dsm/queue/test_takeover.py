"""What dead workers left is taken over soon, however much else there is to do."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dsm_jepsen.dsm.queue import Advance, AnyMachine
from dsm_jepsen.dsm.queue.finder import Finder
from dsm_jepsen.dsm.queue.machine import EFFECTS_MAX
from dsm_jepsen.dsm.queue.record import Keys, shard_of
from dsm_jepsen.env import Role

if TYPE_CHECKING:
    from tests.dsm.queue.conftest import World

KEYS = Keys.of("default")


async def die(world: "World", node: str) -> None:
    """Kill a worker, and wait until its session is gone."""
    await world.cluster.control.kill(node, Role.NODE)
    async with asyncio.timeout(40):
        while node.encode() in [entry.value for entry in (await world.keys("workers")).values()]:
            await asyncio.sleep(0.1)


def test_what_a_dead_worker_left_goes_before_what_is_ready(make_world: "type[World]") -> None:
    async def story(world: "World") -> None:
        await die(world, "n1")
        for instance in [name for name in map(str, range(100)) if shard_of(name) == "00"]:
            await world.queue.submit("steak", {}, instance=instance)
        env = replace(world.envs["n1"], store=world.store)
        finder = Finder(env, KEYS, session="n2", held=())
        await finder.take()
        left = KEYS.running("n1", "left"), "left"
        finder.add(*left)
        assert await finder.take() == left

    make_world(nodes=("n1",)).run(story)


def test_effects_that_hang_do_not_hold_up_what_dead_workers_left(
    make_world: "type[World]", make_machine: Callable[..., AnyMachine]
) -> None:
    async def step(instance: Any) -> Advance[Any]:
        if instance.state == "begun":
            return Advance(state="rung", payload=instance.payload, effects=("ring",) * EFFECTS_MAX)
        await asyncio.sleep(8)
        return Advance(state="over", payload=instance.payload)

    async def hang(_effect: Any) -> None:
        await asyncio.Event().wait()

    async def story(world: "World") -> None:
        for worker in world.workers.values():
            worker._apply = hang
        instance = await world.queue.submit("test", {})
        for token in (1, 2):
            # The first leaves effects, and while the others try those, the second leaves its claim.
            owner = await world.claimed(instance)
            await die(world, owner)
            await asyncio.sleep(1)
            assert [one.token for one in world.told("claim")][-1] == token + 1

    edges = {"begun": ("rung",), "rung": ("over",), "over": ()}
    make_world([make_machine(step, edges=edges)]).run(story)
