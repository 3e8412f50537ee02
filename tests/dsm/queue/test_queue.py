"""What clients of a queue may do, and what they are told."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from dsm_jepsen.dsm.machines.steak import STEAK
from dsm_jepsen.dsm.queue import Advance, AnyMachine
from dsm_jepsen.env import DefiniteError

if TYPE_CHECKING:
    from tests.dsm.queue.conftest import World

Make = Callable[..., AnyMachine]


def test_only_what_a_machine_can_read_is_submitted(world: "World") -> None:
    async def story(world: "World") -> None:
        for machine, payload, why in (
            ("stake", {}, "no machine 'stake'"),
            ("steak", {"cut": 7}, "cut"),
            ("steak", [], "payload"),
        ):
            with pytest.raises(ValueError, match=why):
                await world.queue.submit(machine, payload)
        with pytest.raises(ValueError, match="slash"):
            await world.queue.submit("steak", {}, instance="a/b")
        assert not await world.records()

    world.run(story)


def test_an_id_is_used_once_even_after_its_instance_has_ended(world: "World") -> None:
    async def story(world: "World") -> None:
        instance = await world.queue.submit("steak", {}, instance="mine")
        for _ in range(2):
            with pytest.raises(DefiniteError, match="exists"):
                await world.queue.submit("steak", {}, instance="mine")
            assert [record.seq for record in await world.wait(instance)] == [5]

    world.run(story)


def test_followers_see_every_state_to_the_end(world: "World") -> None:
    async def story(world: "World") -> None:
        instance = await world.queue.submit("steak", {})
        records = [record async for record in world.queue.follow(instance)]
        assert records[-1].status == "done"
        assert [record.seq for record in records] == sorted(record.seq for record in records)
        assert [record.seq async for record in world.queue.follow(instance)] == [5]

    world.run(story)


def test_what_is_not_there_is_refused(world: "World") -> None:
    async def story(world: "World") -> None:
        ended = await world.queue.submit("steak", {})
        await world.wait(ended)
        assert await world.queue.get("nobody") is None
        for act, why in (
            (world.queue.wait("nobody"), "no-instance"),
            (world.queue.cancel("nobody"), "no-instance"),
            (world.queue.cancel(ended), "no-instance"),
            (world.queue.redrive("nobody"), "not-dead"),
            (world.queue.redrive(ended), "not-dead"),
        ):
            with pytest.raises(DefiniteError, match=why):
                await act

    world.run(story)


def test_what_is_cancelled_in_a_workers_hands_ends_at_once_and_its_result_is_dropped(
    make_world: "type[World]", make_machine: Make
) -> None:
    async def slow(instance: Any) -> Advance[Any]:
        await asyncio.sleep(2)
        return Advance(state="over", payload=instance.payload, effects=("never",))

    async def story(world: "World") -> None:
        instance = await world.queue.submit("test", {})
        await world.claimed(instance)
        assert (await world.queue.cancel(instance)).status == "cancelled"
        await asyncio.sleep(3)
        record = await world.queue.get(instance)
        assert record is not None
        assert (record.status, record.seq) == ("cancelled", 0)
        assert not world.applied
        assert [one.state for one in world.told("drop", instance) if one.seq == 1] == ["over"]

    make_world([make_machine(slow)]).run(story)


def test_instances_are_listed_by_where_they_are(make_world: "type[World]", make_machine: Make) -> None:
    async def wait(instance: Any) -> Advance[Any]:
        return Advance(state="begun", payload=instance.payload, after_ms=3_600_000)

    edges = {"begun": ("begun", "over"), "over": ()}

    async def story(world: "World") -> None:
        steak, patient = await world.queue.submit("steak", {}), await world.queue.submit("test", {})
        (record,) = await world.wait(steak)
        assert [one async for one in world.queue.instances("ended")] == [record]
        while [one.seq async for one in world.queue.instances()] != [1]:
            await asyncio.sleep(0.1)
        assert [(one.id, one.status) async for one in world.queue.instances()] == [(patient, "ready")]
        assert [one async for one in world.queue.instances("dead")] == []

    make_world([make_machine(wait, edges=edges), STEAK]).run(story)
