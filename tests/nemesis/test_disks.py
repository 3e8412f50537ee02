"""What faults of disks do to whom, on the simulated cluster."""

from collections.abc import Callable
from typing import Any

import pytest

from dsm_jepsen.env import Role
from dsm_jepsen.nemesis import NEMESES


async def test_a_log_is_not_spoiled_if_the_store_would_have_no_majority_left(ward: Any) -> None:
    await ward.control.kill("n2", Role.STORE)
    skipped = await NEMESES["corrupt-log"]().start(ward.control, ward.rng, ("n3", "n4"))
    assert skipped == {
        "outcome": "skipped",
        "nodes": [],
        "why": "n3, n4, n2 are no minority: data would be lost for good",
    }


@pytest.mark.parametrize("wanted", [("n2",), ("n1", "n3", "n5")])
async def test_all_that_runs_on_the_wanted_hosts_loses_power_at_once(
    wanted: tuple[str, ...], ward: Any
) -> None:
    started = await NEMESES["power-cut"]().start(ward.control, ward.rng, wanted)
    assert started["nodes"] == list(wanted)
    assert set(started["disks"]) == set(wanted)
    assert started["processes"] == {f"{node}/{role}": "dead" for role in Role for node in wanted}


def test_power_fails_now_for_one_host_now_for_the_leader_now_for_all(wards: Callable[[int], Any]) -> None:
    whom = set()
    for seed in range(12):
        ward = wards(seed)
        leader = ward.run(ward.control.leader())
        nodes = ward.run(NEMESES["power-cut"]().start(ward.control, ward.rng))["nodes"]
        whom.add("all" if len(nodes) == 5 else "the leader" if nodes == [leader] else "another one")
    assert whom == {"all", "the leader", "another one"}


@pytest.mark.parametrize(("writes", "fate"), [(1, "died"), (0, "went on")])
async def test_the_end_of_a_full_disk_tells_what_became_of_its_member(
    writes: int, fate: str, ward: Any
) -> None:
    nemesis = NEMESES["full-disk"]()
    started = await nemesis.start(ward.control, ward.rng, ("n3",))
    assert started["free_bytes"] == {"n3": 0}
    for _ in range(writes):
        await ward.store_works("n1")
    stopped = await nemesis.stop(ward.control)
    assert stopped["fate"] == {"n3": fate}
    assert stopped["free_bytes"]["n3"] > 0
    await ward.until_all_works()
