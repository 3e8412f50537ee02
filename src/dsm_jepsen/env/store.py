"""The seam to the coordination store: what etcd and ZooKeeper share and a state machine needs.

Two numbers that must not be mixed up:

* a key's **version** is for comparing: it changes with every write of that key and is only ever
  tested for equality (etcd: mod revision; ZooKeeper: data version);
* the store's **position** is for watching: later changes have greater positions
  (etcd: revision; ZooKeeper: number in the circular log).

A key whose name has an empty part, ``FOLDER//NAME``, is **plain**. On ZooKeeper every other key keeps a log
for those who watch it, and keeps it for ever; a plain key has none, and nothing remains of it once it is
deleted. So keys of which there is no end must be plain. They are listed by folder: a list of ``FOLDER//``
costs the names in that folder, whatever else there is; a folder once used stays. It is their names that make
keys plain, so that all who use them agree. etcd does not tell them from others, but no store watches them.

Rules that keep a program right on both stores: a plain key that is compared is never deleted and made
anew (ZooKeeper, at the last moment, tells apart only how often it was written since), and a fence is written
*into* the record it protects (ZooKeeper's transactions compare nothing but versions).

Every call may raise ``DefiniteError`` (certainly not done) or ``IndefiniteError`` (unknown). No
call retries on its own: a repeated write whose first try went through would be a lie.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

PLAIN = "//"
"""What makes a key plain: its first occurrence ends the folder."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A key's value as read: with its version, and the position at which it was written."""

    key: str
    value: bytes
    version: int
    position: int


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a watched key: its new entry, or ``None`` when it was deleted."""

    key: str
    entry: Entry | None
    position: int


@dataclass(frozen=True, slots=True)
class Compare:
    """A condition: the key has this version; ``None`` means that it does not exist."""

    key: str
    version: int | None


@dataclass(frozen=True, slots=True)
class Put:
    """Write a value; bound to a session it disappears with it."""

    key: str
    value: bytes
    session: "Session | None" = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete a key; nothing happens if it does not exist."""

    key: str


Write = Put | Delete


@dataclass(frozen=True, slots=True)
class Commit:
    """A transaction that took effect: its position, and each write's new version (``None``: deleted).

    The position of one that wrote nothing is never too great: a watch after it misses nothing.
    """

    position: int
    versions: tuple[int | None, ...]


class Session(Protocol):
    """A claim to be alive: renewed in the background until closed or lost."""

    @property
    def id(self) -> str:
        """A name no other session of this store has or will have."""
        ...

    @property
    def alive(self) -> bool:
        """False once the session ended, or its ttl has passed without a renewal that was confirmed.

        The answer is conservative: it turns false no later than the store drops the session.
        """
        ...

    async def wait_lost(self) -> None:
        """Return when ``alive`` has turned false (also after ``close``)."""
        ...

    async def close(self) -> None:
        """End the session; its keys are deleted now, or when its ttl has passed if the store is away."""
        ...


class Watch(Protocol):
    """The changes of one key, in order and without gaps, until closed.

    Iteration raises ``CompactedError`` if changes were dropped before they could be read, and
    ``IndefiniteError`` ``watch-broken`` if the connection broke: watch again after the last position seen.
    A member that was out of reach for a while has either broken it, or goes on with it where it was.
    """

    def __aiter__(self) -> AsyncIterator[Change]:
        """Iterate once."""
        ...

    async def __anext__(self) -> Change:
        """Wait for the next one."""
        ...

    async def aclose(self) -> None:
        """Stop watching."""
        ...


class Hints(Protocol):
    """Signs that something below a prefix may have changed, until closed; the first comes at once.

    Each says "list again" and no more (ZooKeeper can do no more). That a plain key was overwritten is hinted
    at only if the prefix goes beyond its folder; that it came or went, always. Errors as for ``Watch``.
    """

    def __aiter__(self) -> AsyncIterator[None]:
        """Iterate once."""
        ...

    async def __anext__(self) -> None:
        """Wait for the next one."""
        ...

    async def aclose(self) -> None:
        """Stop watching."""
        ...


class Store(Protocol):
    """A connection to one member of the store."""

    async def get(self, key: str, *, stale_ok: bool = False) -> Entry | None:
        """Read a key: linearizable, or with ``stale_ok`` whatever this member knows."""
        ...

    async def list(
        self, prefix: str, *, stale_ok: bool = False, limit: int | None = None
    ) -> tuple[Entry, ...]:
        """Read all keys that begin with the prefix, or the first ``limit``, in the order of their names."""
        ...

    async def put(self, key: str, value: bytes, *, session: Session | None = None) -> Entry:
        """Write a key whatever it held."""
        ...

    async def delete(self, key: str) -> bool:
        """Delete a key; false if it did not exist."""
        ...

    async def compare_and_set(self, key: str, value: bytes, *, version: int | None) -> Entry | None:
        """Write a key if it has this version (``None``: does not exist); ``None`` if it has another."""
        ...

    async def transact(self, compares: Sequence[Compare], writes: Sequence[Write]) -> Commit | None:
        """Do all writes at once if all compares hold; ``None``, and nothing done, if one does not."""
        ...

    def watch(self, key: str, *, after: int) -> Watch:
        """Follow a key's changes with positions greater than ``after`` (an entry's position, or 0).

        Raises:
            ValueError: it is a plain key.
        """
        ...

    def watch_hint(self, prefix: str) -> Hints:
        """Learn when it is worth listing the prefix again."""
        ...

    async def open_session(self, ttl_ms: int) -> Session:
        """Begin a session that the store drops when it has not been renewed for ``ttl_ms``."""
        ...

    async def close(self) -> None:
        """Close the connection with its watches; sessions are left to end by their ttl."""
        ...

    async def __aenter__(self) -> Self:
        """Use the connection for a block."""
        ...

    async def __aexit__(self, *exc_info: object) -> None:
        """Close it at the end."""
        ...


def require_watchable(key: str) -> str:
    """Accept a key to watch.

    Raises:
        ValueError: it is plain.
    """
    if PLAIN in key:
        raise ValueError(
            f"watch of {key!r}: {PLAIN!r} makes it a plain key, of whose changes there is no log; "
            "follow it by watch_hint and get, or give it another name"
        )
    return key
