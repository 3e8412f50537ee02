"""What ended long ago is forgotten; what is refused too often is laid aside, and stands in nobody's way."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import pytest

from dsm_jepsen.dsm.machines.order import ORDER
from dsm_jepsen.dsm.machines.steak import STEAK
from dsm_jepsen.dsm.queue import Advance, AnyMachine, Effect, Worker, effects, registry, worker
from dsm_jepsen.dsm.queue.retention import KEEP_MIN_MS

if TYPE_CHECKING:
    from tests.dsm.queue.conftest import World

Make = Callable[..., AnyMachine]


async def ring(instance: Any) -> Advance[Any]:
    return Advance(state="over", payload=instance.payload, effects=("ring",))


def refusing_first(taken: list[str]) -> Callable[[Effect], Awaitable[None]]:
    """A receiver that refuses the first effect it is ever shown, and never another."""
    bad: list[str] = []

    async def apply(effect: Effect) -> None:
        if not bad:
            bad.append(effect.key)
        if effect.key in bad:
            raise ValueError("it is poison")
        taken.append(effect.key)

    return apply


def test_an_instance_and_its_branches_are_forgotten_once_they_were_kept_long_enough(world: "World") -> None:
    async def story(world: "World") -> None:
        for one in world.workers.values():
            one._keep_ms = KEEP_MIN_MS
        old = await world.queue.submit("order", {"item": "tea"})
        await world.wait(old)
        await asyncio.sleep(KEEP_MIN_MS / 1000 - 5)
        assert len(await world.queue.branches(old)) == 2
        await asyncio.sleep(worker.FORGET_MS / 1000)
        young = await world.queue.submit("steak", {})
        await world.wait(young)
        await asyncio.sleep(worker.FORGET_MS / 1000 - 10)
        assert set(await world.records()) == {young}
        assert len(await world.keys("kept")) == 1

    world.run(story)


def test_a_worker_that_would_forget_at_once_is_refused() -> None:
    env: Any = None
    with pytest.raises(ValueError, match="must be at least 60000"):
        Worker(env, registry([STEAK, ORDER]), keep_ms=KEEP_MIN_MS - 1)


def test_a_poison_effect_is_laid_aside_with_its_error_and_can_be_delivered_again(
    make_world: "type[World]", make_machine: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(effects, "ATTEMPTS", 3)

    async def story(world: "World") -> None:
        taken: list[str] = []
        refuse = refusing_first(taken)
        for one in world.workers.values():
            one._apply = refuse
        instance = await world.queue.submit("test", {})
        await world.wait(instance)
        while await world.keys("outbox") or not await world.queue.undelivered(instance):
            await asyncio.sleep(1)
        (aside,) = await world.queue.undelivered(instance)
        assert (aside.key, aside.attempt, aside.error) == (f"{instance}-1-0", 3, "ValueError: it is poison")
        for one in world.workers.values():
            one._apply = world._apply
        assert await world.queue.redeliver(instance) == 1
        while await world.keys("outbox"):
            await asyncio.sleep(1)
        assert world.applied == {f"{instance}-1-0": 1}
        assert not await world.queue.undelivered(instance)

    make_world([make_machine(ring)]).run(story)


def test_effects_that_nobody_takes_do_not_hide_those_behind_them(
    make_world: "type[World]", make_machine: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(effects, "SWEEP_MAX", 2)

    async def story(world: "World") -> None:
        deaf = True

        async def apply(effect: Effect) -> None:
            if deaf or not effect.key.startswith(last):
                raise ValueError("not now")
            await world._apply(effect)

        world.workers["n1"]._apply = apply
        last = world.queue.new_id()
        for instance in (*(world.queue.new_id() for _ in range(20)), last):
            await world.queue.submit("test", {}, instance=instance)
            await world.wait(instance)
        assert len(await world.keys("outbox")) == 21
        deaf = False
        async with asyncio.timeout(300):
            while not world.applied:
                await asyncio.sleep(1)
        assert set(world.applied) == {f"{last}-1-0"}

    make_world([make_machine(ring)], nodes=("n1",)).run(story)


def test_of_several_workers_one_at_a_time_tries_what_a_dead_one_left(
    make_world: "type[World]", make_machine: Make
) -> None:
    async def story(world: "World") -> None:
        deaf = asyncio.Event()

        async def hang(_effect: Effect) -> None:
            deaf.set()
            await asyncio.Event().wait()

        for one in world.workers.values():
            one._apply = hang
        instance = await world.queue.submit("test", {})
        await deaf.wait()
        node = world.told("apply")[0].by.partition("/")[0]
        for name, one in world.workers.items():
            if name != node:
                one._apply = world._apply
        world.workers[node].stop()
        await asyncio.sleep(60)
        assert world.applied == {f"{instance}-1-0": 1}

    make_world([make_machine(ring)]).run(story)
