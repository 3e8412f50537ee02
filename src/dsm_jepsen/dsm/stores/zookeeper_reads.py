"""Requests that read znodes, and what their answers say of keys."""

import functools
from typing import Any

from dsm_jepsen.dsm.stores.ring import ANY, Head, Kind, Record
from dsm_jepsen.dsm.stores.zookeeper_commit import Plain
from dsm_jepsen.dsm.stores.zookeeper_link import Send, Signal
from dsm_jepsen.dsm.stores.zookeeper_paths import ROOT, bound_path, path_of
from dsm_jepsen.env import PLAIN, Change, Entry


def sync(client: Any) -> Any:
    """Have the member catch up with its leader."""
    return client.sync_async(ROOT)


def barrier(client: Any) -> Any:
    """Have a quorum take a transaction that writes nothing."""
    transaction = client.transaction()
    transaction.check(ROOT, ANY)
    return transaction.commit_async()


def children(path: str, watch: Signal | None) -> Send:
    """Read the names of a znode's children."""
    return lambda client: client.get_children_async(path, watch)


def get(path: str) -> Send:
    """Read a znode."""
    return lambda client: client.get_async(path)


def watches(key: str, signal: Signal) -> list[Send]:
    """Have a signal fire when a key's record changes, and when its session ends."""
    paths = [path_of(key)] if PLAIN in key else [path_of(key), bound_path(key)]
    return [functools.partial(_exists, path=path, signal=signal) for path in paths]


def _exists(client: Any, *, path: str, signal: Signal) -> Any:
    return client.exists_async(path, signal)


def head(key: str, answer: Any) -> Head | Plain | None:
    """What was read of a key's znode."""
    if answer is None:
        return None
    data, stat = answer
    if PLAIN in key:
        bound = stat.ephemeralOwner != 0
        return Plain(value=data, data_version=stat.version, position=stat.mzxid, bound=bound)
    return Head(
        record=Record.decode(data),
        data_version=stat.version,
        position=stat.mzxid,
        children_position=stat.pzxid,
    )


def entry(key: str, head: Head | Plain | None) -> Entry | None:
    """What a znode says of its key."""
    if head is None or head.version is None:
        return None
    value = head.value if isinstance(head, Plain) else head.record.value
    return Entry(key, value, head.version, head.position)


def change(key: str, position: int, record: Record | None) -> Change:
    """What a record says of its key."""
    if record is None or record.kind is Kind.DELETED:
        return Change(key, None, position)
    return Change(key, Entry(key, record.value, record.number, position), position)
