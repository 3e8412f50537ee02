"""Power cuts and full disks of simulated members: what is lost, which is nothing, and who ends."""

from collections.abc import Iterable
from typing import Any

import pytest

from dsm_jepsen.cluster.sim import STORES, SimCluster
from dsm_jepsen.env import OutcomeError, ProcessState, RefusedError, Role

KEY = "/a/key"
DEAD, UP = ProcessState.DEAD, ProcessState.UP


async def written(cluster: SimCluster) -> int:
    """Write a hundred times, half a second's work; gives the last value that was acknowledged."""
    async with await cluster.site("n1").open_store() as store:
        for number in range(100):
            await store.put(KEY, str(number).encode())
    return 99


async def fail(cluster: SimCluster, hosts: Iterable[str], verb: str) -> None:
    """Take the power from members or kill them, and start them again."""
    hosts = tuple(hosts)
    for host in hosts:
        await (cluster.control.cut_power(host) if verb == "cut" else cluster.control.kill(host, Role.STORE))
    for host in hosts:
        await cluster.control.restart(host, Role.STORE)


async def held(cluster: SimCluster) -> int:
    """The key's value by a linearizable read, once there is a leader."""
    for host in cluster.nodes * 20:
        try:
            async with await cluster.site(host).open_store() as store:
                entry = await store.get(KEY)
        except OutcomeError:
            continue
        return -1 if entry is None else int(entry.value)
    raise AssertionError("no member answers any more")


def left(store: str, lie: str | None, verb: str, count: int) -> int:
    """How many of the writes acknowledged are lost."""

    async def story() -> int:
        await cluster.start(None)
        last = await written(cluster)
        await fail(cluster, cluster.nodes[:count], verb)
        return last - await held(cluster)

    with SimCluster(seed=1, store=store, lie=lie) as cluster:
        return cluster.run(story())


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("count", [1, 3, 5])
def test_a_power_cut_loses_nothing_that_was_acknowledged(store: str, count: int) -> None:
    assert left(store, None, "cut", count) == 0


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize(
    ("verb", "count", "loses"), [("cut", 5, True), ("cut", 3, True), ("cut", 2, False), ("kill", 5, False)]
)
def test_unsynced_writes_are_lost_if_a_majority_loses_power_and_not_if_it_is_killed(
    store: str, verb: str, count: int, loses: bool
) -> None:
    assert (left(store, "unsynced-writes", verb, count) > 0) == loses


def story(cluster: SimCluster) -> Any:
    """Give a runner of coroutines on a started cluster."""
    cluster.run(cluster.start(None))
    return cluster.run


def test_a_member_without_room_ends_at_the_next_entry_until_it_has_room() -> None:
    async def states() -> list[ProcessState]:
        control, seen = cluster.control, []
        assert await control.fill_disk("n2") == 0
        seen.append(await control.state("n2", Role.STORE))
        for _ in range(2):
            await written(cluster)
            seen.append(await control.state("n2", Role.STORE))
            await control.restart("n2", Role.STORE)
        assert await control.free_disk("n2") > 0
        await written(cluster)
        seen.append(await control.state("n2", Role.STORE))
        return seen

    with SimCluster(seed=1) as cluster:
        assert story(cluster)(states()) == [UP, DEAD, DEAD, UP]


def test_members_that_are_all_without_room_lose_nothing() -> None:
    async def lost() -> int:
        last = await written(cluster)
        for host in cluster.nodes:
            await cluster.control.fill_disk(host)
        async with await cluster.site("n1").open_store() as store:
            with pytest.raises(OutcomeError):
                await store.put(KEY, b"100")
        for host in cluster.nodes:
            await cluster.control.free_disk(host)
            await cluster.control.restart(host, Role.STORE)
        return last - await held(cluster)

    with SimCluster(seed=1) as cluster:
        assert story(cluster)(lost()) in {0, -1}  # what ended unknown may have been done


def test_a_dead_member_has_no_power_to_lose() -> None:
    async def twice() -> None:
        await cluster.control.cut_power("n1")
        await cluster.control.cut_power("n1")

    with SimCluster(seed=1) as cluster, pytest.raises(RefusedError, match="n1's store does not run"):
        story(cluster)(twice())
