"""A session's holder gives up before etcd does, whatever the network makes of its renewals."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import pytest

from dsm_jepsen.cluster.sim import SimLoop
from dsm_jepsen.dsm.stores.etcd_session import EtcdSession
from dsm_jepsen.dsm.stores.rpc import RpcFailure


class FakeRpc:
    """Answers renewals with a ttl in seconds, or not at all."""

    def __init__(self, renewal: Callable[[], float]) -> None:
        self.renewal = renewal
        self.revoked: list[int] = []
        self.messages: Any = SimpleNamespace(
            LeaseKeepAliveRequest=SimpleNamespace, LeaseRevokeRequest=SimpleNamespace
        )

    async def unary(self, method: str, request: Any, *, timeout_s: float) -> Any:
        assert (method, timeout_s > 0) == ("LeaseRevoke", True)
        self.revoked.append(request.ID)

    async def stream(
        self, method: str, _request: Any, *, timeout_s: float | None
    ) -> AsyncGenerator[Any, None]:
        assert method == "LeaseKeepAlive"
        assert timeout_s is not None
        yield SimpleNamespace(TTL=self.renewal())

    async def close(self) -> None:
        pass


def in_virtual_time(story: Coroutine[Any, Any, None]) -> None:
    loop = SimLoop()
    loop.run(story)
    loop.close()


def broken() -> float:
    raise RpcFailure("UNAVAILABLE", "Socket closed")


def session_on(
    rpc: FakeRpc, *, ttl_ms: int, sent_ago_s: float = 0, log: list[str] | None = None
) -> EtcdSession:
    now_s = asyncio.get_running_loop().time()
    lines = [] if log is None else log
    return EtcdSession(rpc, lease=255, ttl_ms=ttl_ms, sent_s=now_s - sent_ago_s, log=lines.append)


def test_a_session_is_named_after_its_lease() -> None:
    async def story() -> None:
        assert session_on(FakeRpc(broken), ttl_ms=1000).id == "00000000000000ff"

    in_virtual_time(story())


def test_a_grant_whose_answer_took_longer_than_the_ttl_is_lost_from_the_start() -> None:
    async def story() -> None:
        session = session_on(FakeRpc(lambda: 5), ttl_ms=1000, sent_ago_s=1)
        assert not session.alive
        await session.wait_lost()

    in_virtual_time(story())


def test_without_a_confirmed_renewal_a_session_ends_by_itself_and_says_why() -> None:
    async def story() -> None:
        log: list[str] = []
        session = session_on(FakeRpc(broken), ttl_ms=9000, log=log)
        await asyncio.sleep(8.9)
        assert session.alive
        await session.wait_lost()
        assert asyncio.get_running_loop().time() == 9
        assert not session.alive
        assert "not renewed" in log[0]
        assert "Socket closed" in log[0]

    in_virtual_time(story())


@pytest.mark.parametrize("ttl_s", [0, -1])
def test_a_session_that_etcd_no_longer_knows_is_lost_with_its_next_renewal(ttl_s: int) -> None:
    async def story() -> None:
        log: list[str] = []
        session = session_on(FakeRpc(lambda: ttl_s), ttl_ms=60_000, log=log)
        await session.wait_lost()
        assert asyncio.get_running_loop().time() == 20
        assert log == ["session 00000000000000ff: etcd dropped it"]

    in_virtual_time(story())


def test_a_renewed_session_outlives_its_ttl() -> None:
    async def story() -> None:
        session = session_on(FakeRpc(lambda: 5), ttl_ms=1500)
        await asyncio.sleep(60)
        assert session.alive
        await session.close()

    in_virtual_time(story())


def test_a_closed_session_is_lost_and_its_lease_revoked() -> None:
    async def story() -> None:
        rpc = FakeRpc(lambda: 5)
        session = session_on(rpc, ttl_ms=60_000)
        await session.close()
        assert not session.alive
        await session.wait_lost()
        assert rpc.revoked == [255]

    in_virtual_time(story())


def test_what_was_lost_once_never_lives_again() -> None:
    async def story() -> None:
        answers = iter([broken, broken, broken])

        def renewal() -> float:
            return next(answers, lambda: 5.0)()

        session = session_on(FakeRpc(renewal), ttl_ms=6000)
        await session.wait_lost()
        await asyncio.sleep(10)
        assert not session.alive

    in_virtual_time(story())
