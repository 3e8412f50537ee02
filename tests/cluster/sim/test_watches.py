"""Watches and hints: gap-free, in order, late, and broken now and then."""

import asyncio

import pytest

from dsm_jepsen.cluster.sim import SimCluster
from dsm_jepsen.cluster.sim import watches as watches_module
from dsm_jepsen.env import Change, CompactedError, IndefiniteError, Link, Role, Store


@pytest.fixture(autouse=True)
def _no_breaks_without_reason(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "breaks" not in request.node.name:
        monkeypatch.setattr(watches_module, "BREAK_PER_MILLE", 0)


async def _store(cluster: SimCluster, host: str = "n1") -> Store:
    return await cluster.site(host).open_store()


async def _write(store: Store, key: str, count: int) -> list[Change]:
    entries = [await store.put(key, str(number).encode()) for number in range(count)]
    return [Change(key, entry, entry.position) for entry in entries]


async def test_a_watch_gives_what_was_before_it_and_what_comes(cluster: SimCluster) -> None:
    store = await _store(cluster)
    before = await _write(store, "k", 5)
    await store.put("other", b"")
    watch = store.watch("k", after=before[1].position)
    coming = asyncio.create_task(_write(store, "k", 5))
    seen = [await anext(watch) for _ in range(8)]
    await store.delete("k")
    assert seen == before[2:] + await coming
    assert await anext(watch) == Change("k", None, 12)


@pytest.mark.parametrize("cluster", range(5), indirect=True)
async def test_a_slow_reader_misses_nothing(cluster: SimCluster) -> None:
    store = await _store(cluster)
    watch = store.watch("k", after=0)
    written = await _write(store, "k", 3 * watches_module.BUFFER_MAX)
    assert [await anext(watch) for _ in written] == written
    written = await _write(store, "k", 3)
    assert [await anext(watch) for _ in written] == written


async def test_a_watch_shows_nothing_that_its_member_does_not_know(cluster: SimCluster) -> None:
    leader = await cluster.control.leader()
    host = next(host for host in cluster.nodes if host != leader)
    others = [other for other in cluster.nodes if other != host]
    behind, ahead = await _store(cluster, host), await _store(cluster, others[0])
    watch = behind.watch("k", after=0)
    hints = behind.watch_hint("k")
    await anext(hints)
    await cluster.control.cut(Link(other, Role.STORE, host, Role.STORE) for other in others)
    (change,) = await _write(ahead, "k", 1)
    await asyncio.sleep(10)
    waiting = asyncio.ensure_future(anext(watch))
    hinted = asyncio.ensure_future(anext(hints))
    await asyncio.sleep(1)
    assert not waiting.done()
    assert not hinted.done()
    await cluster.control.mend()
    assert await waiting == change
    await hinted


async def test_a_paused_member_is_silent_and_then_tells_all(cluster: SimCluster) -> None:
    leader = await cluster.control.leader()
    host = next(host for host in cluster.nodes if host != leader)
    watch = (await _store(cluster, host)).watch("k", after=0)
    await cluster.control.pause(host, Role.STORE)
    written = await _write(await _store(cluster, str(leader)), "k", 3)
    waiting = asyncio.ensure_future(anext(watch))
    await asyncio.sleep(20)
    assert not waiting.done()
    await cluster.control.resume(host, Role.STORE)
    assert [await waiting, await anext(watch), await anext(watch)] == written


@pytest.mark.parametrize("fault", ["kill", "cut"])
async def test_a_watch_breaks_with_its_member_or_its_link(cluster: SimCluster, fault: str) -> None:
    node = cluster.loop.process("n1/node")
    store = cluster.connect(node, "n1")
    watch, hints = store.watch("k", after=0), store.watch_hint("k")
    (change,) = await _write(await _store(cluster), "k", 1)
    assert await anext(watch) == change
    await anext(hints)
    if fault == "kill":
        await cluster.control.kill("n1", Role.STORE)
    else:
        await cluster.control.cut([Link("n1", Role.STORE, "n1", Role.NODE)])
    for feed in (watch, hints):
        with pytest.raises(IndefiniteError, match="watch-broken"):
            async with asyncio.timeout(3):
                await anext(feed)
        with pytest.raises(StopAsyncIteration):
            await anext(feed)


async def test_a_watch_at_a_dead_member_breaks(cluster: SimCluster) -> None:
    store = await _store(cluster)
    await cluster.control.kill("n1", Role.STORE)
    with pytest.raises(IndefiniteError, match="watch-broken"):
        await anext(store.watch("k", after=0))


async def test_a_watch_breaks_also_for_no_reason_and_can_be_taken_up_again(cluster: SimCluster) -> None:
    store = await _store(cluster)
    writing = asyncio.create_task(_write(store, "k", 5_000))
    seen, breaks = list[Change](), 0
    while len(seen) < 5_000:
        watch = store.watch("k", after=seen[-1].position if seen else 0)
        try:
            while len(seen) < 5_000:
                seen.append(await anext(watch))
        except IndefiniteError:
            breaks += 1
    assert seen == await writing
    assert 0 < breaks < 50


async def test_closing_ends_the_iteration(cluster: SimCluster) -> None:
    store = await _store(cluster)
    feeds = (store.watch("k", after=0), store.watch_hint("none/"))
    await anext(feeds[1])
    waiting = [asyncio.ensure_future(anext(feed)) for feed in feeds]
    await asyncio.sleep(0.1)
    await feeds[0].aclose()
    await store.close()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in results] == [StopAsyncIteration, StopAsyncIteration]


async def test_hints_come_at_once_and_after_every_burst_of_changes(cluster: SimCluster) -> None:
    store = await _store(cluster)
    hints = store.watch_hint("dir/")
    await anext(hints)
    for _ in range(20):
        written = await store.put("dir/k", b"")
        await anext(hints)
        entry = await store.get("dir/k", stale_ok=True)
        assert entry == written
    await asyncio.sleep(1)
    await store.put("elsewhere", b"")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(5):
            await anext(hints)


async def test_compacted_changes_are_gone_and_the_watch_says_so(cluster: SimCluster) -> None:
    store = await _store(cluster)
    written = await _write(store, "k", 5)
    slow = store.watch("k", after=0)
    await cluster.compact(written[3].position)
    for watch in (slow, store.watch("k", after=written[0].position), store.watch("none", after=0)):
        with pytest.raises(CompactedError, match="compacted: 4"):
            await anext(watch)
    assert await anext(store.watch("k", after=written[3].position)) == written[4]
    assert await anext(store.watch("k", after=written[2].position)) == written[3]


async def test_a_compaction_of_other_keys_changes_does_not_matter(cluster: SimCluster) -> None:
    store = await _store(cluster)
    (old,) = await _write(store, "k", 1)
    watching = store.watch("k", after=0)
    assert await anext(watching) == old
    others = await _write(store, "other", 5)
    await cluster.compact(others[-1].position)
    fresh = store.watch("k", after=old.position)
    (new,) = await _write(store, "k", 1)
    assert [await anext(watching), await anext(fresh)] == [new, new]


async def test_only_what_exists_can_be_compacted(cluster: SimCluster) -> None:
    with pytest.raises(ValueError, match="cannot compact at 1; the log has 0 to 0"):
        await cluster.compact(1)
