"""What a store promises of sessions: they never end early, and their holder knows first."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from dsm_jepsen.env import Compare, OutcomeError, Put

if TYPE_CHECKING:
    from tests.contract.conftest import World

Eventually = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]


@pytest.fixture
def key(key_of_both_kinds: str) -> str:
    return key_of_both_kinds


def now_s() -> float:
    """The time of the world's loop."""
    return asyncio.get_running_loop().time()


async def test_sessions_have_names_of_their_own_and_are_alive(world: "World") -> None:
    store = await world.connect()
    sessions = [await store.open_session(5000) for _ in range(3)]
    assert len({session.id for session in sessions}) == 3
    assert all(session.alive for session in sessions)


async def test_closing_a_session_deletes_its_keys_and_no_others(world: "World", key: str) -> None:
    store, other = await world.connect(0), await world.connect(1)
    session, kept = await store.open_session(5000), await store.open_session(5000)
    await store.put(f"{key}/1", b"", session=session)
    await store.transact([Compare(f"{key}/2", None)], [Put(f"{key}/2", b"", session), Put(f"{key}/3", b"")])
    await store.put(f"{key}/4", b"", session=kept)
    await session.close()
    assert not session.alive
    await session.wait_lost()
    assert kept.alive
    assert [entry.key for entry in await other.list(key)] == [f"{key}/3", f"{key}/4"]


async def test_a_key_follows_the_session_of_its_last_write(world: "World", key: str) -> None:
    store = await world.connect()
    session = await store.open_session(5000)
    await store.put(key, b"bound", session=session)
    free = await store.put(key, b"free")
    await session.close()
    assert await store.get(key) == free


async def test_a_write_bound_to_a_session_that_was_closed_does_nothing(world: "World", key: str) -> None:
    store = await world.connect()
    session = await store.open_session(5000)
    await session.close()
    with pytest.raises(OutcomeError):
        await store.put(key, b"", session=session)
    with pytest.raises(OutcomeError):
        await store.transact([], [Put(f"{key}/free", b""), Put(key, b"", session)])
    assert await store.list(key) == ()


async def test_a_session_is_renewed_for_as_long_as_its_connection_works(world: "World", key: str) -> None:
    store = await world.connect()
    session = await store.open_session(1000)
    written = await store.put(key, b"", session=session)
    await asyncio.sleep(4)
    assert session.alive
    assert await store.get(key) == written


async def test_sessions_without_renewals_end_but_none_early(world: "World", key: str) -> None:
    store, other = await world.connect(0), await world.connect(1)
    began_s = now_s()
    sessions = await asyncio.gather(*(store.open_session(2000) for _ in range(30)))
    for number, session in enumerate(sessions):
        await store.put(f"{key}/{number}", b"", session=session)
    await store.close()
    async with asyncio.timeout(20):
        while there := await other.list(f"{key}/"):
            assert len(there) == 30 or now_s() - began_s >= 2
            await asyncio.sleep(0.05)
    assert now_s() - began_s >= 2
    assert not any(session.alive for session in sessions)


@pytest.mark.ensemble
async def test_who_holds_a_session_knows_of_its_loss_before_anybody_else(
    world: "World", key: str, eventually: Eventually
) -> None:
    store, other = await world.connect(0), await world.connect(1)
    session = await store.open_session(2000)
    await store.put(key, b"", session=session)
    await world.kill_member(0)
    states: list[tuple[bool, bool]] = []

    async def gone() -> bool:
        try:
            there = await other.get(key) is not None
        except OutcomeError:  # the member killed may have led
            there = True
        states.append((there, session.alive))
        return not there

    await eventually(gone)
    assert (False, True) not in states
    await session.wait_lost()


async def test_a_session_is_lost_for_good_when_its_renewals_are_not_confirmed(world: "World") -> None:
    store = await world.connect(0)
    session = await store.open_session(1500)
    await world.stop_quorum()
    await asyncio.wait_for(session.wait_lost(), 20)
    await world.restore()
    await asyncio.sleep(1)
    assert not session.alive
