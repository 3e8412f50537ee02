"""A key's circular log, as arithmetic: what a commit writes, and what a reader may conclude of it.

A key is a znode, the *head*, with a slot below it for each of the last ``size`` changes. Commit ``number``
writes the same record into the head and into slot ``number mod size``, in one transaction that holds only
while the head is as it was read. Readers are notified without being told of what, and may miss any number
of notifications: the record says which number it has, so a reader that wants numbers 8, 9 and 10 knows
whether it found them, or found that they have been overwritten.

A record's ``number`` is the key's version. It counts from 1, never goes back and never repeats: a key is
deleted by a record that says so, and its znode stays. ZooKeeper's own data version cannot do this: it is a
signed 32-bit number that wraps, and one of its values, -1, means "any" in a condition. It serves as the
condition of commits only, and is never left at -1.

A value bound to a session has an ephemeral znode, below the head too. Children come and go only together with
a new record, except when the session ends: a head whose children changed after its record lost its value
then. ZooKeeper writes no record of this; the next commit does.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from dsm_jepsen.env import CompactedError, IndefiniteError

SIZE = 32
"""The paper's size of the log."""

SIZE_MAX = 1 << 16

ANY = -1
"""ZooKeeper's data version that, in a condition, holds always."""

_FORMAT = 1
_HEADER = struct.Struct("!BBIQQQ")


class Kind(IntEnum):
    """What a commit made of the key."""

    DELETED = 0
    VALUE = 1
    BOUND = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What one commit writes.

    Attributes:
        kind: what became of the key.
        number: the key's version from this commit on.
        size: how many records the key's log keeps; fixed when the key is first written.
        before: the position of the record before it, 0 if it is the first.
        lapsed: the position at which the value before it was lost with its session, 0 if it was not.
        value: the key's value; empty if it was deleted.
    """

    kind: Kind
    number: int
    size: int
    before: int = 0
    lapsed: int = 0
    value: bytes = b""

    @property
    def slot(self) -> int:
        """Where in the log it lies."""
        return self.number % self.size

    @property
    def reuses_slot(self) -> bool:
        """Whether an older record lies there already: slots are made when they are first needed."""
        return self.number > self.size

    def encode(self) -> bytes:
        """As a znode's data."""
        header = _HEADER.pack(_FORMAT, self.kind, self.size, self.number, self.before, self.lapsed)
        return header + self.value

    @classmethod
    def decode(cls, data: bytes) -> "Record":
        """Read a znode's data.

        Raises:
            ValueError: no record was written there.
        """
        if len(data) < _HEADER.size or data[0] != _FORMAT:
            raise ValueError(
                f"a znode holds {data[:40]!r}, which is no record: is something else writing there?"
            )
        _, kind, size, number, before, lapsed = _HEADER.unpack_from(data)
        value = data[_HEADER.size :]
        return cls(kind=Kind(kind), number=number, size=size, before=before, lapsed=lapsed, value=value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A key's znode as it was read.

    Attributes:
        record: its data.
        data_version: ZooKeeper's number for the data, to make a commit conditional on it.
        position: when the data were written.
        children_position: when a znode below it was last made or deleted.
    """

    record: Record
    data_version: int
    position: int
    children_position: int

    @property
    def lapsed(self) -> int:
        """The position at which the value was lost with its session, 0 if it was not."""
        bound = self.record.kind is Kind.BOUND
        return self.children_position if bound and self.children_position > self.position else 0

    @property
    def bound(self) -> bool:
        """Whether there is a value that will be lost with a session."""
        return self.record.kind is Kind.BOUND and not self.lapsed

    @property
    def version(self) -> int | None:
        """The key's version, ``None`` if it does not exist."""
        return self.record.number if self.bound or self.record.kind is Kind.VALUE else None


@dataclass(frozen=True, slots=True)
class Step:
    """A change as a reader learns of it: its record, or ``None`` if a session's end deleted the key."""

    position: int
    record: Record | None


def require_size(size: int) -> int:
    """Accept a size for new logs.

    Raises:
        ValueError: it is not a power of two, or too large.
    """
    if size < 1 or size > SIZE_MAX or size & (size - 1):
        raise ValueError(
            f"a log of {size} slots was asked for; a power of two is needed, at most {SIZE_MAX} "
            f"(the paper has {SIZE})"
        )
    return size


def follow(head: Head | None, *, kind: Kind, value: bytes, size: int) -> Record:
    """The record of a commit on top of a head, or on nothing."""
    if head is None:
        return Record(kind=kind, number=1, size=size, value=value)
    last = head.record
    return Record(
        kind=kind,
        number=last.number + 1,
        size=last.size,
        before=head.position,
        lapsed=head.lapsed,
        value=value,
    )


def conditions(data_version: int) -> Sequence[int]:
    """The conditions under which a commit writes the head: one write each, all in one transaction.

    A head with data version -1 could not be compared, so the commit that would leave it there writes twice.
    """
    return (data_version, ANY) if data_version == ANY - 1 else (data_version,)


def missing(head: Head, *, known: int) -> range:
    """The numbers of the records to read from the log, when those up to ``known`` are known.

    The newest is in the head, and those that the log no longer keeps cannot be read.
    """
    newest = head.record.number
    return range(max(known, newest - head.record.size) + 1, newest)


def replay(head: Head, slots: Mapping[int, tuple[Record, int]], *, after: int) -> list[Step]:
    """The changes after a position, in order and without gaps.

    Args:
        head: the head as it was read.
        slots: by number, what was then found in the slots of the missing numbers, and when it was written.
        after: the position up to which all changes are known.

    Raises:
        CompactedError: some are no longer kept.
        IndefiniteError: the slots are older than the head.
    """
    steps: list[Step] = []
    expected: int | None = None
    for number, (record, position) in [
        *sorted(slots.items()),
        (head.record.number, (head.record, head.position)),
    ]:
        if record.number < number:
            # Read over two sessions from a member that went back between them.
            raise IndefiniteError(
                "watch-broken",
                f"slot {record.slot} holds record {record.number} where {number} was committed",
            )
        if record.number > number or position <= after:
            continue  # overwritten meanwhile, which shows below if it was not known; or known
        # The first must follow what is known; each other one must follow the one before.
        if record.before > after if expected is None else record.number != expected:
            raise CompactedError("compacted", f"changes after {after} were overwritten; now {head.position}")
        expected = record.number + 1
        if record.lapsed > after:
            steps.append(Step(record.lapsed, None))
        steps.append(Step(position, record))
    if head.lapsed > after:
        steps.append(Step(head.lapsed, None))
    return steps
