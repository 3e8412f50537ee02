"""What ZooKeeper promises differently from etcd: pipelines, members that close, numbers, rings and ticks."""

import asyncio
from collections.abc import Iterator

import pytest

from dsm_jepsen.cluster.sim import SimCluster
from dsm_jepsen.cluster.sim.connection import SimConnection
from dsm_jepsen.cluster.sim.promises import RING_SIZE
from dsm_jepsen.env import CompactedError, DefiniteError, Entry, IndefiniteError, Link, Role, Store, Watch

SYNC_LIMIT_S = 1.0
"""The longest that a member serves without a leader."""


@pytest.fixture
def cluster(request: pytest.FixtureRequest) -> Iterator[SimCluster]:
    """A cluster that models ZooKeeper, of seed 1 or of the seeds of an indirect parameter."""
    with SimCluster(seed=getattr(request, "param", 1), store="zookeeper") as made:
        yield made


async def _follower(cluster: SimCluster) -> str:
    leader = await cluster.control.leader()
    return next(host for host in cluster.nodes if host != leader)


async def _isolate(cluster: SimCluster, host: str) -> None:
    others = [other for other in cluster.nodes if other != host]
    await cluster.control.cut(Link(host, Role.STORE, other, Role.STORE) for other in others)
    await cluster.control.cut(Link(other, Role.STORE, host, Role.STORE) for other in others)


async def _store(cluster: SimCluster, host: str) -> Store:
    return await cluster.site(host).open_store()


async def _write(store: Store, key: str, count: int) -> list[Entry]:
    return [await store.put(key, str(number).encode()) for number in range(count)]


async def _served_s(cluster: SimCluster, store: Store, expected: Entry | None) -> float:
    """Read again and again, and return for how many seconds there were answers."""
    began_us = answered_us = cluster.loop.now_us
    while True:
        try:
            assert await store.get("k", stale_ok=True) == expected
        except IndefiniteError:
            return (answered_us - began_us) / 1_000_000
        answered_us = cluster.loop.now_us
        await asyncio.sleep(0.005)


# Versions.


async def test_a_keys_changes_are_numbered_and_deletions_count(cluster: SimCluster) -> None:
    store = await _store(cluster, "n1")
    await store.put("other", b"")
    assert [entry.version for entry in await _write(store, "k", 3)] == [1, 2, 3]
    await store.delete("k")
    again = await store.put("k", b"")
    assert (again.version, again.position) == (5, 6)
    assert await store.get("k") == again
    assert await store.compare_and_set("k", b"", version=1) is None, "no number comes twice"


# A connection is a session, and a session is a pipeline.


async def test_requests_of_a_session_are_carried_out_in_the_order_they_were_made(cluster: SimCluster) -> None:
    store = await _store(cluster, "n2")
    written = await asyncio.gather(*(store.put("k", str(number).encode()) for number in range(50)))
    assert [entry.version for entry in written] == list(range(1, 51))


async def test_a_read_sees_what_its_session_wrote_before_also_when_nobody_waited(cluster: SimCluster) -> None:
    store = await _store(cluster, await _follower(cluster))
    for number in range(50):
        writing = asyncio.create_task(store.put("k", str(number).encode()))
        await asyncio.sleep(0)
        assert await store.get("k", stale_ok=True) == await writing


async def test_a_write_that_hangs_holds_up_the_stale_reads_behind_it(cluster: SimCluster) -> None:
    host = await _follower(cluster)
    store, other = await _store(cluster, host), await _store(cluster, host)
    written = await store.put("k", b"")
    await _isolate(cluster, host)
    before_us = cluster.loop.now_us
    writing = asyncio.create_task(store.put("k", b"hangs"))
    await asyncio.sleep(0)
    reading = asyncio.create_task(store.get("k", stale_ok=True))
    assert await other.get("k", stale_ok=True) == written, "another session is not held up"
    assert cluster.loop.now_us - before_us < 10_000
    for call in (writing, reading):
        with pytest.raises(IndefiniteError):
            await call


async def test_what_waited_in_a_session_is_done_even_if_its_caller_gave_up(cluster: SimCluster) -> None:
    host = await _follower(cluster)
    store = await _store(cluster, host)
    await cluster.control.pause(host, Role.STORE)
    hanging = asyncio.create_task(store.put("first", b""))
    await asyncio.sleep(0.1)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(store.put("ghost", b""), 0.5)
    await cluster.control.resume(host, Role.STORE)
    await hanging
    assert await store.get("ghost") is not None


