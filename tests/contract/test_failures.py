"""What a store promises when members are gone: it says what is certain, and what is not."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from dsm_jepsen.env import Compare, DefiniteError, Entry, IndefiniteError, OutcomeError, Put, Store

if TYPE_CHECKING:
    from tests.contract.conftest import World

Eventually = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]


@pytest.mark.ensemble
async def test_without_a_quorum_at_most_stale_reads_are_answered(world: "World", key: str) -> None:
    stores = [await world.connect(member) for member in (0, 1)]
    written = await stores[0].put(key, b"before")
    await stores[1].get(key)
    await world.stop_quorum()

    async def try_all(number: int, store: Store) -> None:
        reads = (store.get(key), store.list(key))
        writes = (
            store.put(f"{key}/{number}/put", b""),
            store.delete(key),
            store.compare_and_set(f"{key}/{number}/cas", b"", version=None),
            store.transact([Compare(key, written.version)], [Put(f"{key}/{number}/txn", b"")]),
            store.open_session(5000),
        )
        answers = await asyncio.gather(*reads, *writes, return_exceptions=True)
        for answer in answers[: len(reads)]:
            if not (world.trusting and answer in (written, (written,))):
                ended_alone(world, answer)
        for answer, done in zip(
            answers[len(reads) :], ("put", "delete", "cas", "txn", "session"), strict=True
        ):
            ended_alone(world, answer)
            if isinstance(answer, DefiniteError):
                never.add(f"{key}/{number}/{done}")
        if world.closes:
            for read in (store.get(key, stale_ok=True), store.list(key, stale_ok=True)):
                with pytest.raises(OutcomeError) as caught:
                    await read
                ended_alone(world, caught.value)
        else:
            assert await store.get(key, stale_ok=True) == written
            assert await store.list(key, stale_ok=True) == (written,)

    never: set[str] = set()
    await asyncio.gather(*(try_all(number, store) for number, store in enumerate(stores)))
    await world.restore()
    assert not never & {entry.key for entry in await (await world.connect(4)).list(key)}


def ended_alone(world: "World", answer: object) -> None:
    """See that a call ended as it may on a member without a quorum."""
    assert isinstance(answer, OutcomeError)
    assert answer.kind in (world.refuses if isinstance(answer, DefiniteError) else world.leaves_open)


async def test_a_write_of_unknown_outcome_is_done_once_or_never(world: "World", key: str) -> None:
    stores = [await world.connect(member) for member in range(5)]
    before = await stores[0].put(key, b"before")
    await world.stop_quorum()
    with pytest.raises(IndefiniteError):
        await stores[0].put(key, b"unknown")
    await world.restore()
    reads = [await stores[turn % 5].get(key) for turn in range(50)]
    versions = [entry.version for entry in reads if entry is not None]
    assert len(versions) == 50
    changed = [entry for entry in reads if entry != before]
    assert all(entry is not None and entry.value == b"unknown" for entry in changed)
    assert len({entry.version for entry in changed if entry is not None}) <= 1
    assert reads == [before] * (50 - len(changed)) + changed


async def test_what_was_acknowledged_outlives_the_end_of_all_members(world: "World", key: str) -> None:
    store = await world.connect()
    written = [await store.put(f"{key}/{number}", b"kept") for number in range(20)]
    await world.end_all()
    await world.restore()
    again = await world.connect()
    assert [await again.get(entry.key) for entry in written] == written


async def test_a_compare_and_set_that_lost_its_answer_is_never_done_twice(world: "World", key: str) -> None:
    store = await world.connect(0)
    before = await store.put(key, b"0")
    await world.stop_quorum()
    tries = [store.compare_and_set(key, b"%d" % n, version=before.version) for n in range(1, 6)]
    for error in await asyncio.gather(*tries, return_exceptions=True):
        assert isinstance(error, IndefiniteError)
    await world.restore()
    watch = store.watch(key, after=before.position)
    final = await store.put(key, b"final")
    changes = [await anext(watch)]
    while changes[-1].position < final.position:
        changes.append(await anext(watch))
    assert len(changes) <= 2


async def test_the_store_works_again_when_its_quorum_is_back(world: "World", key: str) -> None:
    store = await world.connect(0)
    await store.put(key, b"before")
    await world.stop_quorum()
    with pytest.raises(IndefiniteError):
        await store.put(f"{key}/unknown", b"")
    await world.restore()
    written = await store.put(key, b"after")
    assert await (await world.connect(4)).get(key) == written


@pytest.mark.ensemble
async def test_a_member_that_refuses_connections_has_certainly_done_nothing(world: "World", key: str) -> None:
    other = await world.connect(1)
    before = await other.put(key, b"before")
    await world.kill_member(0)
    store = await world.connect(0)
    with pytest.raises(DefiniteError):
        await store.put(key, b"never")
    with pytest.raises(DefiniteError):
        await store.compare_and_set(key, b"never", version=before.version)
    with pytest.raises(DefiniteError):
        await store.delete(key)
    with pytest.raises(DefiniteError):
        await store.open_session(5000)
    assert await _read_when_led(other, key) == before


async def test_a_closed_connection_sends_nothing(world: "World", key: str) -> None:
    store, other = await world.connect(0), await world.connect(1)
    session = await store.open_session(5000)
    watch = store.watch(key, after=0)
    before = await store.put(key, b"before")
    await store.close()
    for call in (store.put(key, b"never"), store.get(key), store.open_session(5000)):
        with pytest.raises(DefiniteError):
            await call
    await session.close()
    assert not session.alive
    async with asyncio.timeout(10):
        assert {change.entry async for change in watch} <= {before}
    assert await other.get(key) == before


@pytest.mark.ensemble
async def test_calls_under_way_when_their_connection_closes_have_no_known_outcome(
    world: "World", key: str
) -> None:
    store = await world.connect(0)
    await store.put(key, b"before")
    await world.stop_quorum()
    call = asyncio.create_task(store.put(key, b"unknown"))
    await asyncio.sleep(0.2)
    await store.close()
    with pytest.raises(IndefiniteError):
        await call


async def test_a_connection_finds_its_member_again_when_it_is_back(
    world: "World", key: str, eventually: Eventually
) -> None:
    store = await world.connect(0)
    written = await store.put(key, b"x")
    await world.kill_member(0)
    with pytest.raises(OutcomeError):
        await store.get(key)
    await world.restore()

    async def answers() -> bool:
        try:
            return await store.get(key) == written
        except OutcomeError:
            return False

    await eventually(answers)


@pytest.mark.ensemble
async def test_writes_in_flight_when_a_member_dies_are_kept_or_lost_but_not_mixed_up(
    world: "World", key: str
) -> None:
    store, other = await world.connect(0), await world.connect(1)
    calls = [asyncio.create_task(store.put(f"{key}/{number}", b"%d" % number)) for number in range(50)]
    await asyncio.sleep(0.005)
    await world.kill_member(0)
    results = await asyncio.gather(*calls, return_exceptions=True)
    await _read_when_led(other, key)
    found = {entry.key: entry for entry in await other.list(f"{key}/")}
    for number, result in enumerate(results):
        name = f"{key}/{number}"
        if isinstance(result, DefiniteError):
            assert name not in found
        elif not isinstance(result, IndefiniteError):
            assert found[name] == result


async def _read_when_led(store: Store, key: str) -> Entry | None:
    """Read, again and again while there is no leader: the member killed may have been it."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await store.get(key)
            except OutcomeError:
                await asyncio.sleep(0.05)


@pytest.mark.ensemble
async def test_a_member_that_was_killed_still_knows_what_it_knew(
    world: "World", key: str, eventually: Eventually
) -> None:
    written = await (await world.connect(1)).put(key, b"kept")
    before = await world.connect(0)

    async def knows() -> bool:
        return await before.get(key, stale_ok=True) == written

    await eventually(knows)
    await world.kill_member(0)
    await world.restore()
    # What may be stale is not older than what this member has shown.
    assert await (await world.connect(0)).get(key, stale_ok=True) == written
