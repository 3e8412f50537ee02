"""The laws of a nemesis' hands, the same on every real cluster: links, processes, clocks and disks."""

import asyncio
import errno
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from dsm_jepsen.env import Capability, Damage, Link, ProcessState, RefusedError, Role

UP, PAUSED, DEAD = ProcessState.UP, ProcessState.PAUSED, ProcessState.DEAD
STORE, NODE = Role.STORE, Role.NODE
ONE, TWO, THREE = (("n1", STORE), ("n2", STORE), ("n3", STORE))
PROGRAM_ONE, PROGRAM_TWO = (("n1", NODE), ("n2", NODE))
HOUR_S = 3_600

Place = tuple[str, Role]
WIRES = [
    pytest.param(ONE, TWO, id="between members"),
    pytest.param(PROGRAM_ONE, TWO, id="to a member"),
    pytest.param(PROGRAM_ONE, ONE, id="to its own member"),
    pytest.param(PROGRAM_ONE, PROGRAM_TWO, id="between programs"),
]


def link(source: Place, target: Place) -> Link:
    return Link(*source, *target)


def both(one: Place, other: Place) -> list[Link]:
    return [link(one, other), link(other, one)]


@pytest.mark.parametrize(("dialler", "dialled"), WIRES)
async def test_a_cut_link_loses_what_goes_its_way_and_counts_it_and_carries_what_comes_back(
    quiet: Any, dialler: Place, dialled: Place
) -> None:
    one, other = await quiet.dial(dialler, dialled)
    await quiet.control.cut([link(dialler, dialled)])
    assert await quiet.control.dropped() == 0
    assert await one.silent(other)
    assert await other.carries(one)
    assert await quiet.control.dropped() > 0


@pytest.mark.parametrize(("dialler", "dialled"), WIRES)
async def test_it_is_the_datas_way_that_counts_and_not_who_dialled(
    quiet: Any, dialler: Place, dialled: Place
) -> None:
    one, other = await quiet.dial(dialler, dialled)
    await quiet.control.cut([link(dialled, dialler)])
    assert await other.silent(one)
    assert await one.carries(other)
    assert await quiet.control.dropped() > 0


async def test_a_cut_leaves_all_other_links_alone_also_those_between_the_same_hosts(quiet: Any) -> None:
    wires = [
        await quiet.dial(*ends)
        for ends in ((ONE, THREE), (THREE, TWO), (PROGRAM_ONE, TWO), (PROGRAM_ONE, PROGRAM_TWO))
    ]
    await quiet.control.cut(both(ONE, TWO))
    for one, other in wires:
        assert await one.carries(other)
        assert await other.carries(one)
    assert await quiet.control.dropped() == 0


@pytest.mark.parametrize("ways", [[link(ONE, TWO)], [link(TWO, ONE)], both(ONE, TWO)])
async def test_no_connection_is_made_across_a_link_that_is_cut_in_any_direction(
    quiet: Any, ways: list[Link]
) -> None:
    await quiet.control.cut(ways)
    for ends in ((ONE, TWO), (TWO, ONE)):
        assert await quiet.unreachable(*ends)
    await quiet.control.mend()
    for ends in ((ONE, TWO), (TWO, ONE)):
        await quiet.dial(*ends)


async def test_cuts_add_up_and_one_mend_heals_them_all_and_may_be_repeated(quiet: Any) -> None:
    await quiet.control.cut([link(ONE, TWO)])
    await quiet.control.cut([link(ONE, THREE)])
    for other in (TWO, THREE):
        assert await quiet.unreachable(ONE, other)
    for _ in range(2):
        await quiet.control.mend()
    for other in (TWO, THREE):
        await quiet.dial(ONE, other)


async def test_what_was_dropped_is_told_until_the_next_cut(quiet: Any) -> None:
    one, two = await quiet.dial(ONE, TWO)
    await quiet.control.cut([link(ONE, TWO)])
    assert await one.silent(two)
    await quiet.control.mend()
    dropped = await quiet.control.dropped()
    assert dropped > 0
    await quiet.control.slow([link(ONE, THREE)], delay_ms=1, jitter_ms=0)
    assert await quiet.control.dropped() == dropped
    await quiet.control.cut([link(ONE, THREE)])
    assert await quiet.control.dropped() == 0