async def test_a_closed_session_sends_nothing_of_what_waited(cluster: SimCluster) -> None:
    host = await _follower(cluster)
    store = await _store(cluster, host)
    await cluster.control.pause(host, Role.STORE)
    calls = [asyncio.create_task(store.put(key, b"")) for key in ("first", "waits")]
    await asyncio.sleep(0.1)
    await store.close()
    await cluster.control.resume(host, Role.STORE)
    for error in (await asyncio.gather(*calls, return_exceptions=True))[1:]:
        assert isinstance(error, IndefiniteError)
    assert await (await _store(cluster, host)).get("waits") is None


# A member without a leader closes.


@pytest.mark.parametrize("cluster", range(8), indirect=True)
async def test_a_member_cut_off_answers_stale_reads_for_a_while_and_then_breaks_its_connections(
    cluster: SimCluster,
) -> None:
    host = await _follower(cluster)
    store = await _store(cluster, host)
    written = await store.put("k", b"")
    watch = store.watch("none", after=0)
    await _isolate(cluster, host)
    assert await _served_s(cluster, store, written) <= SYNC_LIMIT_S + 0.002
    with pytest.raises(IndefiniteError, match="watch-broken"):
        await anext(watch)
    with pytest.raises(IndefiniteError, match="watch-broken"):
        await anext(store.watch("none", after=0))


def test_how_long_a_member_without_a_leader_serves_is_drawn() -> None:
    """From almost not at all to the whole limit: both ends must be survived."""

    async def served_s(cluster: SimCluster) -> float:
        await cluster.start(None)
        host = await _follower(cluster)
        store = await _store(cluster, host)
        await _isolate(cluster, host)
        return await _served_s(cluster, store, None)

    served = []
    for seed in range(40):
        with SimCluster(seed=seed, store="zookeeper") as cluster:
            served.append(cluster.run(served_s(cluster)))
    assert min(served) < 0.2
    assert max(served) > 0.8


async def test_what_was_under_way_when_a_member_closed_is_unknown(cluster: SimCluster) -> None:
    host = await _follower(cluster)
    store = await _store(cluster, host)
    await _isolate(cluster, host)
    with pytest.raises(IndefiniteError, match="connection-reset"):
        await store.put("k", b"")


async def test_a_member_that_closed_takes_what_waited_before_it_when_it_follows_again(
    cluster: SimCluster,
) -> None:
    host = await _follower(cluster)
    store = await _store(cluster, host)
    await _isolate(cluster, host)
    await asyncio.sleep(2)
    writing = asyncio.create_task(store.put("k", b"late"))
    await asyncio.sleep(1)
    await cluster.control.mend()
    assert (await writing).value == b"late"


async def test_a_leader_alone_closes_too(cluster: SimCluster) -> None:
    leader = await cluster.control.leader()
    assert leader is not None
    store = await _store(cluster, leader)
    await store.put("k", b"")
    await _isolate(cluster, leader)
    await asyncio.sleep(SYNC_LIMIT_S)
    with pytest.raises(IndefiniteError):
        await store.get("k", stale_ok=True)


async def test_a_restarted_member_serves_once_it_follows(cluster: SimCluster) -> None:
    host = await _follower(cluster)
    store = await _store(cluster, host)
    written = await store.put("k", b"")
    await cluster.control.kill(host, Role.STORE)
    with pytest.raises(DefiniteError, match="connection-refused"):
        await store.get("k", stale_ok=True)
    await _isolate(cluster, host)
    await cluster.control.restart(host, Role.STORE)
    with pytest.raises(IndefiniteError):
        await store.get("k", stale_ok=True)
    await cluster.control.mend()
    assert await store.get("k", stale_ok=True) == written


async def test_a_connection_never_goes_backwards_whatever_happens_to_its_member(cluster: SimCluster) -> None:
    host = await _follower(cluster)
    behind, ahead = await _store(cluster, host), await _store(cluster, await _other(cluster, host))
    control, seen = cluster.control, [0]
    for turn in range(60):
        await ahead.put("k", b"")
        match turn % 15:
            case 3:
                await control.kill(host, Role.STORE)
            case 5:
                await control.restart(host, Role.STORE)
            case 8:
                await _isolate(cluster, host)
            case 11:
                await control.mend()
        try:
            entry = await behind.get("k", stale_ok=turn % 4 != 0)
        except (DefiniteError, IndefiniteError):
            continue
        seen.append(0 if entry is None else entry.position)
    assert seen == sorted(seen)
    assert seen[-1] > 40


