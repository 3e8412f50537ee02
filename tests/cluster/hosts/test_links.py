"""Links between hosts of one address each: what is cut, slow or lossy, what is not, and how it counts."""

import asyncio
import errno
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from dsm_jepsen.cluster.hosts import HostError
from dsm_jepsen.env import Link, RefusedError, Role

pytestmark = pytest.mark.namespaces

STORE, NODE = Role.STORE, Role.NODE
ONE_TO_TWO = Link("n1", STORE, "n2", STORE)
QUIET_S = 0.3
PATIENCE_S = 20.0

OnHosts = Callable[..., None]
# Who dials whom at which port, and which link its data take: from the one who dialled, or back.
FROM_THE_DIALLER = [
    pytest.param(("n1", "n2", 2380), Link("n1", STORE, "n2", STORE), id="peers"),
    pytest.param(("n1", "n2", 2379), Link("n1", NODE, "n2", STORE), id="client"),
    pytest.param(("n1", "n2", 8080), Link("n1", NODE, "n2", NODE), id="nodes"),
    pytest.param(("n1", "n1", 2379), Link("n1", NODE, "n1", STORE), id="own member"),
]
TO_THE_DIALLER = [
    pytest.param(("n2", "n1", 2380), Link("n1", STORE, "n2", STORE), id="peers"),
    pytest.param(("n2", "n1", 2379), Link("n1", STORE, "n2", NODE), id="client"),
    pytest.param(("n2", "n1", 8080), Link("n1", NODE, "n2", NODE), id="nodes"),
    pytest.param(("n1", "n1", 2379), Link("n1", STORE, "n1", NODE), id="own member"),
]


def carries(one: socket.socket, other: socket.socket, *, within_s: float = PATIENCE_S) -> bool:
    """Whether a byte gets from one end to the other."""
    one.send(b"x")
    other.settimeout(within_s)
    try:
        return other.recv(1) == b"x"
    except TimeoutError:
        return False


def silent(one: socket.socket, other: socket.socket) -> bool:
    return not carries(one, other, within_s=QUIET_S)


@pytest.mark.parametrize(("dialled", "link"), FROM_THE_DIALLER)
def test_a_cut_link_loses_what_the_dialler_sends_and_not_what_comes_back(
    on_hosts: OnHosts, dialled: tuple[str, str, int], link: Link
) -> None:
    async def story(net: Any) -> None:
        one, two = net.dial(*dialled)
        with one, two:
            await net.links.cut([link])
            assert silent(one, two)
            assert carries(two, one)
            assert await net.links.count("dropped") > 0

    on_hosts(story)


@pytest.mark.parametrize(("dialled", "link"), TO_THE_DIALLER)
def test_a_cut_link_loses_what_comes_back_to_the_dialler_and_not_what_it_sends(
    on_hosts: OnHosts, dialled: tuple[str, str, int], link: Link
) -> None:
    async def story(net: Any) -> None:
        one, two = net.dial(*dialled)
        with one, two:
            await net.links.cut([link])
            assert carries(one, two)
            assert silent(two, one)
            assert await net.links.count("dropped") > 0

    on_hosts(story)


@pytest.mark.parametrize(
    "dialled",
    [("n1", "n3", 2380), ("n3", "n2", 2380), ("n1", "n2", 2379), ("n1", "n2", 8080), ("n1", "n2", 22)],
)
def test_a_cut_leaves_all_other_links_and_all_other_ports_alone(
    on_hosts: OnHosts, dialled: tuple[str, str, int]
) -> None:
    async def story(net: Any) -> None:
        await net.links.cut([ONE_TO_TWO])
        one, two = net.dial(*dialled)
        with one, two:
            assert carries(one, two)
            assert carries(two, one)

    on_hosts(story)


def test_cuts_add_up_and_one_mend_heals_them_all(on_hosts: OnHosts) -> None:
    async def story(net: Any) -> None:
        await net.links.cut([ONE_TO_TWO])
        await net.links.cut([Link("n1", STORE, "n3", STORE)])
        for other in ("n2", "n3"):
            with pytest.raises(TimeoutError):
                net.dial("n1", other, 2380)
        await net.links.mend()
        for other in ("n2", "n3"):
            for end in net.dial("n1", other, 2380):
                end.close()

    on_hosts(story)