async def test_a_mend_ends_connections_that_crossed_a_cut_and_leaves_all_others(quiet: Any) -> None:
    one, _ = await quiet.dial(ONE, TWO)
    other, three = await quiet.dial(ONE, THREE)
    await quiet.control.cut(both(ONE, TWO))
    await one.send("into the void")
    await quiet.control.mend()
    with pytest.raises(ConnectionError) as error:
        await one.receive(1)
    assert error.value.errno != errno.ETIMEDOUT
    assert await other.carries(three)


async def test_a_slow_link_delays_what_goes_its_way_and_counts_it(quiet: Any) -> None:
    one, two = await quiet.dial(ONE, TWO)
    dropped = await quiet.control.dropped()
    await quiet.control.slow([link(ONE, TWO)], delay_ms=200, jitter_ms=50)
    assert await quiet.control.delayed() == 0
    began = time.monotonic()
    assert await one.carries(two)
    assert time.monotonic() - began >= 0.150
    assert await quiet.control.delayed() > 0
    assert await quiet.control.dropped() == dropped
    await quiet.control.slow([], delay_ms=0, jitter_ms=0)
    assert await quiet.control.delayed() == 0


async def test_a_slow_link_keeps_what_it_carries_whole(quiet: Any) -> None:
    sent = "".join(map(str, range(50_000)))
    await quiet.control.slow(both(ONE, TWO), delay_ms=5, jitter_ms=0)
    one, two = await quiet.dial(ONE, TWO)
    _, got = await asyncio.gather(one.send(sent), two.receive(len(sent)))
    assert got == sent


async def test_a_flaky_link_loses_some_and_counts_them(quiet: Any) -> None:
    one, two = await quiet.dial(ONE, TWO)
    await quiet.control.flaky([link(ONE, TWO)], loss_per_mille=500)
    for _ in range(50):
        # TCP sends again what was lost.
        assert await one.carries(two)
        if await quiet.control.dropped():
            break
    else:
        pytest.fail("none of 50 packets was lost")


@pytest.mark.parametrize(("loss_per_mille", "arrives"), [(0, True), (1000, False)])
async def test_a_flaky_link_may_lose_nothing_or_all(quiet: Any, loss_per_mille: int, arrives: bool) -> None:
    one, two = await quiet.dial(ONE, TWO)
    await quiet.control.flaky([link(ONE, TWO)], loss_per_mille=loss_per_mille)
    assert await (one.carries if arrives else one.silent)(two)
    assert (await quiet.control.dropped() == 0) is arrives


async def test_fast_ends_what_is_slow_and_flaky_and_leaves_what_is_cut_and_may_be_repeated(
    quiet: Any,
) -> None:
    await quiet.control.slow([link(ONE, TWO)], delay_ms=30_000, jitter_ms=0)
    await quiet.control.flaky([link(TWO, ONE)], loss_per_mille=1000)
    await quiet.control.cut([link(ONE, THREE)])
    for _ in range(2):
        await quiet.control.fast()
    await quiet.dial(ONE, TWO)
    assert await quiet.unreachable(ONE, THREE)


@pytest.mark.needs(Capability.CUT)
async def test_the_harness_reaches_everybody_whatever_is_cut(world: Any) -> None:
    places = [(node, role) for node in world.control.nodes for role in Role]
    await world.control.cut([link(one, other) for one in places for other in places])
    assert [await world.serves(node) for node in world.control.nodes] == [True] * 3


@pytest.mark.parametrize("role", Role)
async def test_a_process_is_frozen_killed_and_started_again_and_each_verb_may_be_repeated(
    world: Any, role: Role
) -> None:
    control = world.control
    for verb, state in [
        (control.restart, UP),
        (control.pause, PAUSED),
        (control.restart, PAUSED),
        (control.resume, UP),
        (control.kill, DEAD),
        (control.pause, DEAD),
        (control.resume, DEAD),
        (control.restart, UP),
        (control.pause, PAUSED),
        (control.kill, DEAD),
        (control.restart, UP),
    ]:
        for _ in range(2):
            await verb("n2", role)
            assert await control.state("n2", role) is state
    assert [await control.state(node, role) for node in ("n1", "n3")] == [UP, UP]
    works = world.ready if role is STORE else world.serves
    assert await world.eventually(lambda: works("n2"))


