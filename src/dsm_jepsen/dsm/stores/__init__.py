"""Connections to real coordination stores, each an ``env.Store``.

The client libraries are optional and are imported here only when a store is opened.
"""

from collections.abc import Callable
from urllib.parse import urlsplit

from dsm_jepsen.dsm.stores.rpc import Rpc
from dsm_jepsen.env import RefusedError, Store


def _silent(_line: str) -> None:
    """Log nothing."""


async def open_store(
    url: str, *, client: str = "aetcd", timeout_ms: int = 2000, log: Callable[[str], None] = _silent
) -> Store:
    """Open a connection to one member of a store; nothing is sent before the first call.

    Args:
        url: ``etcd://HOST:PORT``, such as ``etcd://127.0.0.1:2379``, or ``zookeeper://HOST:PORT``.
        client: the library that talks to etcd: ``aetcd`` or ``etcd3``.
        timeout_ms: after how long a call gives up; its outcome is then unknown.
        log: takes a line when something happens that no caller sees, such as a renewal that failed.

    Raises:
        ValueError: the url or the client's name is not one of the above.
        RefusedError: the client library is not installed.
    """
    scheme, host, port = _parse(url)
    if scheme == "zookeeper":
        return _open_zookeeper(host, port, timeout_ms=timeout_ms, log=log)
    rpc = await _connect(client, host, port)
    from dsm_jepsen.dsm.stores.etcd import EtcdStore

    return EtcdStore(rpc, timeout_ms=timeout_ms, log=log)


def _parse(url: str) -> tuple[str, str, int]:
    """Take scheme, host and port out of a store's url."""
    expected = "expected etcd://HOST:PORT, such as etcd://127.0.0.1:2379, or zookeeper://HOST:PORT"
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError as error:
        raise ValueError(f"store url {url!r}: {error}; {expected}") from error
    rest = parts.path.strip("/") or parts.query or parts.fragment or parts.username
    if parts.scheme not in {"etcd", "zookeeper"} or not parts.hostname or port is None or rest:
        raise ValueError(f"store url {url!r}: {expected}")
    return parts.scheme, parts.hostname, port


def _open_zookeeper(host: str, port: int, *, timeout_ms: int, log: Callable[[str], None]) -> Store:
    """Import the library and make a connection with it."""
    try:
        from dsm_jepsen.dsm.stores.zookeeper import ZooKeeperStore
    except ModuleNotFoundError as error:
        raise RefusedError(
            f"ZooKeeper needs the module {error.name!r}, which is not installed: "
            "pip install 'dsm-jepsen[zookeeper]'"
        ) from error
    return ZooKeeperStore(host, port, timeout_ms=timeout_ms, log=log)


async def _connect(client: str, host: str, port: int) -> Rpc:
    """Import the library and connect with it."""
    try:
        if client == "aetcd":
            from dsm_jepsen.dsm.stores import etcd_aetcd

            return await etcd_aetcd.connect(host, port)
        if client == "etcd3":
            from dsm_jepsen.dsm.stores import etcd_etcd3

            return etcd_etcd3.connect(host, port)
    except ModuleNotFoundError as error:
        extra = "etcd" if client == "aetcd" else "etcd3"
        raise RefusedError(
            f"etcd client {client!r} needs the module {error.name!r}, which is not installed: "
            f"pip install 'dsm-jepsen[{extra}]'"
        ) from error
    raise ValueError(f"etcd client {client!r}: expected aetcd or etcd3")
