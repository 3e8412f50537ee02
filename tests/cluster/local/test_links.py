"""Links of namespaces: what is cut, slow or lossy, what is not, and how that is counted."""

import asyncio
import errno
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from dsm_jepsen.cluster._base import ClusterError
from dsm_jepsen.cluster.local import links
from dsm_jepsen.cluster.local.commands import run
from dsm_jepsen.cluster.local.lan import Place
from dsm_jepsen.env import Link, RefusedError, Role

pytestmark = pytest.mark.namespaces

ONE, TWO, THREE = (("n1", Role.STORE), ("n2", Role.STORE), ("n3", Role.STORE))
NEIGHBOUR: Place = ("n1", Role.NODE)
QUIET_S = 0.3
PATIENCE_S = 20.0

MakeNet = Callable[..., Any]


def link(source: Place, target: Place) -> Link:
    return Link(*source, *target)


def both(one: Place, other: Place) -> list[Link]:
    return [link(one, other), link(other, one)]


async def passes(net: Any, source: Place, target: Place, count: int = 5) -> bool:
    """Whether all packets of a link arrive, rather than none."""
    arrived = len(await net.arrive(source, target, count, within_s=PATIENCE_S))
    assert arrived == count
    return True


async def silent(net: Any, source: Place, target: Place) -> bool:
    return not await net.arrive(source, target, 5, within_s=QUIET_S)


def test_a_cut_link_loses_everything_one_way_and_counts_it(net: MakeNet) -> None:
    async def story(it: Any) -> None:
        assert await passes(it, ONE, TWO)
        await it.lan.cut([link(ONE, TWO)])
        assert await it.lan.dropped() == 0
        assert await silent(it, ONE, TWO)
        assert await it.lan.dropped() == 5
        assert await passes(it, TWO, ONE)
        assert await passes(it, ONE, THREE)
        assert await it.lan.dropped() == 5

    asyncio.run(story(net()))


def test_the_link_between_the_two_processes_of_one_host_is_one_like_any_other(net: MakeNet) -> None:
    async def story(it: Any) -> None:
        await it.lan.cut([link(NEIGHBOUR, ONE)])
        assert await silent(it, NEIGHBOUR, ONE)
        assert await passes(it, ONE, NEIGHBOUR)
        assert await passes(it, TWO, ONE)

    asyncio.run(story(net()))


@pytest.mark.parametrize("ways", [[(ONE, TWO)], [(TWO, ONE)], [(ONE, TWO), (TWO, ONE)]])
def test_no_connection_is_made_across_a_link_that_is_cut_in_any_direction(
    net: MakeNet, ways: list[tuple[Place, Place]]
) -> None:
    async def story(it: Any) -> None:
        await it.lan.cut([link(*way) for way in ways])
        for source, target in ((ONE, TWO), (TWO, ONE)):
            with pytest.raises(TimeoutError):
                it.connect(source, target)
        assert await it.lan.dropped() > 0
        for end in it.connect(ONE, THREE):
            end.close()
        await it.lan.mend()
        for end in (*it.connect(ONE, TWO), *it.connect(TWO, ONE)):
            end.close()

    asyncio.run(story(net()))


def test_cuts_add_up_and_one_mend_heals_them_all(net: MakeNet) -> None:
    async def story(it: Any) -> None:
        await it.lan.cut([link(ONE, TWO)])
        await it.lan.cut([link(ONE, THREE)])
        assert await silent(it, ONE, TWO)
        assert await silent(it, ONE, THREE)
        await it.lan.mend()
        assert await passes(it, ONE, TWO)
        assert await passes(it, ONE, THREE)

    asyncio.run(story(net()))


def test_what_was_dropped_is_told_until_the_next_cut(net: MakeNet) -> None:
    async def story(it: Any) -> None:
        await it.lan.cut([link(ONE, TWO)])
        assert await silent(it, ONE, TWO)
        await it.lan.mend()
        await it.lan.slow([link(ONE, THREE)], delay_ms=1, jitter_ms=0)
        assert await it.lan.dropped() == 5
        await it.lan.cut([link(ONE, TWO)])
        assert await it.lan.dropped() == 0

    asyncio.run(story(net()))