async def test_who_is_frozen_or_dead_does_nothing_and_its_neighbour_goes_on(world: Any) -> None:
    for verb in (world.control.pause, world.control.kill):
        await verb("n2", NODE)
        assert not await world.serves("n2")
        assert await world.eventually(lambda: world.ready("n2"))


@pytest.mark.members
@pytest.mark.parametrize(("stop", "go"), [("kill", "restart"), ("pause", "resume")])
async def test_when_the_leader_stops_another_leads_and_it_comes_back_as_a_follower_with_its_data(
    world: Any, stop: str, go: str
) -> None:
    old = await world.eventually(world.control.leader)
    await getattr(world.control, stop)(old, STORE)

    async def another() -> str | None:
        leader: str | None = await world.control.leader()
        return leader if leader != old else None

    new = await world.eventually(another)
    assert not await world.ready(old)
    await getattr(world.control, go)(old, STORE)
    # A member that had lost its data would be a stranger to the others.
    assert await world.eventually(lambda: world.ready(old))
    assert await world.control.leader() == new


@pytest.mark.members
async def test_without_a_majority_nobody_commits_and_with_it_again_all_do(world: Any) -> None:
    for node in ("n1", "n2"):
        await world.control.kill(node, STORE)

    async def noticed() -> bool:
        return not await world.ready("n3")

    assert await world.eventually(noticed)
    for node in ("n1", "n2"):
        await world.control.restart(node, STORE)
    assert await world.eventually(lambda: world.ready("n3"))


@pytest.mark.members
@pytest.mark.needs(Capability.CUT)
async def test_a_leader_left_in_the_minority_is_replaced_and_comes_back_as_a_follower(world: Any) -> None:
    control = world.control
    old = await world.eventually(control.leader)
    majority = [node for node in control.nodes if node != old]
    await control.cut([way for node in majority for way in both((old, STORE), (node, STORE))])

    async def another() -> str | None:
        new: str | None = await control.leader()
        return new if new in majority else None

    new = await world.eventually(another)
    assert [await world.eventually(partial(world.ready, node)) for node in majority] == [True, True]
    assert not await world.ready(old)
    assert await control.dropped() > 0
    await control.mend()
    assert await world.eventually(lambda: world.ready(old))
    assert await control.leader() == new


@pytest.mark.needs(Capability.CLOCK)
async def test_a_program_is_told_a_shifted_time_alone_and_also_after_a_restart(world: Any) -> None:
    control = world.control
    assert await world.ahead_s("n2") == 0
    await control.skew("n2", NODE, offset_ms=-HOUR_S * 1000)
    assert [await world.ahead_s(node) for node in ("n1", "n2")] == [0, -HOUR_S]
    assert await control.skewed("n2", NODE) > 0
    assert await control.skewed("n1", NODE) == 0
    await control.kill("n2", NODE)
    await control.restart("n2", NODE)
    await world.eventually(lambda: world.serves("n2"))
    assert await world.ahead_s("n2") == -HOUR_S
    await control.skew("n2", NODE, offset_ms=0)
    assert await world.ahead_s("n2") == 0
    assert await control.skewed("n2", NODE) == 0


@pytest.mark.members
@pytest.mark.needs(Capability.CLOCK)
async def test_a_member_is_told_a_shifted_time_and_goes_on_or_is_refused_by_name(world: Any) -> None:
    control = world.control
    leader = await world.eventually(control.leader)
    if world.store == "etcd":
        with pytest.raises(RefusedError, match="etcd is written in Go, which asks the kernel for the time"):
            await control.skew(leader, STORE, offset_ms=1)
        return
    await control.skew(leader, STORE, offset_ms=HOUR_S * 1000)
    # The leader dates each write.
    await world.write(leader, b"value")
    assert await control.skewed(leader, STORE) > 0
    assert await control.leader() == leader
    await control.skew(leader, STORE, offset_ms=0)


