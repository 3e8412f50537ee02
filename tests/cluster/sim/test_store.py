"""The way of a request: to the member, to the leader, and back; and what is lost on it."""

import asyncio

import pytest

from dsm_jepsen.cluster.sim import SimCluster
from dsm_jepsen.env import (
    Commit,
    Compare,
    DefiniteError,
    Delete,
    IndefiniteError,
    Link,
    OutcomeError,
    Put,
    Role,
)


async def _leader(cluster: SimCluster) -> str:
    leader = await cluster.control.leader()
    assert leader is not None
    return leader


async def _follower(cluster: SimCluster) -> str:
    leader = await _leader(cluster)
    return next(host for host in cluster.nodes if host != leader)


def _between(one: str, others: list[str]) -> list[Link]:
    return [
        Link(*ends)
        for other in others
        for ends in ((one, Role.STORE, other, Role.STORE), (other, Role.STORE, one, Role.STORE))
    ]


async def _isolate(cluster: SimCluster, host: str) -> None:
    await cluster.control.cut(_between(host, [other for other in cluster.nodes if other != host]))


async def test_entry_i_has_revision_i_and_writes_of_a_transaction_share_it(cluster: SimCluster) -> None:
    store = await cluster.site("n1").open_store()
    first = await store.put("a", b"1")
    assert (first.version, first.position) == (1, 1)
    assert await store.transact((), (Put("b", b""), Delete("a"), Delete("none"))) == Commit(
        2, (2, None, None)
    )
    assert await store.transact((), (Delete("none"),)) == Commit(2, (None,)), "nothing changed: no entry"
    assert await store.transact((Compare("b", 1),), (Put("b", b"2"),)) is None
    assert await store.compare_and_set("c", b"", version=None) is not None
    assert not await store.delete("a")
    assert await store.delete("b")
    assert cluster._store.log.position == 4


async def test_a_transaction_that_writes_a_key_twice_is_refused(cluster: SimCluster) -> None:
    store = await cluster.site("n1").open_store()
    with pytest.raises(ValueError, match="each key may be written once"):
        await store.transact((), (Put("a", b"1"), Delete("a")))


