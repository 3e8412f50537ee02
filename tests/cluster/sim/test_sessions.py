"""Sessions: never dropped early, perhaps late; and the client stops believing before the store does."""

import asyncio

import pytest

from dsm_jepsen.cluster.sim import SimCluster
from dsm_jepsen.env import Link, Put, Role, SessionLostError, Store

OTHERS = {host: [f"n{i}" for i in range(1, 6) if f"n{i}" != host] for host in (f"n{i}" for i in range(1, 6))}


async def _follower(cluster: SimCluster) -> str:
    leader = await cluster.control.leader()
    return next(host for host in cluster.nodes if host != leader)


async def _isolate(cluster: SimCluster, host: str) -> None:
    await cluster.control.cut(Link(host, Role.STORE, other, Role.STORE) for other in OTHERS[host])


async def _gone_ms(cluster: SimCluster, store: Store, key: str) -> float:
    """Wait until a key is deleted; returns when, in milliseconds of virtual time."""
    async for change in store.watch(key, after=0):
        if change.entry is None:
            break
    return cluster.loop.now_us / 1_000


async def test_a_session_lives_as_long_as_it_is_renewed(cluster: SimCluster) -> None:
    store = await cluster.site("n1").open_store()
    session = await store.open_session(300)
    await store.put("k", b"", session=session)
    await asyncio.sleep(3600)
    assert session.alive
    assert await store.get("k") is not None


async def test_sessions_have_different_names(cluster: SimCluster) -> None:
    stores = [await cluster.site(host).open_store() for host in ("n1", "n2")]
    sessions = [await store.open_session(1_000) for store in stores for _ in range(3)]
    assert len({session.id for session in sessions}) == 6


async def test_closing_a_session_deletes_its_keys_in_one_entry(cluster: SimCluster) -> None:
    store = await cluster.site("n1").open_store()
    session = await store.open_session(1_000)
    await store.transact((), (Put("a", b"", session), Put("b", b"", session), Put("freed", b"", session)))
    await store.put("freed", b"stays: bound to no session")
    await session.close()
    await session.close()
    assert not session.alive
    await session.wait_lost()
    assert [entry.key for entry in await store.list("")] == ["freed"]
    assert cluster._store.log.position == 3


async def test_a_lost_session_binds_nothing_and_nothing_of_the_transaction_is_done(
    cluster: SimCluster,
) -> None:
    store = await cluster.site("n1").open_store()
    session = await store.open_session(1_000)
    await session.close()
    with pytest.raises(SessionLostError):
        await store.transact((), (Put("free", b""), Put("bound", b"", session)))
    assert await store.list("") == ()


@pytest.mark.parametrize("cluster", range(20), indirect=True)
async def test_without_renewals_the_client_gives_up_in_time_and_the_store_not_before(
    cluster: SimCluster,
) -> None:
    host = await _follower(cluster)
    store = await cluster.site(host).open_store()
    session = await store.open_session(1_000)
    await store.put("k", b"", session=session)
    await asyncio.sleep(0.1)
    cut_ms = cluster.loop.now_us / 1_000
    await cluster.control.pause(host, Role.STORE)
    other = await cluster.site(next(o for o in OTHERS[host] if o != host)).open_store()
    gone = asyncio.create_task(_gone_ms(cluster, other, "k"))
    await session.wait_lost()
    lost_ms = cluster.loop.now_us / 1_000
    assert not session.alive
    assert lost_ms <= cut_ms + 1_000
    assert not gone.done()
    assert lost_ms <= await gone <= lost_ms + 3_500
    await cluster.control.resume(host, Role.STORE)
    await asyncio.sleep(1)
    assert not session.alive, "lost for good"


async def test_a_killed_client_renews_no_more(cluster: SimCluster) -> None:
    node = cluster.loop.process("n1/node")
    store = cluster.connect(node, "n1")

    async def program() -> None:
        session = await store.open_session(500)
        await store.put("k", b"", session=session)
        await session.wait_lost()

    cluster.loop.create_task(program(), context=node.context.copy())
    await asyncio.sleep(10)
    client = await cluster.site("n1").open_store()
    assert await client.get("k") is not None
    node.kill()
    await asyncio.sleep(2)
    assert await client.get("k") is None


async def test_a_paused_client_knows_the_truth_as_soon_as_it_goes_on(cluster: SimCluster) -> None:
    node = cluster.loop.process("n1/node")
    store, seen = cluster.connect(node, "n1"), []

    async def program() -> None:
        session = await store.open_session(500)
        while True:
            seen.append(session.alive)
            await asyncio.sleep(0.01)

    cluster.loop.create_task(program(), context=node.context.copy())
    await asyncio.sleep(1)
    node.pause()
    assert seen[-1]
    await asyncio.sleep(5)
    node.resume()
    await asyncio.sleep(0.001)
    assert not seen[-1]


@pytest.mark.parametrize("cluster", range(10), indirect=True)
async def test_a_new_leader_grants_the_whole_ttl_anew(cluster: SimCluster) -> None:
    leader = await cluster.control.leader()
    assert leader is not None
    host = await _follower(cluster)
    store = await cluster.site(host).open_store()
    session = await store.open_session(1_500)
    await store.put("k", b"", session=session)
    await cluster.control.kill(host, Role.STORE)  # nobody renews any more
    await _isolate(cluster, leader)
    while await cluster.control.leader() is None:
        await asyncio.sleep(0.001)
    elected_ms = cluster.loop.now_us / 1_000
    other = await cluster.site(str(await cluster.control.leader())).open_store()
    assert await _gone_ms(cluster, other, "k") >= elected_ms + 1_500 - 1


async def test_without_a_quorum_nothing_expires(cluster: SimCluster) -> None:
    store = await cluster.site("n1").open_store()
    session = await store.open_session(500)
    await store.put("k", b"", session=session)
    for host in ("n3", "n4", "n5"):
        await cluster.control.kill(host, Role.STORE)
    await asyncio.sleep(60)
    assert not session.alive
    assert await store.get("k", stale_ok=True) is not None
    for host in ("n3", "n4", "n5"):
        await cluster.control.restart(host, Role.STORE)
    await asyncio.sleep(5)
    assert await store.get("k") is None


async def test_a_closed_connection_lets_its_sessions_end_by_their_ttl(cluster: SimCluster) -> None:
    other = await cluster.site("n2").open_store()
    async with await cluster.site("n1").open_store() as store:
        session = await store.open_session(1_000)
        await store.put("k", b"", session=session)
    assert session.alive
    assert await other.get("k") is not None
    await session.wait_lost()
    await asyncio.sleep(3)
    assert await other.get("k") is None


async def test_a_session_that_is_closed_while_the_store_is_away_ends_later(cluster: SimCluster) -> None:
    host = await _follower(cluster)
    store = await cluster.site(host).open_store()
    session = await store.open_session(1_000)
    await store.put("k", b"", session=session)
    await cluster.control.kill(host, Role.STORE)
    await session.close()
    assert not session.alive
    other = await cluster.site(next(o for o in OTHERS[host] if o != host)).open_store()
    assert await other.get("k") is not None
    await asyncio.sleep(4)
    assert await other.get("k") is None


async def test_a_session_needs_a_ttl(cluster: SimCluster) -> None:
    store = await cluster.site("n1").open_store()
    with pytest.raises(ValueError, match="a session cannot last 0 ms; give it at least 1"):
        await store.open_session(0)
