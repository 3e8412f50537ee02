"""Plain keys on a real server: what is deleted is gone, and who only looks changes nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import pytest

pytest.importorskip("kazoo")

from kazoo.client import KazooClient

from dsm_jepsen.cluster.local import LocalCluster
from dsm_jepsen.dsm.stores import open_store
from dsm_jepsen.dsm.stores.zookeeper_paths import ROOT
from dsm_jepsen.env import Compare, Delete, Put, Store

pytestmark = [pytest.mark.zookeeper, pytest.mark.slow, pytest.mark.usefixtures("zookeeper")]

Story = Callable[[Store, str], Awaitable[None]]


@pytest.fixture
def served(tmp_path: Path) -> Callable[[Story], None]:
    """Runs a story with a connection to a server, and its address."""

    async def run(story: Story) -> None:
        urls: list[str] = []

        async def connect(url: str) -> Store:
            urls.append(url)
            return await open_store(url)

        cluster = LocalCluster(
            run_folder=tmp_path / "run", open_store=connect, store="zookeeper", nodes=("n1",)
        )
        await cluster.start(None)
        try:
            async with await cluster.site("n1").open_store() as store:
                await story(store, urls[-1].removeprefix("zookeeper://"))
        finally:
            await cluster.stop()

    return lambda story: asyncio.run(run(story))


def znodes(address: str) -> list[str]:
    """All znodes below the root."""
    client = KazooClient(hosts=address)
    client.start()
    try:
        names = client.get_children(ROOT)
        return sorted(names + [f"{a}/{b}" for a in names for b in client.get_children(f"{ROOT}/{a}")])
    finally:
        client.stop()
        client.close()


def test_nothing_but_the_folder_remains_of_what_was_deleted(served: Callable[[Story], None]) -> None:
    async def story(store: Store, address: str) -> None:
        session = await store.open_session(5000)
        for number in range(20):
            await store.put(f"f//{number}", b"")
            bound = Put(f"f//bound {number}", b"", session)
            moved = Put("f//last" if number == 19 else f"f//{number + 100}", b"moved")
            assert await store.transact([Compare(f"f//{number}", None)], [bound]) is None
            assert await store.transact([], [Delete(f"f//{number}"), bound, moved]) is not None
            await store.delete(f"f//{number + 100}")
        await session.close()
        assert await asyncio.to_thread(znodes, address) == ["ff", "ff/klast"]

    served(story)


def test_a_read_of_a_key_that_is_not_there_wakes_nobody(served: Callable[[Story], None]) -> None:
    async def story(store: Store, _address: str) -> None:
        async with aclosing(store.watch_hint("f//")) as hints:
            await anext(hints)
            for _ in range(10):
                assert await store.get("f//none") is None
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(hints), 1)

    served(story)
