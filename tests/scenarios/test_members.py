"""Comparing the store's members finds differences, and takes no busy or lagging cluster for one."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsm_jepsen.cluster import NODES
from dsm_jepsen.cluster.sim import STORES, SimCluster
from dsm_jepsen.env import PLAIN, Delete, Link, OutcomeError, Put, Rng, Role, Store
from dsm_jepsen.scenarios._members import BOUND_S, compare_members

Story = Callable[[SimCluster], Coroutine[Any, Any, None]]


def compared(story: Story, *, seed: int = 1, store: str = "etcd", lie: str | None = None) -> dict[str, Any]:
    """Start a cluster, let something happen, and compare the members."""

    async def main(cluster: SimCluster) -> dict[str, Any]:
        await cluster.start(None)
        await story(cluster)
        return await compare_members([cluster.site(node) for node in NODES])

    with SimCluster(seed=seed, store=store, lie=lie) as cluster:
        return cluster.run(main(cluster))


async def some_writes(cluster: SimCluster) -> None:
    async with await cluster.site("n1").open_store() as store:
        for number in range(10):
            await store.put(f"/{number}", b"before")


async def n3_was_killed(cluster: SimCluster) -> None:
    await some_writes(cluster)
    await asyncio.sleep(1)
    await cluster.control.kill("n3", Role.STORE)
    await cluster.control.restart("n3", Role.STORE)


@pytest.mark.parametrize("store", STORES)
def test_members_that_hold_the_same_agree_after_one_round(store: str) -> None:
    found = compared(n3_was_killed, store=store)
    assert (found["members"], found["keys"], found["rounds"]) == (5, 11, 1)
    assert (found["differs"], found["unknown"]) == ({}, None)


@pytest.mark.parametrize("store", STORES)
def test_a_member_that_left_out_a_commit_is_named_with_its_keys(store: str) -> None:
    found = compared(n3_was_killed, store=store, lie="skipped-commits")
    assert list(found["differs"]) == ["n3"]
    differing = found["differs"]["n3"]
    assert (differing["from"], differing["keys"]) == ("n1", 1)
    [[key, here, there]] = differing["shown"]
    assert (key, here) == ("/9", None)
    assert there.endswith("'before'")
    assert found["rounds"] == 3


def test_a_member_that_is_dead_makes_it_unknown() -> None:
    async def story(cluster: SimCluster) -> None:
        await some_writes(cluster)
        await cluster.control.kill("n2", Role.STORE)

    found = compared(story)
    assert found["unknown"] == f"n2 did not show a new write within {BOUND_S:.0f} s"
    assert found["differs"] == {}


def test_a_cluster_without_a_quorum_makes_it_unknown() -> None:
    async def story(cluster: SimCluster) -> None:
        for node in NODES[:3]:
            await cluster.control.pause(node, Role.STORE)

    assert compared(story)["unknown"].startswith("n1, n2, n3, n4, n5 did not show")


async def _scribble(store: Store, rng: Rng) -> None:
    """Write, overwrite and delete a few keys for ever, of both kinds."""
    for number in range(100_000):
        key = f"/{rng.choice(('a', 'b', PLAIN + 'c'), purpose='kind')}{rng.below(20, purpose='key')}"
        again = rng.chance(300, purpose="delete")
        try:
            await store.transact((), (Delete(key) if again else Put(key, b"%d" % number),))
        except OutcomeError:
            await asyncio.sleep(0.1)
        await asyncio.sleep(rng.below(4, purpose="rest") / 1000)


@pytest.mark.parametrize("store", STORES)
@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**32))
def test_honest_members_never_differ_however_busy_and_slow_they_are(store: str, seed: int) -> None:
    async def story(cluster: SimCluster) -> None:
        await some_writes(cluster)
        slow = [Link("n1", Role.STORE, node, Role.STORE) for node in ("n4", "n5")]
        await cluster.control.slow(slow, delay_ms=150, jitter_ms=150)
        for node in NODES:
            writer = await cluster.site(node).open_store()
            tasks.append(asyncio.ensure_future(_scribble(writer, Rng(seed).fork(node))))
        await asyncio.sleep(0.5)

    tasks: list[asyncio.Task[None]] = []
    found = compared(story, seed=seed, store=store)
    assert (found["differs"], found["unknown"]) == ({}, None)
    assert found["keys"] > 0
    assert tasks
