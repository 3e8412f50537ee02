"""Links between hosts of one address each: what is cut, slow or lossy, what is not, and how it counts."""

import socket
from collections.abc import Callable
from typing import Any

import pytest

from dsm_jepsen.cluster.hosts import HostError
from dsm_jepsen.env import Link, Role

pytestmark = pytest.mark.namespaces

STORE, NODE = Role.STORE, Role.NODE
ONE_TO_TWO = Link("n1", STORE, "n2", STORE)
QUIET_S = 0.3
PATIENCE_S = 20.0

OnHosts = Callable[..., None]


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


def test_what_is_not_ours_is_neither_cut_nor_ended_by_a_mend(on_hosts: OnHosts) -> None:
    async def story(net: Any) -> None:
        one, two = net.dial("n1", "n2", 22)
        with one, two:
            await net.links.cut([ONE_TO_TWO])
            assert carries(one, two)
            assert carries(two, one)
            await net.links.mend()
            assert carries(one, two)

    on_hosts(story)


def test_a_mend_that_is_told_to_leave_connections_ends_none(on_hosts: OnHosts) -> None:
    async def story(net: Any) -> None:
        one, two = net.dial("n1", "n2", 2380)
        with one, two:
            one.setblocking(False)
            await net.links.cut([ONE_TO_TWO])
            one.send(b"into the void")
            await net.links.mend()
            with pytest.raises(BlockingIOError):
                one.recv(1)

    on_hosts(story, kill_stale=False)


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


def test_without_its_reader_a_slow_link_is_fast_and_never_dead(on_hosts: OnHosts) -> None:
    async def story(net: Any) -> None:
        await net.links.slow([ONE_TO_TWO], delay_ms=30_000, jitter_ms=0)
        await net.outposts["n2"].verb("strike", "KILL", "delayer", "dead", step="a test")
        for end in net.dial("n1", "n2", 2380):
            end.close()

    on_hosts(story)


def test_a_delay_that_a_mark_cannot_tell_is_refused(on_hosts: OnHosts) -> None:
    async def story(net: Any) -> None:
        with pytest.raises(ValueError, match=r"cannot delay by 32768 \+- 0 ms"):
            await net.links.slow([ONE_TO_TWO], delay_ms=32_768, jitter_ms=0)

    on_hosts(story)