def test_the_harness_reaches_everybody_whatever_is_cut(net: MakeNet) -> None:
    async def story(it: Any) -> None:
        places = [(host, role) for host in ("n1", "n2", "n3") for role in Role]
        await it.lan.cut([link(one, other) for one in places for other in places])
        for place in places:
            with it.endpoint(place, socket.SOCK_STREAM) as server:
                server.listen()
                socket.create_connection(server.getsockname(), timeout=PATIENCE_S).close()

    asyncio.run(story(net()))


async def after_a_cut_was_mended(it: Any, end: socket.socket) -> int:
    """How a connection's end is at once after a mend: an error's number, 0 if it waits on."""
    await it.lan.cut(both(ONE, TWO))
    end.send(b"into the void")
    await it.lan.mend()
    try:
        assert end.recv(1) == b""
    except OSError as error:
        return error.errno or 0
    return -1


@pytest.mark.parametrize(
    ("kill_stale", "ends"),
    [(True, {errno.ECONNABORTED, errno.ECONNRESET, errno.EPIPE}), (False, {errno.EAGAIN})],
)
def test_a_mend_ends_connections_that_crossed_a_cut_unless_told_to_leave_them(
    net: MakeNet, kill_stale: bool, ends: set[int]
) -> None:
    async def story(it: Any) -> None:
        one, two = it.connect(ONE, TWO)
        with one, two:
            assert await after_a_cut_was_mended(it, one) in ends

    asyncio.run(story(net(kill_stale=kill_stale)))


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        (ClusterError("ss failed with exit code 1"), "are left to TCP: ss failed with exit code 1"),
        ("", "no connection crossed the cut, or this kernel cannot end any"),
    ],
)
def test_a_mend_that_could_not_end_connections_says_so_and_has_mended(
    net: MakeNet,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    ended: ClusterError | str,
    words: str,
) -> None:
    def stumble(argv: Any, text: str = "") -> str:
        if "ss" not in argv:
            return run(argv, text)
        if isinstance(ended, ClusterError):
            raise ended
        return ended

    async def story(it: Any) -> None:
        await it.lan.cut(both(ONE, TWO))
        await it.lan.mend()
        assert await passes(it, ONE, TWO)

    monkeypatch.setattr(links, "run", stumble)
    with caplog.at_level(logging.INFO):
        asyncio.run(story(net()))
    assert words in caplog.text


def test_a_mend_leaves_connections_alone_that_crossed_no_cut(net: MakeNet) -> None:
    async def story(it: Any) -> None:
        one, three = it.connect(ONE, THREE)
        with one, three:
            await it.lan.cut(both(ONE, TWO))
            await it.lan.mend()
            one.send(b"x")
            async with asyncio.timeout(PATIENCE_S):
                assert await asyncio.get_running_loop().sock_recv(three, 1) == b"x"

    asyncio.run(story(net()))


def test_a_slow_link_delays_each_packet_one_way(net: MakeNet) -> None:
    async def story(it: Any) -> None:
        await it.lan.slow([link(ONE, TWO)], delay_ms=200, jitter_ms=50)
        took = await it.arrive(ONE, TWO, 20, within_s=PATIENCE_S)
        assert len(took) == 20
        assert min(took) >= 0.150
        # One bound from above: the way back is not slow, so it beats what the slow way cannot.
        assert min(await it.arrive(TWO, ONE, 20, within_s=PATIENCE_S)) < 0.150
        assert await it.lan.dropped() == 0

    asyncio.run(story(net()))


def test_what_was_delayed_is_told_until_the_next_slow(net: MakeNet) -> None:
    async def story(it: Any) -> None:
        assert await it.lan.delayed() == 0
        await it.lan.slow([link(ONE, TWO)], delay_ms=20, jitter_ms=0)
        assert await it.lan.delayed() == 0
        assert await passes(it, ONE, TWO)
        assert await passes(it, TWO, ONE)
        assert await passes(it, ONE, THREE)
        assert await it.lan.delayed() == 5
        await it.lan.fast()
        assert await passes(it, ONE, TWO)
        assert await it.lan.delayed() == 5
        await it.lan.slow([link(ONE, TWO)], delay_ms=20, jitter_ms=0)
        assert await it.lan.delayed() == 0

    asyncio.run(story(net()))


