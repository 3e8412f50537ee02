"""A connection to one member of etcd as a ``Store``.

A key's version is its mod revision, a position is a revision of the whole store. Every call has a
deadline and is sent at most once. All reads and writes go to this one member: there is no fail-over
to another, because a client's outcomes must say what *its* member did.
"""

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any, Self

from dsm_jepsen.dsm.stores.errors import outcome
from dsm_jepsen.dsm.stores.etcd_session import EtcdSession
from dsm_jepsen.dsm.stores.feed import Feed, Feeds
from dsm_jepsen.dsm.stores.rpc import Rpc, RpcFailure
from dsm_jepsen.env import (
    Change,
    Commit,
    CompactedError,
    Compare,
    DefiniteError,
    Delete,
    Entry,
    IndefiniteError,
    Put,
    Session,
    Write,
    require_watchable,
)

_WATCH_QUEUE = 256
"""Changes kept for a slow reader before etcd has to keep them."""

_DELETED = 1
"""``Event.EventType.DELETE`` of etcd's messages."""


class EtcdStore:
    """An ``env.Store`` on one member of etcd."""

    def __init__(self, rpc: Rpc, *, timeout_ms: int, log: Callable[[str], None]) -> None:
        """Take over a connection."""
        if timeout_ms < 1:
            raise ValueError(f"timeout_ms is {timeout_ms}; a call needs at least 1 ms")
        self._rpc = rpc
        self._messages = rpc.messages
        self._timeout_s = timeout_ms / 1000
        self._log = log
        self._feeds = Feeds()
        self._sessions: list[EtcdSession] = []
        self._closed = False

    async def get(self, key: str, *, stale_ok: bool = False) -> Entry | None:
        """Read a key."""
        entries = await self._range(key.encode(), stale_ok=stale_ok)
        return entries[0] if entries else None

    async def list(
        self, prefix: str, *, stale_ok: bool = False, limit: int | None = None
    ) -> tuple[Entry, ...]:
        """Read keys below a prefix; etcd orders them by their bytes, in UTF-8 as by their text."""
        if limit == 0:
            return ()  # which would mean all to etcd
        return await self._range(*_span(prefix), stale_ok=stale_ok, limit=limit or 0)

    async def put(self, key: str, value: bytes, *, session: Session | None = None) -> Entry:
        """Write a key."""
        commit = await self.transact((), (Put(key, value, session),))
        assert commit is not None, "a transaction without compares cannot be refused"
        return Entry(key, value, commit.position, commit.position)

    async def delete(self, key: str) -> bool:
        """Delete a key."""
        request = self._messages.DeleteRangeRequest(key=key.encode())
        response = await self._call("DeleteRange", request, writes=True)
        return bool(response.deleted)

    async def compare_and_set(self, key: str, value: bytes, *, version: int | None) -> Entry | None:
        """Write a key if it has this version."""
        commit = await self.transact((Compare(key, version),), (Put(key, value),))
        return None if commit is None else Entry(key, value, commit.position, commit.position)

    async def transact(self, compares: Sequence[Compare], writes: Sequence[Write]) -> Commit | None:
        """Do all writes if all compares hold."""
        keys = [write.key for write in writes]
        if len(set(keys)) < len(keys):
            raise ValueError(f"a transaction writes {keys}; each key may be written once")
        request = self._messages.TxnRequest(
            compare=[self._compare(compare) for compare in compares],
            success=[self._operation(write) for write in writes],
        )
        try:
            response = await self._call("Txn", request, writes=True)
        except DefiniteError as error:
            if error.kind == "session-lost":
                _end_sessions(writes)
            raise
        if not response.succeeded:
            return None
        position = int(response.header.revision)
        return Commit(position, tuple(position if isinstance(write, Put) else None for write in writes))

    def watch(self, key: str, *, after: int) -> Feed[Change]:
        """Follow a key's changes; a silent connection counts as broken after eight seconds."""
        return self._feeds.open(self._changes(require_watchable(key), after), size=_WATCH_QUEUE)

    def watch_hint(self, prefix: str) -> Feed[None]:
        """Learn when to list again; the first hint comes once etcd has begun to watch."""
        return self._feeds.open(self._hints(prefix), size=1, coalesce=True)

    async def open_session(self, ttl_ms: int) -> EtcdSession:
        """Begin a session; etcd is asked for the next whole second, the session itself ends as asked."""
        if ttl_ms < 1:
            raise ValueError(f"ttl_ms is {ttl_ms}; a session needs at least 1 ms")
        sent_s = asyncio.get_running_loop().time()
        request = self._messages.LeaseGrantRequest(TTL=math.ceil(ttl_ms / 1000))
        response = await self._call("LeaseGrant", request, writes=True)
        session = EtcdSession(self._rpc, lease=response.ID, ttl_ms=ttl_ms, sent_s=sent_s, log=self._log)
        self._sessions = [other for other in self._sessions if other.alive] + [session]
        return session

    async def close(self) -> None:
        """Close the connection with its watches; sessions are renewed no more."""
        self._closed = True
        for session in self._sessions:
            session.abandon()
        await self._feeds.close()
        await self._rpc.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    def _require_open(self) -> None:
        if self._closed:
            raise DefiniteError("connection-closed", "nothing was sent")

    async def _call(self, method: str, request: Any, *, writes: bool) -> Any:
        """Send one request, once."""
        self._require_open()
        try:
            return await self._rpc.unary(method, request, timeout_s=self._timeout_s)
        except RpcFailure as failure:
            raise outcome(failure.code, failure.details, writes=writes) from failure

    async def _range(
        self, key: bytes, end: bytes = b"", *, stale_ok: bool, at: int = 0, limit: int = 0
    ) -> tuple[Entry, ...]:
        """Read keys, as they are or as they were at a revision; with limit 0 all of them."""
        request = self._messages.RangeRequest(
            key=key, range_end=end, serializable=stale_ok, revision=at, limit=limit
        )
        response = await self._call("Range", request, writes=False)
        return tuple(_entry(pair) for pair in response.kvs)

    def _compare(self, compare: Compare) -> Any:
        """Translate a compare; a key that does not exist has mod revision 0."""
        kind = self._messages.Compare
        return kind(
            key=compare.key.encode(), target=kind.MOD, result=kind.EQUAL, mod_revision=compare.version or 0
        )

    def _operation(self, write: Write) -> Any:
        """Translate a write."""
        if isinstance(write, Delete):
            return self._messages.RequestOp(
                request_delete_range=self._messages.DeleteRangeRequest(key=write.key.encode())
            )
        lease = int(write.session.id, 16) if write.session is not None else 0
        return self._messages.RequestOp(
            request_put=self._messages.PutRequest(key=write.key.encode(), value=write.value, lease=lease)
        )

    async def _changes(self, key: str, after: int) -> AsyncGenerator[Change, None]:
        """Give a key's changes; begin anew where a compaction dropped changes of other keys only.

        It asks for the last change that is known, too. Asked from the next revision on, etcd before 3.5.16
        keeps silent about a deletion if its revision is the very one that was compacted at.
        """
        position = after
        while True:
            try:
                # From 1, where nothing ever is: 0 would mean from now on.
                request = self._messages.WatchCreateRequest(key=key.encode(), start_revision=max(position, 1))
                async with aclosing(self._responses(request)) as responses:
                    async for response in responses:
                        for event in response.events:
                            if event.kv.mod_revision > position:
                                position = int(event.kv.mod_revision)
                                entry = None if event.type == _DELETED else _entry(event.kv)
                                yield Change(key, entry, position)
            except CompactedError as error:
                await self._confirm_unchanged(key, position, upto=error.detail)
                position = error.detail

    async def _confirm_unchanged(self, key: str, after: int, *, upto: int) -> None:
        """See that a key has no changes after one revision up to another, the oldest that can be read.

        An old key's own revision may lie below a compaction. Were that an error, whoever reads the
        key and watches on from there would get the same error for ever. How the key is by now would
        not do: etcd may take a tenth of a second to tell of a compaction, and it may change in that.

        Raises:
            CompactedError: the key has changed, or was not there and may have been.
        """
        # The past is the same on every member, so this one may answer for itself.
        entries = await self._range(key.encode(), stale_ok=True, at=upto)
        if not entries or entries[0].position > after:
            # Definite: a watch changes nothing.
            raise CompactedError("compacted", upto)

    async def _hints(self, prefix: str) -> AsyncGenerator[None, None]:
        """Give a hint when the watch has begun, and for every change from then on."""
        key, end = _span(prefix)
        request = self._messages.WatchCreateRequest(key=key, range_end=end)
        async with aclosing(self._responses(request)) as responses:
            async for _ in responses:
                yield None

    async def _responses(self, create: Any) -> AsyncGenerator[Any, None]:
        """Give a watch's responses, and say how it ended."""
        self._require_open()
        request = self._messages.WatchRequest(create_request=create)
        try:
            async with aclosing(self._rpc.stream("Watch", request, timeout_s=None)) as responses:
                async for response in responses:
                    if response.compact_revision:
                        raise CompactedError("compacted", int(response.compact_revision))
                    if response.canceled:
                        raise IndefiniteError("watch-broken", response.cancel_reason)
                    yield response
        except RpcFailure as failure:
            raise IndefiniteError("watch-broken", str(failure)) from failure
        raise IndefiniteError("watch-broken", "etcd ended the stream")


def _span(prefix: str) -> tuple[bytes, bytes]:
    """The range of keys that begin with a prefix: from the first to before the second."""
    if not prefix:
        return b"\0", b"\0"
    key = prefix.encode()
    return key, key[:-1] + bytes((key[-1] + 1,))  # no byte of UTF-8 is 255


def _entry(pair: Any) -> Entry:
    """Translate a key and its value."""
    return Entry(pair.key.decode(), pair.value, int(pair.mod_revision), int(pair.mod_revision))


def _end_sessions(writes: Sequence[Write]) -> None:
    """Let sessions know that etcd has dropped the one a write was bound to."""
    bound = [write.session for write in writes if isinstance(write, Put) and write.session is not None]
    if len(bound) == 1 and isinstance(bound[0], EtcdSession):
        bound[0].end()
