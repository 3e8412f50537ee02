"""Connections to real coordination stores, each an ``env.Store``.

The client libraries are optional and are imported here only when a store is opened.
"""

from collections.abc import Callable
from importlib import import_module
from urllib.parse import urlsplit

from dsm_jepsen.dsm.stores.rpc import Rpc
from dsm_jepsen.env import RefusedError, Store

_EXTRAS = {"aetcd": "etcd", "etcd3": "etcd3"}
"""The client libraries of etcd, and what of our package brings each."""


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


def check_client(store: str, client: str = "aetcd") -> None:
    """See that the client library of a store can be imported, before anything needs it.

    Args:
        store: ``etcd`` or ``zookeeper``.
        client: the library that talks to etcd.

    Raises:
        ValueError: there is no such client.
        RefusedError: it is not installed.
    """
    if store == "etcd" and client not in _EXTRAS:
        raise ValueError(f"etcd client {client!r}: expected {' or '.join(_EXTRAS)}")
    module, whose, extra = (
        (f"etcd_{client}", f"etcd client {client!r}", _EXTRAS[client])
        if store == "etcd"
        else ("zookeeper", "ZooKeeper", "zookeeper")
    )
    try:
        import_module(f"{__name__}.{module}")
        if module == "etcd_etcd3":  # which imports its library late
            from dsm_jepsen.dsm.stores.etcd3_stubs import load_etcd3

            load_etcd3()
    except ModuleNotFoundError as error:
        raise RefusedError(
            f"{whose} needs the module {error.name!r}, which is not installed: "
            f"pip install 'dsm-jepsen[{extra}]'"
        ) from error


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
    check_client("zookeeper")
    from dsm_jepsen.dsm.stores.zookeeper import ZooKeeperStore

    return ZooKeeperStore(host, port, timeout_ms=timeout_ms, log=log)


async def _connect(client: str, host: str, port: int) -> Rpc:
    """Import the library and connect with it."""
    check_client("etcd", client)
    if client == "aetcd":
        from dsm_jepsen.dsm.stores import etcd_aetcd

        return await etcd_aetcd.connect(host, port)
    from dsm_jepsen.dsm.stores import etcd_etcd3

    return etcd_etcd3.connect(host, port)
