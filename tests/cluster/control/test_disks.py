"""The laws of members' own disks, the same on every real cluster that can have them."""

from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from dsm_jepsen.dsm.stores import open_store
from dsm_jepsen.env import Capability, Damage, OutcomeError, ProcessState, RefusedError, Role

STORE, NODE = Role.STORE, Role.NODE
POWER, SPACE = Capability.POWER, Capability.SPACE
DEAD = ProcessState.DEAD


async def value(world: Any, node: str) -> bytes | None:
    """What was written last, by way of a member."""
    async with await open_store(world.cluster._members[node].url, timeout_ms=5_000) as store:
        entry = await store.get("/a/key")
    return None if entry is None else entry.value


async def back(world: Any, node: str) -> None:
    await world.control.restart(node, STORE)
    assert await world.eventually(partial(world.ready, node))


@pytest.mark.members
@pytest.mark.needs(POWER)
async def test_a_member_that_lost_power_is_dead_and_comes_back(world: Any) -> None:
    assert "without writing back" in await world.control.cut_power("n2")
    assert await world.control.state("n2", STORE) is DEAD
    with pytest.raises(RefusedError, match="n2's store does not run"):
        await world.control.cut_power("n2")
    await back(world, "n2")


@pytest.mark.members
@pytest.mark.needs(POWER)
async def test_when_all_members_lose_power_at_once_what_was_acknowledged_is_there(world: Any) -> None:
    for number in range(20):
        await world.write("n1", str(number).encode())
    for node in world.control.nodes:
        await world.control.cut_power(node)
    for node in world.control.nodes:
        await world.control.restart(node, STORE)
    for node in world.control.nodes:
        await world.eventually(partial(world.ready, node))
        assert await value(world, node) == b"19"


@pytest.mark.members
@pytest.mark.needs(SPACE)
async def test_a_member_without_room_takes_no_part_until_it_has_some(world: Any) -> None:
    assert await world.control.fill_disk("n3") == 0

    async def refuses() -> bool:
        with suppress(OutcomeError):  # the member without room may have led
            await world.write("n1", b"v" * 65_536)
        return not await world.ready("n3")

    assert await world.eventually(refuses)
    assert await world.control.free_disk("n3") > 1 << 20
    await back(world, "n3")


@pytest.mark.needs(SPACE)
async def test_a_dead_members_disk_is_filled_and_freed_as_well(world: Any) -> None:
    await world.control.kill("n1", STORE)
    assert await world.control.fill_disk("n1") == 0
    for _ in range(2):
        assert await world.control.free_disk("n1") > 1 << 20
    await back(world, "n1")


@pytest.mark.needs(POWER)
async def test_a_log_on_a_disk_of_its_own_is_spoiled_and_given_back_like_any_other(world: Any) -> None:
    await world.write("n2", b"v" * 65_536)
    await world.control.kill("n2", STORE)
    assert (await world.control.damage("n2", Damage.TRUNCATE)).startswith("cut ")
    await world.control.repair("n2")
    await back(world, "n2")


@pytest.mark.parametrize(
    "verb",
    [
        pytest.param("cut_power", marks=pytest.mark.needs(POWER)),
        pytest.param("fill_disk", marks=pytest.mark.needs(SPACE)),
        pytest.param("free_disk", marks=pytest.mark.needs(SPACE)),
    ],
)
async def test_an_unknown_host_is_refused_by_name(world: Any, verb: str) -> None:
    with pytest.raises(RefusedError, match="'n9'"):
        await getattr(world.control, verb)("n9")