def test_a_mend_that_one_host_did_not_hear_is_done_by_the_next(on_hosts: OnHosts) -> None:
    async def story(net: Any) -> None:
        await net.links.cut([ONE_TO_TWO])
        net.fleet.hosts["n2"].deaf = True
        with pytest.raises(HostError, match="n2"):
            await net.links.mend()
        net.fleet.hosts["n2"].deaf = False
        await net.links.mend()
        for end in net.dial("n1", "n2", 2380):
            end.close()

    on_hosts(story)


def test_a_fast_that_one_host_did_not_hear_is_done_by_the_next(on_hosts: OnHosts) -> None:
    async def story(net: Any) -> None:
        await net.links.slow([ONE_TO_TWO], delay_ms=30_000, jitter_ms=0)
        await net.links.flaky([Link("n2", STORE, "n1", STORE)], loss_per_mille=1000)
        net.fleet.hosts["n2"].deaf = True
        with pytest.raises(HostError, match="n2"):
            await net.links.fast()
        net.fleet.hosts["n2"].deaf = False
        await net.links.fast()
        for end in net.dial("n1", "n2", 2380):
            end.close()

    on_hosts(story)


def test_what_was_dropped_is_told_until_the_next_cut(on_hosts: OnHosts) -> None:
    async def story(net: Any) -> None:
        one, two = net.dial("n1", "n2", 2380)
        with one, two:
            await net.links.cut([ONE_TO_TWO])
            assert await net.links.count("dropped") == 0
            assert silent(one, two)
            await net.links.mend()
        dropped = await net.links.count("dropped")
        assert dropped > 0
        await net.links.slow([Link("n1", STORE, "n3", STORE)], delay_ms=1, jitter_ms=0)
        assert await net.links.count("dropped") == dropped
        await net.links.cut([Link("n1", STORE, "n3", STORE)])
        assert await net.links.count("dropped") == 0

    on_hosts(story)


@pytest.mark.parametrize(
    ("kill_stale", "ends"),
    [(True, {errno.ECONNABORTED, errno.ECONNRESET, errno.EPIPE}), (False, {errno.EAGAIN})],
)
def test_a_mend_ends_connections_that_crossed_a_cut_unless_told_to_leave_them(
    on_hosts: OnHosts, kill_stale: bool, ends: set[int]
) -> None:
    async def story(net: Any) -> None:
        one, two = net.dial("n1", "n2", 2380)
        with one, two:
            one.setblocking(False)
            await net.links.cut([ONE_TO_TWO])
            one.send(b"into the void")
            await net.links.mend()
            with pytest.raises(OSError) as error:  # noqa: PT011  its number is looked at
                one.recv(1)
            assert error.value.errno in ends

    on_hosts(story, kill_stale=kill_stale)


@pytest.mark.parametrize("dialled", [("n1", "n3", 2380), ("n1", "n2", 22)])
def test_a_mend_leaves_connections_alone_that_crossed_no_cut_or_are_not_ours(
    on_hosts: OnHosts, dialled: tuple[str, str, int]
) -> None:
    async def story(net: Any) -> None:
        one, other = net.dial(*dialled)
        with one, other:
            await net.links.cut([ONE_TO_TWO])
            await net.links.mend()
            assert carries(one, other)

    on_hosts(story)


def test_a_slow_link_delays_each_packet_and_counts_it(on_hosts: OnHosts) -> None:
    async def story(net: Any) -> None:
        one, two = net.dial("n1", "n2", 2380)
        with one, two:
            await net.links.slow([ONE_TO_TWO], delay_ms=200, jitter_ms=50)
            began = time.monotonic()
            assert carries(one, two)
            assert time.monotonic() - began >= 0.150
            assert await net.links.count("delayed") > 0
            assert await net.links.count("dropped") == 0
            await net.links.slow([], delay_ms=0, jitter_ms=0)
            assert await net.links.count("delayed") == 0

    on_hosts(story)


def test_a_slow_link_keeps_what_it_carries_whole(on_hosts: OnHosts) -> None:
    sent = bytes(range(256)) * 4096

    async def story(net: Any) -> None:
        await net.links.slow([ONE_TO_TWO], delay_ms=5, jitter_ms=0)
        one, two = await asyncio.to_thread(net.dial, "n1", "n2", 2380)
        loop, got = asyncio.get_running_loop(), b""
        with one, two:
            one.setblocking(False)
            two.setblocking(False)
            async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
                tasks.create_task(loop.sock_sendall(one, sent))
                while len(got) < len(sent):
                    got += await loop.sock_recv(two, 1 << 16)
        assert got == sent

    on_hosts(story)


