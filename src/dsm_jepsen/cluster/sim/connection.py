"""A client's connection to one member of the simulated store; see ``env.Store``."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Self, TypeVar

from dsm_jepsen.cluster.sim.members import Member, Request
from dsm_jepsen.cluster.sim.network import give_up
from dsm_jepsen.cluster.sim.process import Process, SimFuture
from dsm_jepsen.cluster.sim.sessions import SimSession
from dsm_jepsen.cluster.sim.store import SimStore
from dsm_jepsen.cluster.sim.watches import Feed, SimHints, SimWatch
from dsm_jepsen.env import (
    Commit,
    Compare,
    DefiniteError,
    Delete,
    Entry,
    Put,
    Session,
    Write,
    require_watchable,
)

F = TypeVar("F", bound=Feed[Any])

TIMEOUT_MS = 2_000
"""How long a client waits for an answer."""

LINE_MAX = 1_000
"""Requests of one session that wait for their turn."""


class SimConnection:
    """One client's way to its member.

    Errors of every call: ``DefiniteError`` ``connection-refused`` (the member is dead),
    ``connection-closed`` or ``too-many-requests``; ``IndefiniteError`` ``timeout`` or ``connection-reset``;
    ``SessionLostError`` when a write is to be bound to a session that the store has dropped.
    """

    def __init__(
        self, store: SimStore, client: Process, member: Member, *, timeout_ms: int = TIMEOUT_MS
    ) -> None:
        self.store = store
        self.loop = store.loop
        self.client = client
        self.member = member
        self.closed = False
        self._timeout_us = timeout_ms * 1_000
        self._feeds: list[Feed[Any]] = []
        self._line: deque[Request] = deque()  # of a pipeline; the first is under way

    async def ask(
        self,
        *,
        read: Callable[[int], Any] | None = None,
        write: Callable[[], Any] | None = None,
        stale_ok: bool = False,
    ) -> Any:
        """Send one request and wait for its answer."""
        if self.closed:
            # Definite: nothing is sent.
            raise DefiniteError("connection-closed")
        if len(self._line) >= LINE_MAX:
            # Definite: it does not even wait to be sent.
            raise DefiniteError("too-many-requests")
        loop = self.loop
        answer = loop.create_future()
        request = Request(self.client, self.member, answer, read=read, write=write, stale_ok=stale_ok)
        timer = loop.after(self._timeout_us, self.client, give_up, answer)
        if self.store.promises.pipelined:
            self._line.append(request)
        if len(self._line) <= 1:
            self.store.send(request)
        try:
            return await answer
        finally:
            timer.cancel()
            self.member.open.pop(request, None)
            if self._line and self._line[0] is request:
                self._next_in_line()

    def _next_in_line(self) -> None:
        """Send what waited, also a write that nobody waits for any more: its caller withdrew nothing."""
        self._line.popleft()
        while self._line and self._line[0].answer.done() and self._line[0].write is None:
            self._line.popleft()
        if self._line and not self.closed:
            request = self._line[0]
            if request.answer.done():
                request.answer = self.loop.create_future()
                request.answer.add_done_callback(self._ghost_is_done, context=self.client.context)
                self.loop.after(self._timeout_us, self.client, give_up, request.answer)
            self.store.send(request)

    def _ghost_is_done(self, answer: SimFuture[Any]) -> None:
        answer.exception()  # nobody is to be told
        self.member.open.pop(self._line[0], None)
        self._next_in_line()

    async def get(self, key: str, *, stale_ok: bool = False) -> Entry | None:
        """Read a key."""
        log = self.store.log
        entry: Entry | None = await self.ask(read=lambda at: log.entry(key, at=at), stale_ok=stale_ok)
        return entry

    async def list(
        self, prefix: str, *, stale_ok: bool = False, limit: int | None = None
    ) -> tuple[Entry, ...]:
        """Read all keys below a prefix, or the first ones, in the order of their names."""
        log = self.store.log
        entries: tuple[Entry, ...] = await self.ask(
            read=lambda at: log.entries(prefix, at=at, limit=limit), stale_ok=stale_ok
        )
        return entries

    async def put(self, key: str, value: bytes, *, session: Session | None = None) -> Entry:
        """Write a key whatever it held."""
        commit = await self.transact((), (Put(key, value, session),))
        assert commit is not None, "a transaction without compares takes effect"
        return _entry(key, value, commit)

    async def delete(self, key: str) -> bool:
        """Delete a key; false if it did not exist."""
        store = self.store

        def write() -> bool:
            existed = store.log.entry(key) is not None
            store.acknowledge((Delete(key),))
            return existed

        existed: bool = await self.ask(write=write)
        return existed

    async def compare_and_set(self, key: str, value: bytes, *, version: int | None) -> Entry | None:
        """Write a key if it has this version; ``None`` if it has another."""
        commit = await self.transact((Compare(key, version),), (Put(key, value),))
        return None if commit is None else _entry(key, value, commit)

    async def transact(self, compares: Sequence[Compare], writes: Sequence[Write]) -> Commit | None:
        """Do all writes at once if all compares hold."""
        keys = [write.key for write in writes]
        if len(set(keys)) < len(keys):
            raise ValueError(f"a transaction writes {keys}; each key may be written once")
        compares, writes = tuple(compares), tuple(writes)
        commit: Commit | None = await self.ask(write=lambda: self.store.transact(compares, writes))
        return commit

    def watch(self, key: str, *, after: int) -> SimWatch:
        """Follow a key's changes with positions greater than ``after``."""
        return self._keep(SimWatch(self, require_watchable(key), after=after))

    def watch_hint(self, prefix: str) -> SimHints:
        """Learn when it is worth listing the prefix again."""
        return self._keep(SimHints(self, prefix))

    def _keep(self, feed: F) -> F:
        self._feeds = [*(feed for feed in self._feeds if not feed.closed), feed]
        return feed

    async def open_session(self, ttl_ms: int) -> SimSession:
        """Begin a session that the store drops when it was not renewed for ``ttl_ms``."""
        if ttl_ms < 1:
            raise ValueError(f"a session cannot last {ttl_ms} ms; give it at least 1")
        leases, ttl_us, sent_us = self.store.leases, ttl_ms * 1_000, self.loop.now_us
        session = leases.new_id()
        await self.ask(write=lambda: leases.grant(session, ttl_us))
        return SimSession(self, session, ttl_us, sent_us)

    async def close(self) -> None:
        """Close the connection with its watches; sessions are left to end by their ttl."""
        self.closed = True
        for feed in self._feeds:
            await feed.aclose()
        self._feeds.clear()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()


def _entry(key: str, value: bytes, commit: Commit) -> Entry:
    version = commit.versions[0]
    assert version is not None, "a put gives a version"
    return Entry(key=key, value=value, version=version, position=commit.position)
