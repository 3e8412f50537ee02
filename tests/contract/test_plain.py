"""What a store promises of plain keys, beside what it promises of all."""

import asyncio
from typing import TYPE_CHECKING

import pytest

from dsm_jepsen.env import Compare, Delete, Hints, IndefiniteError, Put, Store

if TYPE_CHECKING:
    from tests.contract.conftest import World


async def test_plain_keys_are_not_watched(world: "World", key: str) -> None:
    store = await world.connect()
    with pytest.raises(ValueError, match=r"plain.*watch_hint"):
        store.watch(f"{key}//name", after=0)


async def test_a_list_tells_folders_apart(world: "World", key: str) -> None:
    store = await world.connect()
    names = ["/", "//a", "//a//b", "/a", "/b//c", "/b/c", "/b//", "c//x"]
    for name in names:
        await store.put(f"{key}{name}", name.encode())
    for prefix in ("", "/", "//", "///", "//a", "//a/", "/b", "/b/", "/b//", "/b//c", "c", "/b//d"):
        found = [entry.key.removeprefix(key) for entry in await store.list(f"{key}{prefix}")]
        assert found == sorted(name for name in names if name.startswith(prefix)), prefix
    assert [entry.value for entry in await store.list(f"{key}//", limit=1)] == [b"//a"]


async def test_plain_keys_and_others_are_written_and_compared_together(world: "World", key: str) -> None:
    store = await world.connect()
    plain, logged, other = f"{key}//plain", f"{key}/logged", f"{key}/folder//other"
    first = await store.put(plain, b"1")
    commit = await store.transact(
        [Compare(plain, first.version), Compare(other, None)],
        [Put(logged, b"2"), Delete(plain), Put(other, b"2")],
    )
    assert commit is not None
    entries = {entry.key: entry for entry in await store.list(key)}
    assert commit.versions == (entries[logged].version, None, entries[other].version)
    assert commit.position == entries[logged].position == entries[other].position
    late = [Put(logged, b"3"), Put(plain, b"3")]
    assert await store.transact([Compare(plain, first.version)], late) is None
    assert await store.transact([Compare(other, first.version)], late) is None
    assert await store.list(key) == tuple(entries[name] for name in sorted(entries))


async def test_a_plain_key_made_anew_has_another_version(world: "World", key: str) -> None:
    store = await world.connect()
    versions = set()
    for _ in range(3):
        versions.add((await store.put(f"{key}//a", b"same")).version)
        await store.delete(f"{key}//a")
    assert len(versions) == 3


async def test_a_hint_below_a_folder_comes_after_keys_came_or_went(world: "World", key: str) -> None:
    store, other = await world.connect(0), await world.connect(1)
    for prefix in (f"{key}//", f"{key}//n", key):
        hints = Hinted(store, prefix)
        await hints.next()
        await other.put(f"{key}//name", b"")
        await hints.until(there=True)
        await other.delete(f"{key}//name")
        await hints.until(there=False)


async def test_a_hint_at_a_name_comes_also_after_it_was_overwritten(world: "World", key: str) -> None:
    store, other = await world.connect(0), await world.connect(1)
    await other.put(f"{key}//name", b"0")
    hints = Hinted(store, f"{key}//name")
    await hints.next()
    for value in (b"1", b"2", b"3"):
        await other.put(f"{key}//name", value)
        async with asyncio.timeout(10):
            while [entry.value for entry in await store.list(f"{key}//name")] != [value]:
                await hints.next()


class Hinted:
    """Lists whenever a hint, or its end, says so."""

    def __init__(self, store: Store, prefix: str) -> None:
        self._store, self._prefix = store, prefix
        self._hints: Hints = store.watch_hint(prefix)

    async def next(self) -> None:
        """Wait until it is worth listing again."""
        try:
            await anext(self._hints)
        except IndefiniteError:
            self._hints = self._store.watch_hint(self._prefix)

    async def until(self, *, there: bool) -> None:
        """Wait until there is a key, or none."""
        async with asyncio.timeout(10):
            while bool(await self._store.list(self._prefix)) != there:
                await self.next()