def test_a_linearizable_operation_takes_at_most_seven_callbacks() -> None:
    async def story(cluster: SimCluster, operations: int) -> None:
        await cluster.start(None)
        store = await cluster.site(await _follower(cluster)).open_store()
        for _ in range(operations // 2):
            await store.put("k", b"")
            await store.get("k")

    steps = []
    for operations in (0, 1_000):
        with SimCluster(seed=1) as cluster:
            cluster.run(story(cluster, operations))
            steps.append(cluster.loop.steps)
    assert steps[1] - steps[0] <= 7 * 1_000


async def test_a_dead_member_refuses_at_once_and_nothing_was_done(cluster: SimCluster) -> None:
    host = await _follower(cluster)
    store = await cluster.site(host).open_store()
    await cluster.control.kill(host, Role.STORE)
    for refused in (store.put("k", b""), store.get("k"), store.get("k", stale_ok=True)):
        with pytest.raises(DefiniteError, match="connection-refused"):
            async with asyncio.timeout(0.01):
                await refused
    await cluster.control.restart(host, Role.STORE)
    assert await store.get("k") is None


async def test_without_a_quorum_all_but_stale_reads_time_out_after_two_seconds(cluster: SimCluster) -> None:
    host = await _leader(cluster)
    store = await cluster.site(host).open_store()
    written = await store.put("k", b"1")
    for other in [other for other in cluster.nodes if other != host][:3]:
        await cluster.control.pause(other, Role.STORE)
    assert await cluster.control.leader() is None
    before_us = cluster.loop.now_us
    for lost in (store.put("k", b"2"), store.get("k"), store.delete("k"), store.open_session(1_000)):
        with pytest.raises(IndefiniteError, match="timeout"):
            await lost
    assert cluster.loop.now_us - before_us == 8_000_000
    assert await store.get("k", stale_ok=True) == written


async def test_a_paused_member_is_silent_and_goes_on_with_what_it_was_asked(cluster: SimCluster) -> None:
    host = await _follower(cluster)
    store = await cluster.site(host).open_store()
    await cluster.control.pause(host, Role.STORE)
    with pytest.raises(IndefiniteError, match="timeout"):
        await store.put("k", b"late")
    other = await cluster.site(await _leader(cluster)).open_store()
    assert await other.get("k") is None
    await cluster.control.resume(host, Role.STORE)
    await asyncio.sleep(0.1)
    assert await other.get("k") is not None, "giving up withdraws nothing"


async def test_one_direction_between_a_client_and_its_member_can_be_cut(cluster: SimCluster) -> None:
    """The request gets through, its answer does not: the write is done, and its outcome unknown."""
    host = await _follower(cluster)
    node = cluster.connect(cluster.loop.process(f"{host}/node"), host)
    await cluster.control.cut([Link(host, Role.STORE, host, Role.NODE)])
    with pytest.raises(IndefiniteError, match="timeout"):
        await node.put("k", b"")
    client = await cluster.site(host).open_store()
    assert await client.get("k") is not None
    await cluster.control.cut([Link(host, Role.NODE, host, Role.STORE)])
    with pytest.raises(IndefiniteError, match="timeout"):
        await node.put("lost", b"")
    assert await client.get("lost") is None


async def test_a_write_is_answered_when_the_clients_own_member_knows_it(cluster: SimCluster) -> None:
    store = await cluster.site(await _follower(cluster)).open_store()
    for number in range(200):
        written = await store.put("k", str(number).encode())
        assert await store.get("k", stale_ok=True) == written


async def test_another_member_may_be_behind_but_not_for_linearizable_reads(cluster: SimCluster) -> None:
    host, leader = await _follower(cluster), await _leader(cluster)
    behind, ahead = [await cluster.site(each).open_store() for each in (host, leader)]
    stale = 0
    for number in range(200):
        written = await ahead.put("k", str(number).encode())
        known = await behind.get("k", stale_ok=True)
        stale += known is None or known.position < written.position
        assert await behind.get("k") == written
    assert 0 < stale < 200


async def test_a_member_that_was_cut_off_catches_up_when_mended(cluster: SimCluster) -> None:
    host, leader = await _follower(cluster), await _leader(cluster)
    behind, ahead = [await cluster.site(each).open_store() for each in (host, leader)]
    await behind.put("k", b"1")
    await _isolate(cluster, host)
    written = await ahead.put("k", b"2")
    await asyncio.sleep(5)
    known = await behind.get("k", stale_ok=True)
    assert known is not None
    assert known.value == b"1"
    await cluster.control.mend()
    await asyncio.sleep(0.1)
    assert await behind.get("k", stale_ok=True) == written


async def test_a_restarted_member_has_what_it_had(cluster: SimCluster) -> None:
    host = await _follower(cluster)
    store = await cluster.site(host).open_store()
    written = await store.put("k", b"1")
    await cluster.control.kill(host, Role.STORE)
    for other in [other for other in cluster.nodes if other != host][:3]:
        await cluster.control.kill(other, Role.STORE)
    await cluster.control.restart(host, Role.STORE)
    assert await store.get("k", stale_ok=True) == written


async def test_a_leader_that_lost_its_majority_is_replaced_in_time(cluster: SimCluster) -> None:
    old = await _leader(cluster)
    await _isolate(cluster, old)
    assert await cluster.control.leader() is None
    await asyncio.sleep(0.99)
    assert await cluster.control.leader() is None
    await asyncio.sleep(0.52)
    new = await _leader(cluster)
    assert new != old
    await cluster.control.mend()
    await asyncio.sleep(5)
    assert await _leader(cluster) == new, "who comes back follows"
    store = await cluster.site(old).open_store()
    await store.put("k", b"")


@pytest.mark.parametrize("fault", ["kill", "pause"])
async def test_a_dead_or_frozen_leader_is_replaced(cluster: SimCluster, fault: str) -> None:
    old = await _leader(cluster)
    await getattr(cluster.control, fault)(old, Role.STORE)
    await asyncio.sleep(1.51)
    assert await _leader(cluster) != old


async def test_no_majority_no_leader_until_there_is_one_again(cluster: SimCluster) -> None:
    await cluster.control.cut(_between("n1", ["n3", "n4", "n5"]) + _between("n2", ["n3", "n4", "n5"]))
    await cluster.control.cut(_between("n3", ["n4", "n5"]))
    await asyncio.sleep(60)
    assert await cluster.control.leader() is None
    await cluster.control.mend()
    await asyncio.sleep(1.51)
    await _leader(cluster)


async def test_who_alone_sees_a_majority_leads_and_all_reach_it(cluster: SimCluster) -> None:
    """The hub of a star: no two others see each other."""
    await cluster.control.cut(_between("n1", ["n2", "n4", "n5"]) + _between("n5", ["n2", "n4"]))
    await cluster.control.cut(_between("n2", ["n4"]))
    await asyncio.sleep(1.51)
    assert await _leader(cluster) == "n3"
    for host in cluster.nodes:
        store = await cluster.site(host).open_store()
        await store.put(host, b"")


def _limbo(seed: int) -> tuple[bool, int]:
    """Let a write time out at an isolated leader; was it done, and how many times, in the end?"""

    async def story(cluster: SimCluster) -> tuple[bool, int]:
        await cluster.start(None)
        old = await _leader(cluster)
        store = await cluster.site(old).open_store()
        await _isolate(cluster, old)
        with pytest.raises(IndefiniteError, match="timeout"):
            await store.put("k", b"")
        await cluster.control.mend()
        await asyncio.sleep(10)
        return await store.get("k") is not None, cluster._store.log.position

    with SimCluster(seed=seed) as cluster:
        return cluster.run(story(cluster))


def test_a_write_in_limbo_is_kept_or_dropped_once_and_for_all() -> None:
    assert {_limbo(seed) for seed in range(12)} == {(True, 1), (False, 0)}


def _killed(seed: int) -> tuple[str, bool]:
    """Kill the member of a write under way; what was its client told, and was it done in the end?"""

    async def story(cluster: SimCluster) -> tuple[str, bool]:
        await cluster.start(None)
        host = await _follower(cluster)
        store = await cluster.site(host).open_store()
        writing = asyncio.create_task(store.put("k", b""))
        await asyncio.sleep(0.0005)
        await cluster.control.kill(host, Role.STORE)
        with pytest.raises(OutcomeError) as caught:
            await writing
        other = await cluster.site(await _leader(cluster)).open_store()
        return caught.value.kind, await other.get("k") is not None

    with SimCluster(seed=seed) as cluster:
        return cluster.run(story(cluster))


def test_a_member_that_dies_with_a_request_leaves_its_outcome_open() -> None:
    assert {_killed(seed) for seed in range(40)} == {
        ("connection-reset", True),
        ("connection-reset", False),
        ("connection-refused", False),
    }
