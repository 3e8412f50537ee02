"""Parallel states: branches go on by themselves, and the join is run once, whoever ends last."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from dsm_jepsen.dsm.queue import Advance, AnyMachine, FailError, Fork, RetryError

if TYPE_CHECKING:
    from tests.dsm.queue.conftest import World

Make = Callable[..., AnyMachine]

EDGES = {
    "begun": ("split",),
    "split": ("over",),
    "left": ("split-again", "left-over"),
    "split-again": ("left-over",),
    "left-over": (),
    "right": ("right-over",),
    "right-over": (),
    "deep": ("deep-over",),
    "deep-over": (),
    "over": (),
}


def nested(on_failure: Any, *, then: Callable[[Any], Any] | None = None) -> Any:
    """Give a tick and the forks of a machine that forks, and forks again in one branch.

    Every branch counts one; ``then`` may do something else in a state.
    """

    async def tick(instance: Any) -> Advance[Any]:
        if then is not None:
            await then(instance)
        joined = sum(ending.payload.number for ending in instance.branches.values())
        payload = msgspec.structs.replace(instance.payload, number=joined)
        match instance.state:
            case "begun":
                return Advance(state="split", payload=payload)
            case "left":
                return Advance(state="split-again", payload=payload)
            case "split":
                return Advance(state="over", payload=payload, effects=("joined",))
            case "split-again":
                return Advance(state="left-over", payload=payload)
            case state:
                one = msgspec.structs.replace(instance.payload, number=1)
                return Advance(state=f"{state}-over", payload=one)

    forks = {
        "split": Fork(branches={"l": "left", "r": "right"}, on_failure=on_failure),
        "split-again": Fork(branches={f"d{n}": "deep" for n in range(5)}, on_failure=on_failure),
    }
    return tick, {"edges": EDGES, "forks": forks}


@pytest.mark.parametrize("seed", range(3))
def test_nested_branches_are_joined_once_however_their_ends_fall_together(
    make_world: "type[World]", make_machine: Make, seed: int
) -> None:
    tick, fields = nested("fail-all")

    async def story(world: "World") -> None:
        ids = [await world.queue.submit("test", {}) for _ in range(5)]
        for record in await world.wait(*ids):
            assert (record.status, msgspec.json.decode(record.payload)) == ("done", {"number": 6})
            assert record.seq == 2
            assert [note.what for note in record.history].count("join") == 1
            assert len(await world.queue.branches(record.id)) == 7
        await asyncio.sleep(1)
        assert world.applied == {f"{instance}-2-0": 1 for instance in ids}
        assert not await world.keys("live")

    make_world([make_machine(tick, **fields)], seed=seed, forgets_per_mille=50 * seed).run(story)


def failing(state: str, error: Exception) -> Callable[[Any], Any]:
    async def then(instance: Any) -> None:
        if instance.state == state:
            raise error
        if instance.state == "right":
            await asyncio.sleep(2)

    return then


@pytest.mark.parametrize("error", [FailError("no"), RetryError("no"), ValueError("no")])
def test_with_fail_all_a_branch_that_fails_ends_the_others_and_the_whole(
    make_world: "type[World]", make_machine: Make, error: Exception
) -> None:
    tick, fields = nested("fail-all", then=failing("deep", error))

    async def story(world: "World") -> None:
        instance = await world.queue.submit("test", {})
        (record,) = await world.wait(instance)
        assert (record.status, record.state, record.pending) == ("failed", "split", 0)
        assert "branch l failed" in (record.error or "")
        endings = {branch.id.rpartition(".")[2]: branch for branch in await world.queue.branches(instance)}
        assert endings["l"].status == "failed"
        assert endings["r"].status == "cancelled"
        assert {branch.status for branch in endings.values()} == {"failed", "cancelled"}
        await asyncio.sleep(5)
        for folder in ("live", "ready", "running", "dead"):
            assert not await world.keys(folder)

    make_world([make_machine(tick, attempts=1, **fields)]).run(story)


def test_with_wait_the_join_sees_the_branch_that_failed(
    make_world: "type[World]", make_machine: Make
) -> None:
    seen: dict[str, str] = {}

    async def then(instance: Any) -> None:
        if instance.state == "right":
            raise FailError("no")
        if instance.state == "split":
            seen.update({name: ending.status for name, ending in instance.branches.items()})

    tick, fields = nested("wait", then=then)

    async def story(world: "World") -> None:
        (record,) = await world.wait(await world.queue.submit("test", {}))
        assert record.status == "done"
        assert seen == {"l": "done", "r": "failed"}

    make_world([make_machine(tick, **fields)]).run(story)


def test_with_wait_a_branch_in_dead_letter_is_waited_for(
    make_world: "type[World]", make_machine: Make
) -> None:
    broken = True

    async def then(instance: Any) -> None:
        if broken and instance.state == "right":
            raise ValueError("broken")

    tick, fields = nested("wait", then=then)

    async def story(world: "World") -> None:
        nonlocal broken
        instance = await world.queue.submit("test", {})
        (dead,) = await world.wait(f"{instance}/1.r")
        await asyncio.sleep(20)
        waiting = await world.queue.get(instance)
        assert waiting is not None
        assert (dead.status, waiting.status, waiting.pending) == ("dead", "waiting", 1)
        broken = False
        await world.queue.redrive(dead.id)
        assert (await world.wait(instance))[0].status == "done"

    make_world([make_machine(tick, attempts=1, **fields)]).run(story)


def test_cancelling_ends_an_instance_with_all_its_branches(
    make_world: "type[World]", make_machine: Make
) -> None:
    async def then(instance: Any) -> None:
        if instance.state in ("deep", "right"):
            await asyncio.sleep(4)

    tick, fields = nested("wait", then=then)

    async def story(world: "World") -> None:
        instance = await world.queue.submit("test", {})
        await world.claimed(f"{instance}/1.l/1.d4")
        assert (await world.queue.cancel(instance)).ending == "cancelled"
        (record,) = await world.wait(instance, within_s=10)
        assert record.status == "cancelled"
        assert {branch.status for branch in await world.queue.branches(instance)} == {"cancelled"}
        await asyncio.sleep(6)
        assert await world.queue.get(instance) == record
        assert [one.state for one in world.told("advance")] == ["split", "split-again"]
        assert not await world.keys("live")

    make_world([make_machine(tick, **fields)]).run(story)
