"""A session's holder gives up before ZooKeeper does, whatever becomes of its heartbeats."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

pytest.importorskip("kazoo")

from dsm_jepsen.cluster.sim import SimLoop
from dsm_jepsen.dsm.stores import zookeeper_session
from dsm_jepsen.dsm.stores.zookeeper_session import ZooKeeperSession
from dsm_jepsen.env import IndefiniteError

TTL_S = 8.0
BEAT_S = 2.0


class FakeLink:
    """Answers heartbeats, or not."""

    session = 255

    def __init__(self, answer: Callable[[], None] = lambda: None) -> None:
        self.answer = answer
        self.ended: list[str] = []
        self.negotiated_s = TTL_S
        self.lost: Callable[[], None] = lambda: None

    async def connect(self, *, until_s: float) -> None:
        assert until_s > now_s()

    async def read(self, *_: Any, until_s: float) -> list[Any]:
        assert until_s > now_s()
        self.answer()
        return ["/"]

    async def end_session(self, *, timeout_s: float) -> bool:
        assert timeout_s > 0
        self.ended.append("ended")
        return True

    async def close(self) -> None:
        self.ended.append("cut off")


def now_s() -> float:
    return asyncio.get_running_loop().time()


def in_virtual_time(story: Coroutine[Any, Any, None]) -> None:
    loop = SimLoop()
    loop.run(story)
    loop.close()


def session_on(link: Any, *, sent_ago_s: float = 0, log: list[str] | None = None) -> ZooKeeperSession:
    lines = [] if log is None else log
    return ZooKeeperSession(link, root="/", ttl_s=TTL_S, sent_s=now_s() - sent_ago_s, log=lines.append)


def broken() -> None:
    raise IndefiniteError("timeout", "no answer")


def test_a_session_is_named_after_zookeepers_number_also_if_that_is_negative() -> None:
    async def story() -> None:
        assert session_on(FakeLink()).id == "00000000000000ff"
        link = FakeLink()
        link.session = -1
        assert session_on(link).id == "ffffffffffffffff"

    in_virtual_time(story())


def test_a_confirmed_session_outlives_its_ttl() -> None:
    async def story() -> None:
        session = session_on(FakeLink())
        await asyncio.sleep(10 * TTL_S)
        assert session.alive
        await session.close()

    in_virtual_time(story())


def test_a_session_whose_beginning_took_longer_than_its_ttl_is_lost_from_the_start() -> None:
    async def story() -> None:
        session = session_on(FakeLink(), sent_ago_s=TTL_S)
        assert not session.alive
        await session.wait_lost()

    in_virtual_time(story())


def test_without_answers_a_session_ends_by_itself_and_says_why() -> None:
    async def story() -> None:
        log: list[str] = []
        session = session_on(FakeLink(broken), log=log)
        await asyncio.sleep(TTL_S - 0.1)
        assert session.alive
        await session.wait_lost()
        assert now_s() == TTL_S
        assert log[0] == "session 00000000000000ff: not confirmed (timeout: no answer)"

    in_virtual_time(story())


def test_a_heartbeat_confirms_no_more_than_the_one_before_it() -> None:
    async def story() -> None:
        answers = iter([True, True, True])
        session = session_on(FakeLink(lambda: None if next(answers, False) else broken()))
        await session.wait_lost()
        # Of three that were answered, the third shows that the second had reached the leader.
        assert now_s() == 2 * BEAT_S + TTL_S

    in_virtual_time(story())


def test_one_heartbeat_may_be_missed() -> None:
    async def story() -> None:
        answers = iter([True, True, False] * 20)
        session = session_on(FakeLink(lambda: None if next(answers) else broken()))
        await asyncio.sleep(5 * TTL_S)
        assert session.alive
        await session.close()

    in_virtual_time(story())


def test_what_was_lost_once_never_lives_again() -> None:
    async def story() -> None:
        answers = iter([False] * 4)
        session = session_on(FakeLink(lambda: None if next(answers, True) else broken()))
        await session.wait_lost()
        await asyncio.sleep(TTL_S)
        assert not session.alive

    in_virtual_time(story())


@pytest.mark.parametrize("way", ["close", "abandon"])
def test_a_session_is_closed_in_good_order_or_left_to_its_ttl(way: str) -> None:
    async def story() -> None:
        link = FakeLink()
        session = session_on(link)
        await getattr(session, way)()
        assert link.ended == ["ended" if way == "close" else "cut off"]
        assert session.alive is (way == "abandon")
        await session.wait_lost()
        assert now_s() == (0 if way == "close" else TTL_S)

    in_virtual_time(story())


def open_session(monkeypatch: pytest.MonkeyPatch, link: FakeLink, *, ttl_s: float) -> Any:
    def make(*_: Any, lost: Callable[[], None], **__: Any) -> FakeLink:
        link.lost = lost
        return link

    monkeypatch.setattr(zookeeper_session, "Link", make)
    return ZooKeeperSession.open("host", 1, root="/", ttl_s=ttl_s, timeout_s=1, log=pytest.fail)


@pytest.mark.parametrize(("asked_s", "granted_s", "lives_s"), [(8, 8, 8), (8, 4, 4), (8, 12, 8)])
def test_a_session_lives_as_granted_and_no_longer_than_asked(
    monkeypatch: pytest.MonkeyPatch, asked_s: float, granted_s: float, lives_s: float
) -> None:
    async def story() -> None:
        link = FakeLink()
        link.negotiated_s = granted_s
        session = await open_session(monkeypatch, link, ttl_s=asked_s)
        await session.abandon()
        await session.wait_lost()
        assert now_s() == lives_s

    in_virtual_time(story())


def test_a_session_that_was_granted_no_time_is_refused_and_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        link = FakeLink()
        link.negotiated_s = 0
        with pytest.raises(IndefiniteError, match="unusable-session: a time-out of 0 s was granted"):
            await open_session(monkeypatch, link, ttl_s=8)
        assert link.ended == ["cut off"]

    in_virtual_time(story())


def test_a_session_that_was_lost_while_it_began_never_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        link = FakeLink()
        link.answer = lambda: link.lost()  # noqa: PLW0108 - it is given to the link only later
        session = await open_session(monkeypatch, link, ttl_s=8)
        assert not session.alive

    in_virtual_time(story())
