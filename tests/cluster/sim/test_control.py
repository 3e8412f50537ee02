"""A nemesis' hands and eyes: slow and flaky links, what was dropped, and what became of processes."""

import asyncio
from collections.abc import Iterable

import pytest

from dsm_jepsen.cluster.sim import SimCluster
from dsm_jepsen.env import (
    Control,
    Env,
    IndefiniteError,
    Link,
    ProcessState,
    Program,
    Request,
    Response,
    Role,
)

ASK = Request(method="GET", path="/")


async def _relay(env: Env) -> None:
    """Pass every request on to n2, which answers."""

    async def handler(request: Request) -> Response:
        if env.node == "n2":
            return Response(status=200, body="from n2")
        return await env.network.call("n2", request, timeout_ms=1_000)

    await env.network.serve(handler)


async def _start(cluster: SimCluster) -> None:
    await cluster.start(Program(main=_relay, command=()))
    await asyncio.sleep(0.01)


def _members(some: Iterable[str], others: Iterable[str]) -> list[Link]:
    targets = list(others)
    return [
        Link(*ends)
        for one in some
        for other in targets
        if one != other
        for ends in ((one, Role.STORE, other, Role.STORE), (other, Role.STORE, one, Role.STORE))
    ]


async def _ms(cluster: SimCluster) -> float:
    """Have n1 ask n2, and return how long it took."""
    before_us = cluster.loop.now_us
    assert (await cluster.site("n1").network.call("n1", ASK, timeout_ms=5_000)).body == "from n2"
    return (cluster.loop.now_us - before_us) / 1_000


def test_it_is_a_control(cluster: SimCluster) -> None:
    control: Control = cluster.control
    assert control.nodes == cluster.nodes


async def test_a_slow_link_delays_by_the_delay_and_its_jitter(cluster: SimCluster) -> None:
    await _start(cluster)
    await cluster.control.slow([Link("n1", Role.NODE, "n2", Role.NODE)], delay_ms=100, jitter_ms=30)
    took_ms = [await _ms(cluster) for _ in range(50)]
    assert all(70 <= each <= 134 for each in took_ms)
    assert max(took_ms) - min(took_ms) > 40
    await cluster.control.fast()
    assert await _ms(cluster) <= 4


async def test_only_the_chosen_direction_is_slow(cluster: SimCluster) -> None:
    await _start(cluster)
    await cluster.control.slow([Link("n2", Role.NODE, "n3", Role.NODE)], delay_ms=100, jitter_ms=0)
    assert await _ms(cluster) <= 4


async def test_a_majority_is_as_slow_as_the_slowest_member_it_needs(cluster: SimCluster) -> None:
    leader = str(await cluster.control.leader())
    others = [host for host in cluster.nodes if host != leader]
    store = await cluster.site(leader).open_store()

    async def put_us() -> int:
        before_us = cluster.loop.now_us
        await store.put("k", b"")
        return cluster.loop.now_us - before_us

    await cluster.control.slow(_members([leader], others[:2]), delay_ms=200, jitter_ms=0)
    assert await put_us() < 10_000
    await cluster.control.slow(_members([leader], others[:3]), delay_ms=50, jitter_ms=0)
    assert 100_000 <= await put_us() < 110_000
    assert await cluster.control.leader() == leader


async def test_a_slow_members_prefix_comes_late_and_in_order(cluster: SimCluster) -> None:
    leader = str(await cluster.control.leader())
    host = next(host for host in cluster.nodes if host != leader)
    behind, ahead = [await cluster.site(each).open_store() for each in (host, leader)]
    await cluster.control.slow(_members([leader], [host]), delay_ms=500, jitter_ms=500)
    watch = behind.watch("k", after=0)
    written = [await ahead.put("k", b"") for _ in range(50)]
    seen = [0]
    while seen[-1] < 50:
        entry = await behind.get("k", stale_ok=True)
        seen.append(0 if entry is None else entry.position)
        await asyncio.sleep(0.01)
    assert seen == sorted(seen)
    assert seen.count(0) > 10
    for entry in written:
        assert (await anext(watch)).entry == entry


async def test_a_lost_message_between_nodes_is_a_time_out_and_is_counted(cluster: SimCluster) -> None:
    await _start(cluster)
    await cluster.control.flaky([Link("n1", Role.NODE, "n2", Role.NODE)], loss_per_mille=300)
    network = cluster.site("n1").network
    answers = [await network.call("n1", ASK, timeout_ms=5_000) for _ in range(100)]
    lost = [answer for answer in answers if answer.status != 200]
    assert {answer.body["error"] for answer in lost} == {"IndefiniteError: timeout"}
    assert 10 < len(lost) < 60
    assert await cluster.control.dropped() == len(lost)
    await cluster.control.fast()
    for _ in range(20):
        await _ms(cluster)
    assert await cluster.control.dropped() == len(lost)


async def test_a_request_lost_on_its_way_to_the_store_is_unknown_and_an_answer_lost_too(
    cluster: SimCluster,
) -> None:
    host = "n1"
    store = cluster.connect(cluster.loop.process(f"{host}/node"), host)
    seen = await cluster.site(host).open_store()
    ends = ((host, Role.NODE, host, Role.STORE), (host, Role.STORE, host, Role.NODE))
    await cluster.control.flaky([Link(*each) for each in ends], loss_per_mille=200)
    unknown = []
    for number in range(60):
        try:
            await store.put(f"{number}", b"")
        except IndefiniteError:
            unknown.append(await seen.get(f"{number}") is not None)
        else:
            assert await seen.get(f"{number}") is not None
    assert {True, False} == set(unknown)