def test_a_slow_link_keeps_what_it_carries_whole(net: MakeNet) -> None:
    sent = bytes(range(256)) * 4096

    async def story(it: Any) -> None:
        await it.lan.slow(both(ONE, TWO), delay_ms=5, jitter_ms=0)
        one, two = await asyncio.to_thread(it.connect, ONE, TWO)
        loop, got = asyncio.get_running_loop(), b""
        with one, two:
            async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
                tasks.create_task(loop.sock_sendall(one, sent))
                while len(got) < len(sent):
                    got += await loop.sock_recv(two, 1 << 16)
        assert got == sent

    asyncio.run(story(net()))


def test_a_flaky_link_loses_some_and_counts_them(net: MakeNet) -> None:
    async def story(it: Any) -> None:
        await it.lan.flaky([link(ONE, TWO)], loss_per_mille=500)
        arrived = len(await it.arrive(ONE, TWO, 100, within_s=QUIET_S))
        assert 10 < arrived < 90
        assert await it.lan.dropped() == 100 - arrived
        assert await passes(it, TWO, ONE)

    asyncio.run(story(net()))


@pytest.mark.parametrize(("loss_per_mille", "arrive"), [(0, True), (1000, False)])
def test_a_flaky_link_may_lose_nothing_or_all(net: MakeNet, loss_per_mille: int, arrive: bool) -> None:
    async def story(it: Any) -> None:
        await it.lan.flaky([link(ONE, TWO)], loss_per_mille=loss_per_mille)
        assert await (passes if arrive else silent)(it, ONE, TWO)

    asyncio.run(story(net()))


def test_a_slow_link_that_is_cut_or_loses_all_carries_nothing(net: MakeNet) -> None:
    async def story(it: Any) -> None:
        await it.lan.slow([link(ONE, TWO)], delay_ms=1, jitter_ms=0)
        assert await passes(it, ONE, TWO)
        await it.lan.cut([link(ONE, TWO)])
        assert await silent(it, ONE, TWO)
        assert await it.lan.dropped() == 5
        await it.lan.mend()
        await it.lan.flaky([link(ONE, TWO)], loss_per_mille=1000)
        assert await silent(it, ONE, TWO)
        assert await it.lan.dropped() == 5

    asyncio.run(story(net()))


def test_fast_ends_what_is_slow_and_flaky_and_leaves_what_is_cut(net: MakeNet) -> None:
    async def story(it: Any) -> None:
        await it.lan.slow([link(ONE, TWO)], delay_ms=60_000, jitter_ms=0)
        await it.lan.flaky([link(TWO, ONE)], loss_per_mille=1000)
        await it.lan.cut([link(ONE, THREE)])
        await it.lan.fast()
        assert await passes(it, ONE, TWO)
        assert await passes(it, TWO, ONE)
        assert await silent(it, ONE, THREE)

    asyncio.run(story(net()))


async def cut_unknown(lan: Any) -> None:
    await lan.cut([link(ONE, ("n9", Role.STORE))])


async def delay_below_0(lan: Any) -> None:
    await lan.slow([link(ONE, TWO)], delay_ms=-1, jitter_ms=0)


async def lose_too_much(lan: Any) -> None:
    await lan.flaky([link(ONE, TWO)], loss_per_mille=1001)


@pytest.mark.parametrize(
    ("verb", "error", "words"),
    [
        (cut_unknown, RefusedError, "no store on 'n9'; its hosts are n1, n2, n3"),
        (delay_below_0, ValueError, r"cannot delay by -1 \+- 0 ms"),
        (lose_too_much, ValueError, "cannot lose 1001 of 1000 packets"),
    ],
)
def test_what_makes_no_sense_is_refused(
    net: MakeNet, verb: Callable[[Any], Awaitable[None]], error: type[Exception], words: str
) -> None:
    async def story(it: Any) -> None:
        with pytest.raises(error, match=words):
            await verb(it.lan)

    asyncio.run(story(net()))


def test_verbs_that_undo_may_be_repeated_and_come_first(net: MakeNet) -> None:
    async def story(it: Any) -> None:
        for _ in range(2):
            await it.lan.mend()
            await it.lan.fast()
        assert await it.lan.dropped() == 0

    asyncio.run(story(net()))
