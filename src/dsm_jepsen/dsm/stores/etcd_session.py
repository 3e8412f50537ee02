"""A session on etcd: a lease that is renewed until it is closed or lost.

etcd counts in whole seconds and never grants less than about one and a half election time-outs, so
its lease lives at least as long as was asked. Here the session ends as asked, counted from the
moment the last confirmed renewal was *sent*: the holder gives up before the store does. (A member
that has just lost its leadership without noticing may still confirm renewals; no client can tell.)
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from dsm_jepsen.dsm.stores.countdown import Countdown
from dsm_jepsen.dsm.stores.rpc import Rpc, RpcFailure


class EtcdSession(Countdown):
    """A lease and the task that renews it, three times within its ttl."""

    def __init__(
        self, rpc: Rpc, *, lease: int, ttl_ms: int, sent_s: float, log: Callable[[str], None]
    ) -> None:
        """Take over a lease whose request was sent when the loop's time was ``sent_s``."""
        self.lease = lease
        super().__init__(until_s=sent_s + ttl_ms / 1000)
        self._rpc = rpc
        self._ttl_s = ttl_ms / 1000
        self._log = log
        self._connected = True
        self._renewing = asyncio.create_task(self._keep_alive())

    @property
    def id(self) -> str:
        """The lease's number, which etcd never gives twice."""
        return f"{self.lease:016x}"

    def end(self) -> None:
        """Count as lost from now on, and renew no more."""
        self._lost.set()
        self._renewing.cancel()

    async def close(self) -> None:
        """Revoke the lease; if etcd is out of reach it ends by its ttl."""
        self.end()
        if not self._connected:
            return
        request = self._rpc.messages.LeaseRevokeRequest(ID=self.lease)
        try:
            await self._rpc.unary("LeaseRevoke", request, timeout_s=self._ttl_s)
        except RpcFailure as failure:
            self._log(f"session {self.id}: not revoked ({failure}); it ends by its ttl")

    def abandon(self) -> None:
        """Renew no more, because the connection closes; the lease ends by its ttl."""
        self._connected = False
        self._renewing.cancel()

    async def _keep_alive(self) -> None:
        """Renew until lost."""
        while self.alive:
            await asyncio.sleep(self._ttl_s / 3)
            sent_s = self._loop.time()
            try:
                ttl_s = await self._renew(timeout_s=self._ttl_s / 3)
            except RpcFailure as failure:
                self._log(f"session {self.id}: not renewed ({failure})")
                continue
            if ttl_s <= 0:
                self._log(f"session {self.id}: etcd dropped it")
                self._lost.set()
            elif self.alive:
                self._limit_s = sent_s + min(self._ttl_s, ttl_s)

    async def _renew(self, *, timeout_s: float) -> float:
        """Renew once; the seconds that etcd gives the lease, 0 if it has none such."""
        request = self._rpc.messages.LeaseKeepAliveRequest(ID=self.lease)
        responses: Any = self._rpc.stream("LeaseKeepAlive", request, timeout_s=timeout_s)
        async with aclosing(responses):
            async for response in responses:
                return float(response.TTL)
        raise RpcFailure("UNKNOWN", "the stream ended without a response")
