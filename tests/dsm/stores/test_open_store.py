"""Opening a store: what a url looks like, and what to install."""

import asyncio
import sys

import pytest

from dsm_jepsen.dsm.stores import open_store
from dsm_jepsen.env import RefusedError


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:2379",
        "http://127.0.0.1:2379",
        "etcd://",
        "etcd://127.0.0.1",
        "etcd://:2379",
        "etcd://127.0.0.1:port",
        "etcd://127.0.0.1:99999",
        "etcd://127.0.0.1:2379/prefix",
        "etcd://127.0.0.1:2379,127.0.0.1:2380",
        "etcd://user@127.0.0.1:2379",
        "zookeeper://127.0.0.1",
        "zookeeper://127.0.0.1:2181/chroot",
    ],
)
def test_a_malformed_url_is_answered_with_a_good_one(url: str) -> None:
    with pytest.raises(
        ValueError, match=r"expected etcd://HOST:PORT, such as etcd://127\.0\.0\.1:2379"
    ) as caught:
        asyncio.run(open_store(url))
    assert repr(url) in str(caught.value)


def test_an_unknown_client_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="etcd client 'etcd4': expected aetcd or etcd3"):
        asyncio.run(open_store("etcd://127.0.0.1:2379", client="etcd4"))


@pytest.mark.parametrize(("client", "extra"), [("aetcd", "etcd"), ("etcd3", "etcd3")])
def test_a_missing_library_is_answered_with_what_to_install(
    client: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("etcd_aetcd", "etcd_etcd3", "etcd3_stubs"):
        monkeypatch.delitem(sys.modules, f"dsm_jepsen.dsm.stores.{module}", raising=False)
    monkeypatch.delitem(sys.modules, "etcd3", raising=False)
    monkeypatch.setitem(sys.modules, "aetcd", None)
    with pytest.raises(RefusedError, match=rf"pip install 'dsm-jepsen\[{extra}\]'"):
        asyncio.run(open_store("etcd://127.0.0.1:2379", client=client))


def test_without_kazoo_the_answer_is_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("zookeeper", "zookeeper_link", "zookeeper_session"):
        monkeypatch.delitem(sys.modules, f"dsm_jepsen.dsm.stores.{module}", raising=False)
    monkeypatch.setitem(sys.modules, "kazoo.client", None)
    with pytest.raises(RefusedError, match=r"pip install 'dsm-jepsen\[zookeeper\]'"):
        asyncio.run(open_store("zookeeper://127.0.0.1:2181"))


@pytest.mark.parametrize(
    ("url", "library"), [("etcd://127.0.0.1:2379", "aetcd"), ("zookeeper://h:1", "kazoo")]
)
def test_a_time_out_must_last(url: str, library: str) -> None:
    pytest.importorskip(library)
    with pytest.raises(ValueError, match="timeout_ms is 0"):
        asyncio.run(open_store(url, timeout_ms=0))


def test_nothing_is_imported_or_sent_before_it_is_needed() -> None:
    code = (
        "import dsm_jepsen.dsm.stores, sys; assert not {'grpc', 'aetcd', 'etcd3', 'kazoo'} & set(sys.modules)"
    )
    run = asyncio.run(_python("-c", code))
    assert run == (0, b"")


def test_etcd3_loads_beside_a_protobuf_of_today_without_a_warning() -> None:
    pytest.importorskip("aetcd")
    code = (
        "from dsm_jepsen.dsm.stores.etcd3_stubs import load_etcd3; load_etcd3().etcdrpc.PutRequest(key=b'k')"
    )
    run = asyncio.run(_python("-W", "error", "-c", code))
    assert run == (0, b"")


async def _python(*arguments: str) -> tuple[int | None, bytes]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    return process.returncode, output