def test_fast_ends_what_is_slow_and_flaky_and_leaves_what_is_cut(on_hosts: OnHosts) -> None:
    async def story(net: Any) -> None:
        await net.links.slow([ONE_TO_TWO], delay_ms=30_000, jitter_ms=0)
        await net.links.flaky([Link("n2", STORE, "n1", STORE)], loss_per_mille=1000)
        await net.links.cut([Link("n1", STORE, "n3", STORE)])
        await net.links.fast()
        for end in net.dial("n1", "n2", 2380):
            end.close()
        with pytest.raises(TimeoutError):
            net.dial("n1", "n3", 2380)

    on_hosts(story)


def test_without_its_reader_a_slow_link_is_fast_and_never_dead(on_hosts: OnHosts) -> None:
    async def story(net: Any) -> None:
        await net.links.slow([ONE_TO_TWO], delay_ms=30_000, jitter_ms=0)
        await net.outposts["n2"].verb("strike", "KILL", "delayer", "dead", step="a test")
        for end in net.dial("n1", "n2", 2380):
            end.close()

    on_hosts(story)


@pytest.mark.parametrize(("loss_per_mille", "arrive"), [(0, True), (1000, False)])
def test_a_flaky_link_may_lose_nothing_or_all(on_hosts: OnHosts, loss_per_mille: int, arrive: bool) -> None:
    async def story(net: Any) -> None:
        one, two = net.dial("n1", "n2", 2380)
        with one, two:
            await net.links.flaky([ONE_TO_TWO], loss_per_mille=loss_per_mille)
            assert (carries if arrive else silent)(one, two)

    on_hosts(story)


def test_a_flaky_link_loses_some_and_counts_them(on_hosts: OnHosts) -> None:
    async def story(net: Any) -> None:
        one, two = net.dial("n1", "n2", 2380)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with one, two:
            await net.links.flaky([ONE_TO_TWO], loss_per_mille=500)
            for _ in range(20):
                assert carries(one, two)
            assert await net.links.count("dropped") > 0

    on_hosts(story)


def test_the_harness_reaches_everybody_whatever_is_cut(on_hosts: OnHosts) -> None:
    async def story(net: Any) -> None:
        places = [(host, role) for host in net.outposts for role in Role]
        await net.links.cut([Link(*one, *other) for one in places for other in places])
        for host in net.outposts:
            with net._bound(host, 2379) as server:
                server.listen()
                socket.create_connection(server.getsockname(), timeout=PATIENCE_S).close()

    on_hosts(story)


async def cut_unknown(links: Any) -> None:
    await links.cut([Link("n1", STORE, "n9", STORE)])


async def delay_below_0(links: Any) -> None:
    await links.slow([ONE_TO_TWO], delay_ms=-1, jitter_ms=0)


async def delay_too_long(links: Any) -> None:
    await links.slow([ONE_TO_TWO], delay_ms=32_768, jitter_ms=0)


async def lose_too_much(links: Any) -> None:
    await links.flaky([ONE_TO_TWO], loss_per_mille=1001)


@pytest.mark.parametrize(
    ("verb", "error", "words"),
    [
        (cut_unknown, RefusedError, "no store on 'n9'; its hosts are n1, n2, n3"),
        (delay_below_0, ValueError, r"cannot delay by -1 \+- 0 ms"),
        (delay_too_long, ValueError, r"cannot delay by 32768 \+- 0 ms"),
        (lose_too_much, ValueError, "cannot lose 1001 of 1000 packets"),
    ],
)
def test_what_makes_no_sense_is_refused(
    on_hosts: OnHosts, verb: Callable[[Any], Awaitable[None]], error: type[Exception], words: str
) -> None:
    async def story(net: Any) -> None:
        with pytest.raises(error, match=words):
            await verb(net.links)

    on_hosts(story)


def test_verbs_that_undo_may_be_repeated_and_come_first(on_hosts: OnHosts) -> None:
    async def story(net: Any) -> None:
        for _ in range(2):
            await net.links.mend()
            await net.links.fast()
        assert await net.links.count("dropped") == 0
        assert await net.links.count("delayed") == 0

    on_hosts(story)
