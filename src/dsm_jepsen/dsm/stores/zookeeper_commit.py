"""From a transaction of ours to one of ZooKeeper's: which znodes it checks, makes, writes and deletes.

A key is the znode ``ROOT/k<name>``, its name percent-encoded: all keys are siblings, so that any text is a
key, whatever slashes it has, and none is in another's way. Below it are the slots of its log, ``0``, ``1``
..., and ``bound`` while its value belongs to a session.

Every key that is compared or written is fenced by its head as it was read: if anybody else changed it in
the meantime, nothing is done. What is done is then decided anew, from the heads as they are by then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from dsm_jepsen.dsm.stores.ring import ANY, Head, Kind, conditions, follow
from dsm_jepsen.env import Compare, Put, Write

ROOT = "/dsm-jepsen"


def path_of(key: str) -> str:
    """A key's znode; the letter keeps ``.`` and the empty name from being special."""
    return f"{ROOT}/k{quote(key, safe='')}"


def bound_path(key: str) -> str:
    """The ephemeral znode of a key's value that belongs to a session."""
    return f"{path_of(key)}/bound"


def slot_path(key: str, slot: int) -> str:
    """A slot of a key's log."""
    return f"{path_of(key)}/{slot}"


def key_of(name: str) -> str:
    """The key of a child of the root."""
    return unquote(name[1:])


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
        versions: by the key of each write that changes something, the key's version afterwards.
    """

    operations: Sequence[Operation]
    versions: Mapping[str, int | None]


def holds(compare: Compare, heads: Mapping[str, Head | None]) -> bool:
    """Whether a condition holds of the heads as they were read."""
    head = heads[compare.key]
    return compare.version == (None if head is None else head.version)


def plan(heads: Mapping[str, Head | None], writes: Sequence[Write], *, size: int) -> Plan:
    """Decide what to do on top of the heads as they were read.

    Args:
        heads: by key, all that are compared or written.
        writes: at most one for each key.
        size: of the logs of keys that are written for the first time.
    """
    operations: list[Operation] = []
    versions: dict[str, int | None] = {write.key: None for write in writes}
    written = {write.key: write for write in writes}
    for key, head in heads.items():
        write = written.get(key)
        absent = head is None or head.version is None
        if write is None or (absent and not isinstance(write, Put)):
            operations += _fence(key, head)
        else:
            done, versions[key] = _write(key, head, write, size=size)
            operations += done
    return Plan(operations, versions)


def _fence(key: str, head: Head | None) -> list[Operation]:
    """Fail unless a key is as it was read."""
    path = path_of(key)
    if head is None:
        # ZooKeeper has no check that a znode is not there; this one leaves nothing behind.
        return [Operation("create", path), Operation("delete", path)]
    checks = [Operation("check", path, version=head.data_version)]
    if head.bound:
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
