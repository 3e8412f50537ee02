"""Watches and hints: what a member tells its clients by itself.

Axiom: *a watch gives a gap-free prefix of its key's changes*, in order, from what its member has
applied, with a delay without bound. It may break at any time: surely when the member dies, a
link to it is cut or a piece of news is lost, seldom for no reason at all. Changes before ``compact``'s
position are not given any more, nor are those that a ring has written over; whoever had not read them is
told so.
"""

import asyncio
from collections import deque
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from dsm_jepsen.cluster.sim.process import State
from dsm_jepsen.env import PLAIN, Change, CompactedError, IndefiniteError, OutcomeError, Write

if TYPE_CHECKING:
    from dsm_jepsen.cluster.sim.connection import SimConnection
    from dsm_jepsen.cluster.sim.store import SimStore

T = TypeVar("T")

BUFFER_MAX = 1_000
DELAY_MIN_US = 100
DELAY_MAX_US = 1_500
SLOW_PER_MILLE = 20
SLOW_MAX_US = 400_000
BREAK_PER_MILLE = 2
NOTICE_CUT_MIN_US = 100_000
NOTICE_CUT_MAX_US = 2_000_000


class Feeds:
    """All open watches and hints."""

    def __init__(self) -> None:
        self._watches: dict[str, dict[Feed[Any], None]] = {}
        self._hints: dict[Feed[Any], None] = {}

    def add(self, feed: "Feed[Any]") -> None:
        """Have a feed told what is committed."""
        self._of(feed)[feed] = None

    def discard(self, feed: "Feed[Any]") -> None:
        """Forget a feed."""
        self._of(feed).pop(feed, None)

    def _of(self, feed: "Feed[Any]") -> "dict[Feed[Any], None]":
        return self._hints if isinstance(feed, SimHints) else self._watches.setdefault(feed.path, {})

    def notice(self, writes: Sequence[Write], position: int, *, quiet: Collection[str]) -> None:
        """Tell the feeds of a new entry; of quiet keys only feeds whose prefix goes beyond the folder."""
        for write in writes:
            for watch in self._watches.get(write.key, ()):
                watch.want(position)
        for hints in self._hints:
            named = bool(hints.path.partition(PLAIN)[2])
            if any(
                write.key.startswith(hints.path) and (named or write.key not in quiet) for write in writes
            ):
                hints.want(position)

    def review(self) -> None:
        """Break what lost its member, and go on with what gets entries again."""
        feeds = [feed for watches in self._watches.values() for feed in watches]
        for feed in [*feeds, *self._hints]:
            feed.review()


