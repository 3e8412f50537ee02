"""A connection to one member of ZooKeeper as a ``Store``.

A key's version is the number of its changes; a position is ZooKeeper's transaction number (zxid), which
orders everything that the ensemble ever did. Every call has a deadline, and a write whose outcome is unknown
is never sent again. All goes to this one member: there is no fail-over to another.

**Reads.** ZooKeeper's own way to a read that is not stale, ``sync`` and then a read, asks the leader alone:
one that was cut off and has not noticed yet (for at most syncLimit ticks) vouches for old data. So ``get``
sends a transaction that writes nothing, and right after it the read: only transactions ask a quorum, and a
member answers a session's requests in their order, each from what it knows by then. ``list`` is sync and
read, key by key: no snapshot, and stale by that much at most.

**Writes** are read, then decide, then one transaction that holds only if nothing changed since the reading.
If something did, the outcome is certain, and the whole is done again from the new state, a bounded number
of times. A value is sent twice, so ZooKeeper's limit of 1 MB for a request leaves 500 KB for a value.

**Watches** follow the key's log (see ``ring``), which keeps its last 32 changes.
"""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, Self

from dsm_jepsen.dsm.stores import zookeeper_reads as reads
from dsm_jepsen.dsm.stores.feed import Feed, Feeds
from dsm_jepsen.dsm.stores.ring import SIZE, Head, Record, missing, replay, require_size
from dsm_jepsen.dsm.stores.zookeeper_commit import Plain, Plan, holds, plan
from dsm_jepsen.dsm.stores.zookeeper_errors import FAILED_COMPARES, NODE_EXISTS, outcome
from dsm_jepsen.dsm.stores.zookeeper_link import Link, Send, Signal
from dsm_jepsen.dsm.stores.zookeeper_paths import (
    ROOT,
    folder_path,
    folders_of,
    key_of,
    keys_of,
    path_of,
    slot_path,
)
from dsm_jepsen.dsm.stores.zookeeper_session import ZooKeeperSession
from dsm_jepsen.env import (
    PLAIN,
    Change,
    Commit,
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

_LINK_TTL_S = 6.0
"""Of the connection itself; after two thirds of it in silence it counts as broken, with its watches."""

_WATCH_QUEUE = 256
"""Changes kept for a slow reader beyond those that the log keeps."""

_TURN = 500
"""Keys that a list reads at once."""

_TRIES = 200
"""Of a write that others keep getting ahead of; each loss means that one of them got through."""


class ZooKeeperStore:
    """An ``env.Store`` on one member of ZooKeeper.

    Args:
        host: the member's address.
        port: its port for clients.
        timeout_ms: after how long a call gives up.
        log: takes a line when something happens that no caller sees.
        ring_size: how many changes the logs of new keys keep; a power of two.
    """

    def __init__(
        self, host: str, port: int, *, timeout_ms: int, log: Callable[[str], None], ring_size: int = SIZE
    ) -> None:
        if timeout_ms < 1:
            raise ValueError(f"timeout_ms is {timeout_ms}; a call needs at least 1 ms")
        self._host, self._port = host, port
        self._timeout_s = timeout_ms / 1000
        self._log = log
        self._ring_size = require_size(ring_size)
        self._loop = asyncio.get_running_loop()
        self._link = Link(host, port, ttl_s=_LINK_TTL_S, log=log)
        self._made: set[str] = set()
        self._feeds = Feeds()
        self._sessions: list[ZooKeeperSession] = []
        self._closed = False

    async def get(self, key: str, *, stale_ok: bool = False) -> Entry | None:
        """Read a key; unless it may be stale, after a transaction that a quorum took."""
        until_s = self._until_s()
        barrier: list[Send] = []
        if not stale_ok:
            self._require_open()
            await self._make(ROOT, until_s)
            barrier.append(reads.barrier)
        *taken, found = await self._link.read(*barrier, reads.get(path_of(key)), until_s=until_s)
        for failure in (result for results in taken for result in results if isinstance(result, Exception)):
            raise outcome(failure, writes=False)
        return reads.entry(key, reads.head(key, found))

    async def list(
        self, prefix: str, *, stale_ok: bool = False, limit: int | None = None
    ) -> tuple[Entry, ...]:
        """Read keys below a prefix, one by one; costs a look at all names in their folders."""
        until_s = self._until_s()
        keys = await self._keys(prefix, fresh=not stale_ok, until_s=until_s)
        wanted = len(keys) if limit is None else limit
        found: list[Entry] = []
        # In turns, because a name may be all that is left of a key that was deleted.
        while keys and len(found) < wanted:
            size = min(wanted, _TURN)
            turn, keys = keys[:size], keys[size:]
            heads = await self._heads(turn, fresh=False, until_s=until_s)
            until_s = self._until_s()  # each turn is a call of its own
            entries = (reads.entry(key, head) for key, head in zip(turn, heads, strict=True))
            found += [entry for entry in entries if entry is not None]
        return tuple(found[:wanted])

    async def put(self, key: str, value: bytes, *, session: Session | None = None) -> Entry:
        """Write a key."""
        commit = await self.transact((), (Put(key, value, session),))
        assert commit is not None, "a transaction without compares cannot be refused"
        assert commit.versions[0] is not None, "a key that was written has a version"
        return Entry(key, value, commit.versions[0], commit.position)

    async def delete(self, key: str) -> bool:
        """Delete a key."""
        done = await self._transact((), (Delete(key),))
        assert done is not None, "a transaction without compares cannot be refused"
        return done[1][key]

    async def compare_and_set(self, key: str, value: bytes, *, version: int | None) -> Entry | None:
        """Write a key if it has this version."""
        commit = await self.transact((Compare(key, version),), (Put(key, value),))
        if commit is None or commit.versions[0] is None:
            return None
        return Entry(key, value, commit.versions[0], commit.position)

    async def transact(self, compares: Sequence[Compare], writes: Sequence[Write]) -> Commit | None:
        """Do all writes if all compares hold; all writes to sessions must be to the same one."""
        done = await self._transact(compares, writes)
        return None if done is None else done[0]

    def watch(self, key: str, *, after: int) -> Feed[Change]:
        """Follow a key's changes; a silent connection counts as broken after some four seconds."""
        return self._feeds.open(self._changes(require_watchable(key), after), size=_WATCH_QUEUE)

    def watch_hint(self, prefix: str) -> Feed[None]:
        """Learn when to list again; each hint costs a look at the names, and at each key that has a log."""
        # Not coalescing: a hint that nobody takes holds up the next one, and so the cost of it.
        return self._feeds.open(self._hints(prefix), size=1)

    async def open_session(self, ttl_ms: int) -> ZooKeeperSession:
        """Begin a session, on a connection of its own; the member may grant less time than asked for."""
        if ttl_ms < 1:
            raise ValueError(f"ttl_ms is {ttl_ms}; a session needs at least 1 ms")
        self._require_open()
        session = await ZooKeeperSession.open(
            self._host,
            self._port,
            root=ROOT,
            ttl_s=ttl_ms / 1000,
            timeout_s=self._timeout_s,
            log=self._log,
        )
        if self._closed:
            await session.abandon()
            raise IndefiniteError("connection-closed", "a session began; it ends by its ttl")
        self._sessions = [other for other in self._sessions if other.alive] + [session]
        return session

    async def close(self) -> None:
        """Close the connection with its watches; sessions are confirmed no more."""
        self._closed = True
        await self._feeds.close()
        await asyncio.gather(self._link.close(), *(session.abandon() for session in self._sessions))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    def _require_open(self) -> None:
        if self._closed:
            raise DefiniteError("connection-closed", "nothing was sent")

    def _until_s(self) -> float:
        return self._loop.time() + self._timeout_s

    async def _heads(
        self, keys: Sequence[str], *, fresh: bool, until_s: float
    ) -> Sequence[Head | Plain | None]:
        syncs = [reads.sync] if fresh else []
        found = await self._link.read(*syncs, *map(reads.get, map(path_of, keys)), until_s=until_s)
        return [reads.head(key, answer) for key, answer in zip(keys, found[len(syncs) :], strict=True)]

    async def _keys(
        self, prefix: str, *, fresh: bool, until_s: float, watch: Signal | None = None
    ) -> Sequence[str]:
        syncs = [reads.sync] if fresh else []
        keys: list[str] = []
        folders = [prefix.partition(PLAIN)[0]]
        if PLAIN not in prefix:
            *_, names = await self._link.read(*syncs, reads.children(ROOT, watch), until_s=until_s)
            keys = keys_of(names or [])
            folders = [each for each in folders_of(names or []) if f"{each}{PLAIN}".startswith(prefix)]
            syncs = []
        if folders:
            found = await self._link.read(
                *syncs, *(reads.children(folder_path(each), watch) for each in folders), until_s=until_s
            )
            for folder, names in zip(folders, found[len(syncs) :], strict=True):
                keys += [key_of(name, folder) for name in names or ()]
        return sorted(key for key in keys if key.startswith(prefix))

    async def _transact(
        self, compares: Sequence[Compare], writes: Sequence[Write]
    ) -> tuple[Commit, dict[str, bool]] | None:
        """Do all writes if all compares hold; the commit, and which keys existed before."""
        names = [write.key for write in writes]
        if len(set(names)) < len(names):
            raise ValueError(f"a transaction writes {names}; each key may be written once")
        keys = sorted({*names, *(compare.key for compare in compares)})
        link = self._link_for(writes)
        until_s = self._until_s()
        await self._make(ROOT, until_s)
        for folder in sorted({key.partition(PLAIN)[0] for key in keys if PLAIN in key}):
            await self._make(folder_path(folder), until_s)
        for turn in range(_TRIES):
            # First as the member has it: if that is stale, the transaction fails and does no harm.
            found = await self._heads(keys, fresh=turn > 0, until_s=until_s)
            heads = dict(zip(keys, found, strict=True))
            if not all(holds(compare, heads) for compare in compares):
                if turn == 0:
                    continue
                return None
            made = plan(heads, writes, size=self._ring_size)
            position = await self._commit(link, made, until_s=until_s)
            if position is not None:
                existed = {key: head is not None and head.version is not None for key, head in heads.items()}
                return Commit(position, tuple(made.version(name, position) for name in names)), existed
        # Definite: every try was answered with a refusal.
        raise DefiniteError("contention", f"others changed {keys} during each of {_TRIES} tries")

    async def _commit(self, link: Link, made: Plan, *, until_s: float) -> int | None:
        """Carry out a plan; its position, or ``None``, and nothing done, if the keys have changed since."""
        # Where nothing is written, no answer tells the transaction's own position. It is later than what the
        # member has told so far; what it has told by the time of the answer may be later than it.
        before = link.position
        if not made.operations:
            return before

        def send(client: Any) -> Any:
            transaction = client.transaction()
            for operation in made.operations:
                operation.add_to(transaction)
            return transaction.commit_async()

        results = await link.write(send, until_s=until_s)
        # kazoo returns what failed among the results. If one part did, none was carried out; the others
        # are then marked as rolled back, or as not tried.
        failures = [outcome(result, writes=True) for result in results if isinstance(result, Exception)]
        for failure in failures:
            if isinstance(failure, DefiniteError):
                if failure.kind in FAILED_COMPARES:
                    return None
                raise failure
        if failures:
            raise failures[0]
        if len(results) != len(made.operations):
            raise IndefiniteError(
                "unreadable-answer", f"{len(made.operations)} parts, {len(results)} results"
            )
        return max((stat.mzxid for stat in results if hasattr(stat, "mzxid")), default=before)

    def _link_for(self, writes: Sequence[Write]) -> Link:
        """The connection to write over: a session's own, since what is bound belongs to a connection."""
        self._require_open()
        sessions = {id(put.session): put.session for put in writes if isinstance(put, Put) and put.session}
        if not sessions:
            return self._link
        session, *others = sessions.values()
        if others or not isinstance(session, ZooKeeperSession):
            raise ValueError(
                "a transaction on ZooKeeper binds keys to at most one session, one of ZooKeeper's"
            )
        if not session.alive:
            # Definite: nothing is sent over the connection of a session that counts as lost.
            raise DefiniteError("session-lost", session.id)
        return session.link

    async def _make(self, path: str, until_s: float) -> None:
        """Make a parent of keys, if it is not there; such znodes stay."""
        if path in self._made:
            return
        try:
            await self._link.write(lambda client: client.create_async(path), until_s=until_s)
        except DefiniteError as error:
            if error.kind != NODE_EXISTS:
                raise
        self._made.add(path)

    async def _changes(self, key: str, after: int) -> AsyncGenerator[Change, None]:
        """Give a key's changes: whatever is new in its log whenever one of its watches fires."""
        self._require_open()
        signal = Signal()
        position, known = after, 0
        while True:
            # The watches come first: what they might miss, the reading after them shows.
            *_, found = await self._link.read(
                *reads.watches(key, signal), reads.get(path_of(key)), until_s=self._until_s()
            )
            head = reads.head(key, found)
            if isinstance(head, Head):
                slots = await self._slots(key, head, known=known)
                for step in replay(head, slots, after=position):
                    position = step.position
                    yield reads.change(key, step.position, step.record)
                known = head.record.number
            await signal.wait()

    async def _slots(self, key: str, head: Head, *, known: int) -> dict[int, tuple[Record, int]]:
        """Read the slots of the records after those known; leave out those that are not there."""
        numbers = missing(head, known=known)
        paths = [slot_path(key, number % head.record.size) for number in numbers]
        found = await self._link.read(*map(reads.get, paths), until_s=self._until_s())
        return {
            number: (Record.decode(slot[0]), slot[1].mzxid)
            for number, slot in zip(numbers, found, strict=True)
            if slot is not None
        }

    async def _hints(self, prefix: str) -> AsyncGenerator[None, None]:
        """Give a hint when all watches are set, and whenever one has fired and they are set again."""
        self._require_open()
        signal = Signal()
        while True:
            until_s = self._until_s()
            folder, plain, name = prefix.partition(PLAIN)
            for parent in (ROOT, folder_path(folder)) if plain else (ROOT,):
                await self._make(parent, until_s)
            keys = await self._keys(prefix, fresh=False, until_s=until_s, watch=signal)
            if not name:
                keys = [key for key in keys if PLAIN not in key]
            await self._link.read(
                *itertools.chain(*(reads.watches(key, signal) for key in keys)), until_s=until_s
            )
            yield None
            await signal.wait()