async def _other(cluster: SimCluster, host: str) -> str:
    leader = await cluster.control.leader()
    return next(other for other in cluster.nodes if other not in (host, leader))


# A key's last changes are kept in a ring.


async def test_a_reader_within_the_ring_misses_nothing_and_one_further_behind_is_told(
    cluster: SimCluster,
) -> None:
    store = await _store(cluster, "n1")
    written = await _write(store, "k", RING_SIZE + 2)
    await _write(store, "other", 2 * RING_SIZE)
    watch = store.watch("k", after=written[1].position)
    assert [(await anext(watch)).entry for _ in range(RING_SIZE)] == written[2:]
    for after in (0, written[0].position):
        with pytest.raises(CompactedError):
            await anext(store.watch("k", after=after))


async def test_a_slow_reader_is_told_that_the_ring_overtook_it_and_goes_on_from_a_read(
    cluster: SimCluster,
) -> None:
    store = await _store(cluster, "n1")
    watch = store.watch("k", after=0)
    first = (await _write(store, "k", 1))[0]
    assert (await anext(watch)).entry == first
    written = await _write(store, "k", 10 * RING_SIZE)
    seen = await _until_compacted(watch)
    assert seen == written[: len(seen)], "no gap before it was told"
    assert len(seen) <= 2 * RING_SIZE
    entry = await store.get("k")
    assert entry == written[-1]
    on = store.watch("k", after=entry.position)
    (more,) = await _write(store, "k", 1)
    assert (await anext(on)).entry == more


async def _until_compacted(watch: Watch) -> list[Entry | None]:
    seen = []
    while True:
        try:
            seen.append((await anext(watch)).entry)
        except CompactedError:
            return seen


@pytest.mark.parametrize("size", [1, 4, 64])
async def test_the_rings_size_is_chosen(cluster: SimCluster, size: int) -> None:
    small = SimCluster(seed=1, store="zookeeper", ring_size=size)

    async def story() -> None:
        await small.start(None)
        store = await _store(small, "n1")
        written = await _write(store, "k", size + 1)
        watch = store.watch("k", after=written[0].position)
        assert [(await anext(watch)).entry for _ in range(size)] == written[1:]
        with pytest.raises(CompactedError):
            await anext(store.watch("k", after=0))

    small.run(story())
    small.close()
    assert cluster.nodes == small.nodes


def test_a_ring_that_is_no_power_of_two_is_refused_and_so_is_an_unknown_store() -> None:
    for size in (0, -4, 3, 33):
        with pytest.raises(ValueError, match="power of two"):
            SimCluster(seed=1, store="zookeeper", ring_size=size)
    with pytest.raises(ValueError, match="no model of a store 'consul'; there are etcd, zookeeper"):
        SimCluster(seed=1, store="consul")


# Sessions.


@pytest.mark.parametrize("cluster", range(10), indirect=True)
async def test_the_store_ends_sessions_on_ticks_and_never_early(cluster: SimCluster) -> None:
    store = SimConnection(
        cluster._store, cluster.loop.process("n1/node"), cluster._store.members["n1"], timeout_ms=500
    )
    session = await store.open_session(950)
    lease = cluster._store.leases._leases[session.id]
    assert lease.deadline_us % 200_000 == 0
    granted_us = lease.deadline_us - cluster.loop.now_us
    assert 940_000 <= granted_us < 1_150_000


async def test_sessions_do_not_end_while_there_is_no_leader(cluster: SimCluster) -> None:
    store = await _store(cluster, "n1")
    session = await store.open_session(500)
    await store.put("k", b"", session=session)
    await store.close()
    for host in cluster.nodes[2:]:
        await cluster.control.pause(host, Role.STORE)
    await asyncio.sleep(60)
    assert cluster._store.log.entry("k") is not None
    for host in cluster.nodes[2:]:
        await cluster.control.resume(host, Role.STORE)
    await asyncio.sleep(5)
    assert cluster._store.log.entry("k") is None
