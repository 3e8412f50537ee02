"""Workers on the simulated cluster: instances end whatever happens to workers, and to ticks."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from dsm_jepsen.dsm.machines.steak import STEAK
from dsm_jepsen.dsm.queue import Advance, AnyMachine, FailError, Observation, Record, RetryError
from dsm_jepsen.dsm.queue.effects import Outbox
from dsm_jepsen.dsm.queue.hold import Hands
from dsm_jepsen.dsm.queue.ledger import Ledger
from dsm_jepsen.dsm.queue.record import Keys, encode, shard_of
from dsm_jepsen.env import Compare, Request, Role

if TYPE_CHECKING:
    from tests.dsm.queue.conftest import World

Make = Callable[..., AnyMachine]
KEYS = Keys.of("default")


async def over(instance: Any) -> Advance[Any]:
    return Advance(state="over", payload=instance.payload)


def test_a_steak_is_grilled_step_by_step_and_each_step_is_heard_once(world: "World") -> None:
    async def story(world: "World") -> None:
        instance = await world.queue.submit("steak", {"cut": "ribeye"})
        (record,) = await world.wait(instance)
        assert (record.status, record.state, record.seq) == ("done", "DONE", 5)
        assert msgspec.json.decode(record.payload)["cut"] == "ribeye"
        assert [note.what for note in record.history] == ["submit", "claim", *["advance"] * 5, "end"]
        assert await world.queue.get(instance) == record
        await asyncio.sleep(1)
        assert world.applied == {f"{instance}-{seq}-0": 1 for seq in range(1, 6)}
        for folder in ("live", "ready", "running", "dead", "outbox"):
            assert not await world.keys(folder)

    world.run(story)


@pytest.mark.parametrize("fault", ["kill", "pause", "isolate"])
def test_what_a_vanished_worker_held_is_taken_over_and_it_commits_nothing_more(
    make_world: "type[World]", make_machine: Make, fault: str
) -> None:
    async def slow(instance: Any) -> Advance[Any]:
        await asyncio.sleep(4)
        return await over(instance)

    async def story(world: "World") -> None:
        instance = await world.queue.submit("test", {})
        node = await world.claimed(instance)
        control = world.cluster.control
        if fault == "isolate":
            await world.isolate(node)
        else:
            await getattr(control, fault)(node, Role.NODE)
        (record,) = await world.wait(instance, within_s=60)
        claims = [note for note in record.history if note.what == "claim"]
        assert [note.token for note in claims] == [1, 2]
        assert not claims[1].by.startswith(node)
        await control.mend()
        await control.resume(node, Role.NODE)
        await asyncio.sleep(20)
        assert await world.queue.get(instance) == record
        assert [one.by for one in world.told("advance", instance)] == [claims[1].by]

    make_world([make_machine(slow)]).run(story)


def test_a_claim_is_taken_over_only_when_the_owners_session_is_gone(
    make_world: "type[World]", make_machine: Make
) -> None:
    async def slow(instance: Any) -> Advance[Any]:
        await asyncio.sleep(4)
        return await over(instance)

    async def story(world: "World") -> None:
        instance = await world.queue.submit("test", {})
        owner = await world.claimed(instance)
        session = next(
            name for name, entry in (await world.keys("workers")).items() if entry.value == owner.encode()
        )
        mine = await world.store.open_session(10_000)
        entry = await world.store.put(KEYS.worker(mine.id), b"n9", session=mine)
        env = replace(world.envs[owner], node="n9", store=world.store)
        ledger = Ledger(world.store, KEYS)
        hands = Hands(
            env=env,
            ledger=ledger,
            machines=world.machines,
            session=mine,
            fence=Compare(KEYS.worker(mine.id), entry.version),
            outbox=Outbox(ledger, world._apply, env.log, env.clock),
            observe=world.seen.append,
        )
        await hands.work(instance, KEYS.running(session, instance))
        record = await world.queue.get(instance)
        assert record is not None
        assert (record.owner, record.token) == (session, 1)
        await world.store.delete(KEYS.worker(session))
        await hands.work(instance, KEYS.running(session, instance))
        (record,) = await world.wait(instance)
        assert record.token == 2
        assert [one.by for one in world.told("advance")] == [f"n9/{mine.id}"]

    make_world([make_machine(slow)]).run(story)


def test_a_worker_tells_its_session_and_what_it_has_in_hand(
    make_world: "type[World]", make_machine: Make
) -> None:
    async def story(world: "World") -> None:
        worker = world.workers["n1"]
        idle = await worker.handle(Request(method="GET", path="/status"))
        assert (idle.status, idle.body["alive"], idle.body["held"]) == (200, True, [])
        instance = await world.queue.submit("test", {})
        await world.claimed(instance)
        busy = await worker.handle(Request(method="GET", path="/status"))
        assert (busy.body["session"], busy.body["held"]) == (idle.body["session"], [instance])
        assert (await worker.handle(Request(method="GET", path="/"))).status == 404
        await world.isolate("n1")
        await asyncio.sleep(11)
        assert (await worker.handle(Request(method="GET", path="/status"))).status == 503

    make_world([make_machine(never)], nodes=("n1",)).run(story)


def test_a_tick_is_cancelled_when_its_worker_has_lost_the_session(
    make_world: "type[World]", make_machine: Make
) -> None:
    cancelled: list[str] = []

    async def slow(instance: Any) -> Advance[Any]:
        try:
            await asyncio.sleep(9.9)
        except asyncio.CancelledError:
            cancelled.append(instance.id)
            raise
        return await over(instance)

    async def story(world: "World") -> None:
        await asyncio.sleep(3)  # a while after the session was renewed: the tick would outlive it
        instance = await world.queue.submit("test", {})
        await world.isolate(await world.claimed(instance))
        await world.wait(instance, within_s=100)
        assert cancelled == [instance]

    make_world([make_machine(slow, deadline_ms=9_990)]).run(story)


def test_a_slow_tick_holds_up_nothing_but_its_own_slot(make_world: "type[World]", make_machine: Make) -> None:
    async def slow(instance: Any) -> Advance[Any]:
        await asyncio.sleep(4)
        return await over(instance)

    async def story(world: "World") -> None:
        await world.queue.submit("test", {})
        steaks = [await world.queue.submit("steak", {}) for _ in range(20)]
        await world.wait(*steaks, within_s=3)

    make_world([make_machine(slow), STEAK], slots=2, nodes=("n1",)).run(story)


def test_failed_ticks_are_tried_again_later_and_later(make_world: "type[World]", make_machine: Make) -> None:
    async def stubborn(instance: Any) -> Advance[Any]:
        if instance.attempt == 0:
            raise RetryError("not yet", after_ms=3_000)
        if instance.attempt < 4:
            raise OSError("the network")
        return await over(instance)

    async def story(world: "World") -> None:
        (record,) = await world.wait(await world.queue.submit("test", {}))
        assert (record.status, record.error, record.attempt) == ("done", None, 0)
        retries = [note for note in record.history if note.what == "retry"]
        assert [note.error for note in retries] == ["not yet", *["OSError: the network"] * 3]
        claims = [note.at_ms for note in record.history if note.what == "claim"]
        waits_ms = [later - note.at_ms for later, note in zip(claims[1:], retries, strict=True)]
        assert 3_000 <= waits_ms[0] < 3_500
        assert all(500 <= wait_ms < 6_500 for wait_ms in waits_ms[1:])

    make_world([make_machine(stubborn)]).run(story)


def raising(error: BaseException) -> Callable[[Any], Any]:
    async def tick(_instance: Any) -> Any:
        raise error

    return tick


def returning(result: Any) -> Callable[[Any], Any]:
    async def tick(_instance: Any) -> Any:
        return result

    return tick


async def never(_instance: Any) -> Any:
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("tick", "why"),
    [
        (raising(ValueError("boom")), "ValueError: boom"),
        (raising(SystemExit(3)), "SystemExit: 3"),
        (raising(asyncio.CancelledError()), "cancelled"),
        (raising(RetryError("no")), "no"),
        (returning(None), "must return an Advance"),
        (returning(Advance(state="nowhere", payload={})), "no edge"),
        (returning(Advance(state="begun", payload={})), "no edge"),
        (returning(Advance(state="over", payload={"number": "x"})), "int"),
        (returning(Advance(state="over", payload=object())), "object"),
        (returning(Advance(state="over", payload={}, effects=[0] * 26)), "26 effects"),
        (returning(Advance(state="over", payload={}, effects=[object()])), "object"),
        (never, "no result within 50 ms"),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_a_poisonous_tick_goes_to_dead_letter_and_leaves_the_worker_alone(
    make_world: "type[World]", make_machine: Make, tick: Any, why: str
) -> None:
    async def story(world: "World") -> None:
        poison = await world.queue.submit("test", {})
        (record,) = await world.wait(poison)
        assert (record.status, record.state, record.seq) == ("dead", "begun", 0)
        assert why in (record.error or "")
        assert [one.id async for one in world.queue.instances("dead")] == [poison]
        (steak,) = await world.wait(await world.queue.submit("steak", {}))
        assert steak.status == "done"
        assert not any("works in" in line for line in world.cluster.logs["n1"][1:]), "the worker began anew"

    make_world([make_machine(tick, attempts=2, deadline_ms=50), STEAK], nodes=("n1",)).run(story)


def test_what_fails_for_good_ends_at_once(make_world: "type[World]", make_machine: Make) -> None:
    async def story(world: "World") -> None:
        (record,) = await world.wait(await world.queue.submit("test", {}))
        assert (record.status, record.error) == ("failed", "closed")
        assert len(world.told("tick")) == 1

    make_world([make_machine(raising(FailError("closed")))]).run(story)


async def plant(world: "World", instance: str, value: bytes) -> None:
    """Write a ready record past all checks."""
    ready = f"{KEYS.ready(shard_of(instance))}{0:013d}/{instance}"
    await world.store.put(KEYS.live(instance), value)
    await world.store.put(ready, b"0")


@pytest.mark.parametrize("value", [b"", b"\xff\x00", b"null", b'{"id": "bad"}'])
def test_an_undecodable_record_goes_to_dead_letter_as_it_is(world: "World", value: bytes) -> None:
    async def story(world: "World") -> None:
        good = Record(
            id="bad", type="steak", chart=1, status="ready", state="INIT", payload=msgspec.Raw(b"{}")
        )
        await plant(world, "bad", value)
        record = await world.queue.wait("bad")
        while not await world.keys("dead"):
            await asyncio.sleep(0.1)
        assert "no record" in (record.error or "")
        assert [entry.value for entry in (await world.keys("live")).values()] == [value]
        assert not await world.keys("ready")
        # Mended by hand, it goes on where it was.
        await world.store.put(KEYS.live("bad"), encode(good))
        await world.queue.redrive("bad")
        assert (await world.wait("bad"))[0].status == "done"
        assert not await world.keys("dead")

    world.run(story)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"type": "stake"}, "no machine 'stake'"),
        ({"state": "BURNT"}, "'BURNT'"),
        ({"state": "DONE"}, "'DONE'"),
        ({"payload": msgspec.Raw(b'{"cut": 7}')}, "no Steak"),
        ({"chart": 2}, "version 2"),
    ],
)
def test_what_no_worker_can_tick_goes_to_dead_letter(
    make_world: "type[World]", fields: dict[str, Any], why: str
) -> None:
    async def story(world: "World") -> None:
        record = Record(
            id="odd", type="steak", chart=1, status="ready", state="INIT", payload=msgspec.Raw(b"{}")
        )
        await plant(world, "odd", encode(msgspec.structs.replace(record, **fields)))
        (dead,) = await world.wait("odd")
        assert dead.status == "dead"
        assert why in (dead.error or "")

    make_world([replace(STEAK, attempts=2)]).run(story)


def test_a_worker_told_to_stop_finishes_its_tick_and_gives_the_rest_back(
    make_world: "type[World]", make_machine: Make
) -> None:
    async def slow(instance: Any) -> Advance[Any]:
        await asyncio.sleep(2)
        return Advance(state="more" if instance.state == "begun" else "over", payload=instance.payload)

    edges = {"begun": ("more",), "more": ("over",), "over": ()}

    async def story(world: "World") -> None:
        instance = await world.queue.submit("test", {})
        await world.claimed(instance)
        world.workers["n1"].stop()
        await asyncio.sleep(3)
        record = await world.queue.get(instance)
        assert record is not None
        assert [note.what for note in record.history] == ["submit", "claim", "advance", "release"]
        assert (record.status, record.owner) == ("ready", None)
        assert not await world.keys("workers")

    make_world([make_machine(slow, edges=edges)], nodes=("n1",)).run(story)


def test_a_worker_told_to_stop_gives_back_what_takes_too_long(
    make_world: "type[World]", make_machine: Make
) -> None:
    async def story(world: "World") -> None:
        instance = await world.queue.submit("test", {})
        await world.claimed(instance)
        world.workers["n1"].stop()
        await asyncio.sleep(9)
        record = await world.queue.get(instance)
        assert record is not None
        assert [note.what for note in record.history] == ["submit", "claim", "release"]

    make_world([make_machine(never, deadline_ms=9_900)], nodes=("n1",)).run(story)


def test_an_effect_whose_worker_died_is_delivered_under_the_same_key_by_another(
    make_world: "type[World]", make_machine: Make
) -> None:
    async def bell(instance: Any) -> Advance[Any]:
        return Advance(state="over", payload=instance.payload, effects=("ring",))

    async def story(world: "World") -> None:
        deaf = asyncio.Event()

        async def hang(_effect: Any) -> None:
            deaf.set()
            await asyncio.Event().wait()

        for worker in world.workers.values():
            worker._apply = hang
        instance = await world.queue.submit("test", {})
        await deaf.wait()
        first: Observation = world.told("apply")[0]
        node = first.by.partition("/")[0]
        for name, worker in world.workers.items():
            if name != node:
                worker._apply = world._apply
        await world.cluster.control.kill(node, Role.NODE)
        async with asyncio.timeout(60):
            while await world.keys("outbox"):
                await asyncio.sleep(0.5)
        assert set(world.applied) == {f"{instance}-1-0"}
        assert [bytes(effect.value) for effect in world.effects][:1] == [b'"ring"']

    make_world([make_machine(bell)]).run(story)
