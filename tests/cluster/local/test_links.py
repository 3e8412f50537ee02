"""Links of namespaces: what is cut, slow or lossy, what is not, and how that is counted."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from dsm_jepsen.cluster._base import ClusterError
from dsm_jepsen.cluster.local import links
from dsm_jepsen.cluster.local.commands import run
from dsm_jepsen.cluster.local.lan import Place
from dsm_jepsen.env import Link, Role

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


def test_a_mend_that_is_told_to_leave_connections_ends_none(net: MakeNet) -> None:
    async def story(it: Any) -> None:
        one, two = it.connect(ONE, TWO)
        with one, two:
            await it.lan.cut(both(ONE, TWO))
            one.send(b"into the void")
            await it.lan.mend()
            with pytest.raises(BlockingIOError):
                one.recv(1)

    asyncio.run(story(net(kill_stale=False)))


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


def test_a_flaky_link_loses_some_and_counts_them(net: MakeNet) -> None:
    async def story(it: Any) -> None:
        await it.lan.flaky([link(ONE, TWO)], loss_per_mille=500)
        arrived = len(await it.arrive(ONE, TWO, 100, within_s=QUIET_S))
        assert 10 < arrived < 90
        assert await it.lan.dropped() == 100 - arrived
        assert await passes(it, TWO, ONE)

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


@pytest.mark.parametrize(
    ("fault", "end"),
    [
        (lambda lan: lan.cut([link(ONE, TWO)]), "mend"),
        (lambda lan: lan.flaky([link(ONE, TWO)], loss_per_mille=1000), "fast"),
    ],
)
def test_a_fault_that_could_not_be_ended_is_ended_by_the_next_attempt(
    net: MakeNet, monkeypatch: pytest.MonkeyPatch, fault: Callable[[Any], Any], end: str
) -> None:
    failures = [ClusterError("nft failed with exit code 1")]

    def stumble(argv: Any, text: str = "") -> str:
        if text and failures:
            raise failures.pop()
        return run(argv, text)

    async def story(it: Any) -> None:
        await fault(it.lan)
        monkeypatch.setattr(links, "run", stumble)
        with pytest.raises(ClusterError, match="nft failed"):
            await getattr(it.lan, end)()
        assert await silent(it, ONE, TWO)
        await getattr(it.lan, end)()
        assert await passes(it, ONE, TWO)

    asyncio.run(story(net()))
