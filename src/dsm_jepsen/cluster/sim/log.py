"""The store's one log, with every version of every key: entry i has revision i.

A member that has applied a prefix of the log is a number: what it knows is what can be read at
that number. So members hold no data of their own, and cannot disagree.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import NamedTuple

from dsm_jepsen.env import PLAIN, Change, Commit, Delete, Entry, Put, Write


class _Version(NamedTuple):
    """What an entry of the log wrote to a key; ``None`` as value means deleted."""

    position: int
    value: bytes | None
    session: str | None
    version: int


class Log:
    """All that was ever committed.

    Attributes:
        position: the last entry's revision; 0 before the first.
        compacted: changes before this revision are not given to watches any more.

    Args:
        numbered: see ``Promises``.
    """

    def __init__(self, *, numbered: bool = False) -> None:
        self._numbered = numbered
        self.position = 0
        self.compacted = 0
        self._versions: dict[str, list[_Version]] = {}
        self._keys: list[str] = []

    def append(self, writes: Sequence[Write]) -> Commit:
        """Add one entry with all its writes; one that changes nothing takes no revision."""
        kept = [write for write in writes if isinstance(write, Put) or self.entry(write.key) is not None]
        if kept:
            self.position += 1
        for write in kept:
            if write.key not in self._versions:
                self._versions[write.key] = []
                insort(self._keys, write.key)
            version = self._next_version(write.key, self.position)
            self._versions[write.key].append(_version(self.position, write, version))
        versions = tuple(
            self._versions[write.key][-1].version if isinstance(write, Put) else None for write in writes
        )
        return Commit(position=self.position, versions=versions)

    def forge(self, writes: Sequence[Write]) -> Commit:
        """Tell what ``append`` would, and add nothing."""
        position = self.position + 1
        versions = tuple(
            self._next_version(write.key, position) if isinstance(write, Put) else None for write in writes
        )
        return Commit(position=position, versions=versions)

    @contextmanager
    def without(self, position: int) -> Iterator[None]:
        """Let reads not see what one entry did, for a block; 0 is no entry."""
        touched = {
            key: versions
            for key, versions in self._versions.items()
            if position and any(version.position == position for version in versions)
        }
        for key, versions in touched.items():
            self._versions[key] = [version for version in versions if version.position != position]
        try:
            yield
        finally:
            self._versions.update(touched)

    def forget(self, position: int) -> None:
        """Lose all entries after this one."""
        for versions in self._versions.values():
            del versions[bisect_right(versions, position, key=_position) :]
        self.position = min(self.position, position)

    def _next_version(self, key: str, position: int) -> int:
        if not self._numbered or PLAIN in key:
            return position
        versions = self._versions.get(key)
        return versions[-1].version + 1 if versions else 1

    def entry(self, key: str, *, at: int | None = None) -> Entry | None:
        """Read a key as of an entry, by default the last."""
        versions = self._versions.get(key)
        if not versions:
            return None
        last = versions[-1]
        if at is not None and last.position > at:
            place = bisect_right(versions, at, key=_position)
            if place == 0:
                return None
            last = versions[place - 1]
        if last.value is None:
            return None
        return Entry(key=key, value=last.value, version=last.version, position=last.position)

    def entries(self, prefix: str, *, at: int, limit: int | None = None) -> tuple[Entry, ...]:
        """Read all keys below a prefix, or the first ones, as of an entry, in the order of their names."""
        found: list[Entry] = []
        for key in islice(self._keys, bisect_left(self._keys, prefix), None):
            if not key.startswith(prefix) or len(found) == limit:
                break
            entry = self.entry(key, at=at)
            if entry is not None:
                found.append(entry)
        return tuple(found)

    def changes(self, key: str, *, after: int, upto: int) -> list[Change]:
        """Read what became of a key in the entries ``after`` < i <= ``upto``."""
        versions = self._versions.get(key, [])
        start = bisect_right(versions, after, key=_position)
        end = bisect_right(versions, upto, key=_position)
        return [_change(key, version) for version in versions[start:end]]

    def before(self, key: str, count: int, *, upto: int) -> int:
        """Find the change before the last ``count`` ones of a key up to an entry; 0 if there is none."""
        versions = self._versions.get(key, [])
        place = bisect_right(versions, upto, key=_position) - count
        return versions[place - 1].position if place > 0 else 0

    def session_of(self, key: str) -> str | None:
        """The session that a key is bound to now."""
        versions = self._versions.get(key)
        return versions[-1].session if versions else None


def _position(version: _Version) -> int:
    return version.position


def _version(position: int, write: Write, version: int) -> _Version:
    if isinstance(write, Delete):
        return _Version(position, None, None, version)
    session = write.session.id if write.session is not None else None
    return _Version(position, write.value, session, version)


def _change(key: str, version: _Version) -> Change:
    position = version.position
    if version.value is None:
        return Change(key=key, entry=None, position=position)
    entry = Entry(key=key, value=version.value, version=version.version, position=position)
    return Change(key=key, entry=entry, position=position)