@pytest.mark.members
async def test_a_member_with_a_spoiled_log_refuses_to_start_until_it_has_its_disk_back(world: Any) -> None:
    control = world.control
    with pytest.raises(RefusedError, match="n2's store runs: kill it before its disk is touched"):
        await control.damage("n2", Damage.FLIP)
    # So long that the middle of the log is in it, and not between two records.
    await world.write("n2", b"v" * 65_536)
    await control.kill("n2", STORE)
    with pytest.raises(RefusedError, match="never damaged"):
        await control.repair("n2")
    assert (await control.damage("n2", Damage.FLIP)).startswith("flipped byte ")
    await control.restart("n2", STORE)

    async def ended() -> bool:
        assert not await world.ready("n2")
        return await control.state("n2", STORE) is DEAD

    assert await world.eventually(ended)
    await control.repair("n2")
    with pytest.raises(RefusedError, match="given back already"):
        await control.repair("n2")
    await control.restart("n2", STORE)
    assert await world.eventually(lambda: world.ready("n2"))


Verb = Callable[[Any], Awaitable[Any]]
OF_A_HOST: dict[str, Verb] = {
    "kill": lambda control: control.kill("n9", STORE),
    "restart": lambda control: control.restart("n9", NODE),
    "pause": lambda control: control.pause("n9", STORE),
    "resume": lambda control: control.resume("n9", NODE),
    "state": lambda control: control.state("n9", STORE),
    "skew": lambda control: control.skew("n9", NODE, offset_ms=1),
    "damage": lambda control: control.damage("n9", Damage.FLIP),
    "repair": lambda control: control.repair("n9"),
}
OF_LINKS: dict[str, Verb] = {
    "cut": lambda control: control.cut([link(ONE, ("n9", STORE))]),
    "slow": lambda control: control.slow([link(("n9", NODE), ONE)], delay_ms=1, jitter_ms=0),
    "flaky": lambda control: control.flaky([link(ONE, ("n9", STORE))], loss_per_mille=1),
}


@pytest.mark.parametrize("verb", OF_A_HOST.values(), ids=OF_A_HOST)
async def test_an_unknown_host_is_refused_by_name(started: Any, verb: Verb) -> None:
    with pytest.raises(RefusedError, match="'n9'"):
        await verb(started.control)


@pytest.mark.parametrize("verb", OF_LINKS.values(), ids=OF_LINKS)
async def test_an_unknown_hosts_links_are_refused_by_name(quiet: Any, verb: Verb) -> None:
    with pytest.raises(RefusedError, match="'n9'"):
        await verb(quiet.control)


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        (lambda control: control.slow([], delay_ms=-1, jitter_ms=0), r"cannot delay by -1 \+- 0 ms"),
        (lambda control: control.flaky([], loss_per_mille=1001), "cannot lose 1001 of 1000 packets"),
    ],
)
async def test_what_makes_no_sense_is_refused(quiet: Any, verb: Verb, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        await verb(quiet.control)


@pytest.mark.parametrize(
    ("capability", "verb"),
    [
        (Capability.KILL, lambda control: control.kill("n1", NODE)),
        (Capability.PAUSE, lambda control: control.pause("n1", NODE)),
        (Capability.CUT, lambda control: control.cut([link(ONE, TWO)])),
        (Capability.SLOW, lambda control: control.slow([link(ONE, TWO)], delay_ms=1, jitter_ms=0)),
        (Capability.SLOW, lambda control: control.flaky([link(ONE, TWO)], loss_per_mille=1)),
        (Capability.CLOCK, lambda control: control.skew("n1", NODE, offset_ms=0)),
        (Capability.SPACE, lambda control: control.free_disk("n1")),
    ],
)
async def test_what_a_cluster_can_do_it_does_and_what_it_cannot_it_refuses_with_its_reason(
    started: Any, capability: Capability, verb: Verb
) -> None:
    reasons = started.control.reasons()
    assert started.control.capabilities() == set(Capability) - reasons.keys()
    if capability not in reasons:
        await verb(started.control)
    else:
        with pytest.raises(RefusedError) as refused:
            await verb(started.control)
        assert reasons[capability] in str(refused.value)


async def test_what_undoes_links_and_counts_them_is_never_refused(started: Any) -> None:
    for _ in range(2):
        await started.control.mend()
        await started.control.fast()
    assert await started.control.dropped() >= 0
    assert await started.control.delayed() >= 0
