"""Sessions: what the store grants, and what the client may believe.

Axiom: *a session never expires early*. The store counts its ttl from the last renewal that took effect,
a new leader grants the whole ttl anew, and expiry itself needs a quorum; so it may come late. Then one
entry of the log deletes all keys still bound to the session. The client counts from the moment it
*sent* the last renewal that was confirmed, and so stops believing no later than the store does.
"""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from dsm_jepsen.cluster.sim.members import Request
from dsm_jepsen.env import Delete, OutcomeError, SessionLostError

if TYPE_CHECKING:
    from dsm_jepsen.cluster.sim.connection import SimConnection
    from dsm_jepsen.cluster.sim.process import Callback, SimFuture
    from dsm_jepsen.cluster.sim.store import SimStore

LATE_MAX_US = 200_000
VERY_LATE_PER_MILLE = 50
VERY_LATE_TTLS = 2


class _Lease:
    """A session as the store's leader keeps it."""

    __slots__ = ("deadline_us", "guarded", "keys", "ttl_us")

    def __init__(self, ttl_us: int, deadline_us: int) -> None:
        self.ttl_us = ttl_us
        self.deadline_us = deadline_us
        self.keys: dict[str, None] = {}
        self.guarded = False  # whether a timer will look at it


class Leases:
    """All sessions that the store has granted and not dropped."""

    def __init__(self, store: "SimStore") -> None:
        self._store = store
        self._leases: dict[str, _Lease] = {}
        self._last_id = 0

    def __contains__(self, session: str) -> bool:
        return session in self._leases

    def new_id(self) -> str:
        """Name a session as no other."""
        self._last_id += 1
        return f"s{self._last_id}"

    def grant(self, session: str, ttl_us: int) -> None:
        """Begin a session."""
        lease = _Lease(ttl_us, self._deadline_us(ttl_us))
        self._leases[session] = lease
        self._guard(session, lease)

    def renew(self, session: str) -> None:
        """Let a session's ttl begin anew.

        Raises:
            SessionLostError: it was dropped.
        """
        lease = self._leases.get(session)
        if lease is None:
            raise SessionLostError("session-lost", session)
        lease.deadline_us = self._deadline_us(lease.ttl_us)

    def _deadline_us(self, ttl_us: int) -> int:
        tick_us = self._store.promises.tick_us
        return -(-(self._store.loop.now_us + self._store.lease_us(ttl_us)) // tick_us) * tick_us

    def renew_all(self) -> None:
        """Give every session its whole ttl, as a new leader does that cannot know of renewals."""
        for lease in self._leases.values():
            lease.deadline_us = max(lease.deadline_us, self._store.loop.now_us + lease.ttl_us)

    def bind(self, session: str, key: str) -> None:
        """Have a key end with a session."""
        self._leases[session].keys[key] = None

    def end(self, session: str) -> None:
        """Drop a session, and in one entry all keys that are still bound to it."""
        lease = self._leases.pop(session, None)
        if lease is not None:
            bound = [key for key in lease.keys if self._store.log.session_of(key) == session]
            self._store.append([Delete(key) for key in bound])

    def check_all(self) -> None:
        """Look after the sessions that could not be dropped for want of a quorum."""
        for session, lease in self._leases.items():
            if not lease.guarded:
                self._guard(session, lease)

    def _guard(self, session: str, lease: _Lease) -> None:
        rng, loop = self._store.rng, self._store.loop
        late_us = rng.below(LATE_MAX_US, purpose="session/late")
        if rng.chance(VERY_LATE_PER_MILLE, purpose="session/late"):
            late_us = rng.below(VERY_LATE_TTLS * lease.ttl_us, purpose="session/late")
        lease.guarded = True
        delay_us = max(0, lease.deadline_us - loop.now_us) + late_us
        loop.after(delay_us, loop.harness, self._check, session, lease)

    def _check(self, session: str, lease: _Lease) -> None:
        lease.guarded = False
        if session not in self._leases or not self._store.quorum:
            return
        if self._store.loop.now_us < lease.deadline_us:
            self._guard(session, lease)
        else:
            self.end(session)


class SimSession:
    """A client's session; see ``env.Session``."""

    def __init__(self, connection: "SimConnection", session: str, ttl_us: int, granted_us: int) -> None:
        self.id = session
        self._connection = connection
        self._ttl_us = ttl_us
        self._deadline_us = granted_us + ttl_us
        self._lost = asyncio.Event()
        self._renewal: Request | None = None
        self._timer: Callback | None = None
        self._rest()

    @property
    def alive(self) -> bool:
        """False once the session ended, or its ttl has passed since the last confirmed renewal was sent."""
        return not self._lost.is_set() and self._connection.loop.now_us < self._deadline_us

    async def wait_lost(self) -> None:
        """Return when ``alive`` has turned false."""
        await self._lost.wait()

    async def close(self) -> None:
        """End the session; if the store is away its keys go when the ttl has passed."""
        if self._lost.is_set():
            return
        self._lose()
        with suppress(OutcomeError):  # the store drops it later by itself
            await self._connection.ask(write=lambda: self._connection.store.leases.end(self.id))

    def _rest(self) -> None:
        loop = self._connection.loop
        delay_us = min(self._ttl_us // 3, max(0, self._deadline_us - loop.now_us))
        self._timer = loop.after(delay_us, self._connection.client, self._tick)

    def _tick(self) -> None:
        if not self.alive:
            self._lose()
            return
        if not self._connection.closed:
            self._renew()
        self._rest()

    def _renew(self) -> None:
        connection = self._connection
        self._forget_renewal()
        sent_us = connection.loop.now_us
        answer = connection.loop.create_future()
        answer.add_done_callback(
            lambda answer: self._renewed(answer, sent_us), context=connection.client.context
        )
        leases = connection.store.leases
        self._renewal = Request(
            connection.client, connection.member, answer, write=lambda: leases.renew(self.id)
        )
        connection.store.send(self._renewal)

    def _renewed(self, answer: "SimFuture[None]", sent_us: int) -> None:
        if isinstance(answer.exception(), SessionLostError) or not self.alive:
            self._lose()
        elif answer.exception() is None:
            self._deadline_us = max(self._deadline_us, sent_us + self._ttl_us)

    def _lose(self) -> None:
        self._lost.set()
        self._forget_renewal()
        if self._timer is not None:
            self._timer.cancel()

    def _forget_renewal(self) -> None:
        if self._renewal is not None:
            self._connection.member.open.pop(self._renewal, None)
