"""From a transaction of ours to one of ZooKeeper's: which znodes it checks, makes, writes and deletes.

Every key that is compared or written is fenced by its znode as it was read, a head or a plain one: if
anybody else changed it in the meantime, nothing is done. What is done is then decided anew, from what is
there by then.

A plain key is made and then written in the same transaction: only a write's answer tells its position.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dsm_jepsen.dsm.stores.ring import ANY, Head, Kind, conditions, follow
from dsm_jepsen.dsm.stores.zookeeper_paths import bound_path, path_of, slot_path
from dsm_jepsen.env import PLAIN, Compare, Put, Write


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """A plain key's znode as it was read: the value is all that it holds.

    Attributes:
        value: its data.
        data_version: ZooKeeper's number for the data, which begins at 0 whenever the znode is made.
        position: when the data were written; also the key's version, which so never repeats.
        bound: whether it belongs to a session.
    """

    value: bytes
    data_version: int
    position: int
    bound: bool

    @property
    def version(self) -> int:
        """The key's version."""
        return self.position


@dataclass(frozen=True, slots=True)
class Operation:
    """One part of a ZooKeeper transaction: a method of kazoo's, and its arguments."""

    method: str
    path: str
    data: bytes = b""
    version: int = ANY

    def add_to(self, transaction: Any) -> None:
        """Make it a part of kazoo's transaction."""
        arguments: dict[str, tuple[Any, ...]] = {
            "create": (self.data,),
            "bind": (self.data, None, True),
            "set_data": (self.data, self.version),
            "delete": (self.version,),
            "check": (self.version,),
        }
        method = "create" if self.method == "bind" else self.method
        getattr(transaction, method)(self.path, *arguments[self.method])


@dataclass(frozen=True, slots=True)
class Plan:
    """A ZooKeeper transaction.

    Attributes:
        operations: its parts, in order.
        numbers: by the key of each write, its version afterwards; a plain key's is not known yet.
    """

    operations: Sequence[Operation]
    numbers: Mapping[str, int | None]

    def version(self, key: str, position: int) -> int | None:
        """The version that a write gave its key."""
        number = self.numbers[key]
        return position if number is not None and PLAIN in key else number


def holds(compare: Compare, heads: Mapping[str, Head | Plain | None]) -> bool:
    """Whether a condition holds of the znodes as they were read."""
    head = heads[compare.key]
    return compare.version == (None if head is None else head.version)


def plan(heads: Mapping[str, Head | Plain | None], writes: Sequence[Write], *, size: int) -> Plan:
    """Decide what to do on top of the znodes as they were read.

    Args:
        heads: by key, all that are compared or written.
        writes: at most one for each key.
        size: of the logs of keys that are written for the first time.
    """
    operations: list[Operation] = []
    numbers: dict[str, int | None] = {write.key: None for write in writes}
    written = {write.key: write for write in writes}
    for key, head in heads.items():
        write = written.get(key)
        absent = head is None or head.version is None
        if write is None or (absent and not isinstance(write, Put)):
            operations += _fence(key, head)
        elif PLAIN in key:
            assert not isinstance(head, Head), "a plain key has no log"
            operations += _write_plain(key, head, write)
            numbers[key] = 0 if isinstance(write, Put) else None
        else:
            assert not isinstance(head, Plain), "only a plain key has none"
            done, numbers[key] = _write(key, head, write, size=size)
            operations += done
    return Plan(operations, numbers)


def _fence(key: str, head: Head | Plain | None) -> list[Operation]:
    """Fail unless a key is as it was read."""
    path = path_of(key)
    if head is None:
        # ZooKeeper has no check that a znode is not there; this one leaves nothing behind.
        return [Operation("create", path), Operation("delete", path)]
    checks = [Operation("check", path, version=head.data_version)]
    if isinstance(head, Head) and head.bound:
        checks.append(Operation("check", bound_path(key)))
    return checks


def _write(key: str, head: Head | None, write: Write, *, size: int) -> tuple[list[Operation], int | None]:
    """Commit one record, and the version it gives the key."""
    kind, value = Kind.DELETED, b""
    if isinstance(write, Put):
        kind, value = Kind.VALUE if write.session is None else Kind.BOUND, write.value
    record = follow(head, kind=kind, value=value, size=size)
    data, path, slot = record.encode(), path_of(key), slot_path(key, record.slot)
    operations: list[Operation] = []
    if head is None:
        operations.append(Operation("create", path))
    elif head.bound:
        operations.append(Operation("delete", bound_path(key)))
    if kind is Kind.BOUND:
        operations.append(Operation("bind", bound_path(key)))
    operations.append(Operation("set_data" if record.reuses_slot else "create", slot, data))
    wanted = conditions(0 if head is None else head.data_version)
    operations += [Operation("set_data", path, data, version) for version in wanted]
    return operations, None if kind is Kind.DELETED else record.number


def _write_plain(key: str, head: Plain | None, write: Write) -> list[Operation]:
    """Make, write or delete a plain key."""
    path, bind = path_of(key), isinstance(write, Put) and write.session is not None
    operations: list[Operation] = []
    # A znode cannot become another session's, or nobody's: it is made anew.
    if head is not None and (bind or head.bound or not isinstance(write, Put)):
        operations.append(Operation("delete", path, version=head.data_version))
        head = None
    if isinstance(write, Put):
        if head is None:
            operations.append(Operation("bind" if bind else "create", path))
        wanted = conditions(0 if head is None else head.data_version)
        operations += [Operation("set_data", path, write.value, version) for version in wanted]
    return operations