async def test_a_watch_over_a_flaky_link_breaks_rather_than_leave_a_gap(cluster: SimCluster) -> None:
    host = "n1"
    store = cluster.connect(cluster.loop.process(f"{host}/node"), host)
    ahead = await cluster.site("n2").open_store()
    links = [Link(host, Role.STORE, host, Role.NODE), Link(host, Role.NODE, host, Role.STORE)]
    await cluster.control.flaky(links, loss_per_mille=300)
    written, seen, breaks = [await ahead.put("k", b"") for _ in range(5)], [0], 0
    while len(seen) < 40:
        written.append(await ahead.put("k", b""))
        watch = store.watch("k", after=seen[-1])
        try:
            seen.append((await anext(watch)).position)
        except IndefiniteError:
            breaks += 1
    assert seen[1:] == [entry.position for entry in written][:39]
    assert breaks > 5


async def test_members_repeat_what_was_lost_between_them(cluster: SimCluster) -> None:
    leader = str(await cluster.control.leader())
    await cluster.control.flaky(_members([leader], cluster.nodes), loss_per_mille=300)
    store = await cluster.site(leader).open_store()
    for _ in range(50):
        await store.put("k", b"")
    assert await cluster.control.leader() == leader
    assert await cluster.control.dropped() > 50


async def test_a_link_that_loses_everything_is_as_good_as_cut(cluster: SimCluster) -> None:
    leader = str(await cluster.control.leader())
    await cluster.control.flaky(_members([leader], cluster.nodes), loss_per_mille=1_000)
    assert await cluster.control.leader() is None
    await cluster.control.fast()
    await asyncio.sleep(2)
    assert await cluster.control.leader() is not None


async def test_a_cut_between_members_is_seen_to_act_within_moments(cluster: SimCluster) -> None:
    assert await cluster.control.dropped() == 0
    await cluster.control.cut([Link("n1", Role.STORE, "n2", Role.STORE)])
    await asyncio.sleep(1)
    assert 5 < (dropped := await cluster.control.dropped()) < 20
    await cluster.control.mend()
    await asyncio.sleep(1)
    assert await cluster.control.dropped() == dropped, "what the cut dropped, not what is dropped now"
    await cluster.control.cut([])
    assert await cluster.control.dropped() == 0


async def test_slow_members_are_seen_to_be_slow_within_moments(cluster: SimCluster) -> None:
    assert await cluster.control.delayed() == 0
    await cluster.control.slow([Link("n1", Role.STORE, "n2", Role.STORE)], delay_ms=50, jitter_ms=20)
    await asyncio.sleep(1)
    assert 5 < (delayed := await cluster.control.delayed()) < 20
    assert await cluster.control.dropped() == 0
    await cluster.control.fast()
    await asyncio.sleep(1)
    assert await cluster.control.delayed() == delayed, "what that slowness delayed, not what is delayed now"
    await cluster.control.slow([], delay_ms=50, jitter_ms=20)
    assert await cluster.control.delayed() == 0


async def test_delayed_messages_are_those_of_slow_links(cluster: SimCluster) -> None:
    await _start(cluster)
    await cluster.control.slow([Link("n1", Role.NODE, "n2", Role.NODE)], delay_ms=10, jitter_ms=0)
    for asked in range(1, 4):
        await _ms(cluster)
        assert await cluster.control.delayed() == asked, "its questions, not its answers"


async def test_a_delay_of_nothing_delays_nothing(cluster: SimCluster) -> None:
    await _start(cluster)
    await cluster.control.slow([Link("n1", Role.NODE, "n2", Role.NODE)], delay_ms=0, jitter_ms=0)
    await _ms(cluster)
    assert await cluster.control.delayed() == 0


async def test_the_state_of_a_process_is_what_was_done_to_it(cluster: SimCluster) -> None:
    control = cluster.control
    assert await control.state("n1", Role.NODE) is ProcessState.DEAD, "no program was started"
    await _start(cluster)
    for role in Role:
        assert await control.state("n1", role) is ProcessState.UP
        await control.pause("n1", role)
        assert await control.state("n1", role) is ProcessState.PAUSED
        await control.resume("n1", role)
        assert await control.state("n1", role) is ProcessState.UP
        await control.kill("n1", role)
        assert await control.state("n1", role) is ProcessState.DEAD
        await control.restart("n1", role)
        assert await control.state("n1", role) is ProcessState.UP


async def test_impossible_faults_are_refused(cluster: SimCluster) -> None:
    links = [Link("n1", Role.NODE, "n2", Role.NODE)]
    for act, message in (
        (cluster.control.slow(links, delay_ms=-1, jitter_ms=0), "cannot delay by -1"),
        (cluster.control.flaky(links, loss_per_mille=1_001), "cannot lose 1001 of 1,000"),
        (cluster.control.slow([Link("n9", Role.NODE, "n1", Role.NODE)], delay_ms=1, jitter_ms=0), "no host"),
    ):
        with pytest.raises(ValueError, match=message):
            await act