class Feed(Generic[T]):
    """One watch or hint: the member's side of it and the client's.

    Attributes:
        path: the key, or for hints the prefix.
        closed: whether nothing new will come.
    """

    def __init__(self, connection: "SimConnection", path: str) -> None:
        self.path = path
        self._client = connection.client
        self._member = connection.member
        self._store: SimStore = connection.store
        self._buffer: deque[T] = deque()
        self._news = asyncio.Event()
        self._error: OutcomeError | None = None
        self.closed = False
        self._open = False  # whether the member knows of it
        self._broken = False  # whether it will be, or is, broken
        self._busy = False  # whether a delivery is under way
        self._wanted = 0
        self._full = False
        self._store.feeds.add(self)
        self._store.reach(self._client, self._member, self._begin, self.review, self._lose)
        self.review()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        while not self._buffer:
            if self._error is not None:
                error, self._error = self._error, None
                raise error
            if self.closed:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        item = self._buffer.popleft()
        if self._full and not self._buffer:
            self._full = False
            self.want(self._wanted)
        return item

    async def aclose(self) -> None:
        """Stop watching."""
        self._end(None)

    def want(self, position: int) -> None:
        """Tell the client of the log up to a position, once the member has applied it."""
        self._wanted = max(self._wanted, position)
        if self._open and not (self._busy or self._broken or self._full):
            due_us = self._member.due_us(self._wanted, self._store.loop.now_us)
            if due_us is not None:
                self._deliver_after(due_us - self._store.loop.now_us)

    def review(self) -> None:
        """See whether the member is still within reach."""
        store, client, member = self._store, self._client, self._member
        if self._broken:
            return
        if member.process.state is State.DEAD or not member.serves:
            self._break_after(store.links.delay_us(member.name, client.name))
        elif not store.links.joins(client.name, member.name):
            self._lose()
        elif self._wanted > member.applied(store.loop.now_us):
            self.want(self._wanted)

    def _lose(self) -> None:
        """A message was lost, or will be: the connection breaks, and the client notices at some time."""
        purpose = f"watch/{self._client.name}/cut"
        self._break_after(self._store.rng.between(NOTICE_CUT_MIN_US, NOTICE_CUT_MAX_US, purpose=purpose))

    def _begin(self) -> None:
        """The member has the client's wish."""
        self._open = True
        self._wanted = self._store.log.position
        self._deliver_after(0)

    def _deliver_after(self, due_us: int) -> None:
        self._busy = True
        rng, purpose = self._store.rng, f"watch/{self._client.name}"
        delay_us = rng.between(DELAY_MIN_US, DELAY_MAX_US, purpose=purpose)
        if rng.chance(SLOW_PER_MILLE, purpose=purpose):
            delay_us = rng.below(SLOW_MAX_US, purpose=purpose)
        delay_us += self._store.links.slowness_us(self._member.name, self._client.name)
        self._store.loop.after(due_us + delay_us, self._member.process, self._deliver)

    def _deliver(self) -> None:
        self._busy = False
        if self._broken:
            return
        if self._client.state is State.DEAD:
            self._end(None)
        elif self._store.rng.chance(BREAK_PER_MILLE, purpose=f"watch/{self._client.name}/break"):
            self._end(IndefiniteError("watch-broken"))
        elif not self._store.links.passes(self._member.name, self._client.name):
            self._lose()
        else:
            prefix = self._member.applied(self._store.loop.now_us)
            self._take(prefix)
            if self._buffer:
                self._news.set()
            if self._wanted > prefix:
                self.want(self._wanted)

    def _take(self, prefix: int) -> None:
        """Put into the buffer what the member has applied."""
        raise NotImplementedError

    def _break_after(self, delay_us: int) -> None:
        self._broken = True
        loop = self._store.loop
        loop.after(delay_us, loop.harness, self._end, IndefiniteError("watch-broken"))

    def _end(self, error: OutcomeError | None) -> None:
        if not self.closed:
            self.closed = self._broken = True
            self._error = error
            self._store.feeds.discard(self)
            self._news.set()


class SimWatch(Feed[Change]):
    """The changes of one key; see ``env.Watch``."""

    def __init__(self, connection: "SimConnection", key: str, *, after: int) -> None:
        self._after = after
        super().__init__(connection, key)

    def _begin(self) -> None:
        log = self._store.log
        entry = log.entry(self.path, at=log.compacted)
        unchanged = entry is not None and entry.position <= self._after
        if self._after + 1 < log.compacted and not unchanged:
            self._end(_compacted(log.compacted))
        else:
            super()._begin()

    def _take(self, prefix: int) -> None:
        store, key = self._store, self.path
        dropped = store.dropped(key, upto=prefix)
        if store.log.changes(key, after=self._after, upto=dropped):
            self._end(_compacted(dropped + 1))
            return
        changes = store.changes(key, after=self._after, upto=prefix)
        buffer_max = store.promises.ring_size or BUFFER_MAX
        self._buffer.extend(changes[:buffer_max])
        self._full = len(changes) > buffer_max or len(self._buffer) >= buffer_max
        self._after = max(self._after, prefix)
        if len(changes) > buffer_max:
            self._after = changes[buffer_max - 1].position


class SimHints(Feed[None]):
    """Signs of change below a prefix; see ``env.Hints``."""

    def _take(self, _prefix: int) -> None:
        if not self._buffer:
            self._buffer.append(None)


def _compacted(position: int) -> CompactedError:
    # Definite: a watch changes nothing.
    return CompactedError("compacted", position)
