"""A store with one client is a dictionary whose keys carry versions, whatever is done in whatever order."""

import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from dsm_jepsen.env import Compare, Delete, Entry, Put, Store

if TYPE_CHECKING:
    from tests.contract.conftest import World

_numbers = itertools.count()

names = st.sampled_from(["a", "a/b", "b", "ü", "a//b", "//", "/a//a/b"])
values = st.binary(max_size=3)
compares = st.sampled_from(["right", "old", "absent"])
steps = st.one_of(
    st.tuples(st.just("put"), names, values),
    st.tuples(st.just("delete"), names),
    st.tuples(st.just("compare-and-set"), names, values, compares),
    st.tuples(
        st.just("transact"),
        st.dictionaries(names, compares, max_size=3),
        st.dictionaries(names, st.none() | values, max_size=3),
    ),
)


class Model:
    """What the store should hold, and all versions that ever were."""

    def __init__(self, store: Store, prefix: str) -> None:
        self.store = store
        self.prefix = prefix
        self.held: dict[str, tuple[bytes, int]] = {}
        self.versions: dict[str, list[int]] = {}

    def compare(self, name: str, how: str) -> tuple[Compare, bool]:
        """A compare with the right version, an old one or none, and whether it holds."""
        now = self.held[name][1] if name in self.held else None
        past = self.versions.get(name, [])
        version = {"right": now, "old": past[0] if past else None, "absent": None}[how]
        return Compare(self.prefix + name, version), version == now

    def wrote(self, name: str, value: bytes, version: int) -> None:
        """Remember a write; its version must be new."""
        assert version not in self.versions.setdefault(name, [])
        self.versions[name].append(version)
        self.held[name] = (value, version)

    async def put(self, name: str, value: bytes) -> None:
        """Write."""
        entry = await self.store.put(self.prefix + name, value)
        self.wrote(name, value, entry.version)

    async def delete(self, name: str) -> None:
        """Delete."""
        assert await self.store.delete(self.prefix + name) is (name in self.held)
        self.held.pop(name, None)

    async def compare_and_set(self, name: str, value: bytes, how: str) -> None:
        """Write if the version is right."""
        compare, holds = self.compare(name, how)
        entry = await self.store.compare_and_set(compare.key, value, version=compare.version)
        assert (entry is not None) is holds
        if entry is not None:
            self.wrote(name, value, entry.version)

    async def transact(self, conditions: dict[str, str], writes: dict[str, bytes | None]) -> None:
        """Write all if all versions are right."""
        made = [self.compare(name, how) for name, how in conditions.items()]
        commit = await self.store.transact(
            [compare for compare, _ in made],
            [
                Delete(self.prefix + name) if value is None else Put(self.prefix + name, value)
                for name, value in writes.items()
            ],
        )
        assert (commit is not None) is all(holds for _, holds in made)
        if commit is None:
            return
        for (name, value), version in zip(writes.items(), commit.versions, strict=True):
            assert (version is None) is (value is None)
            if value is None or version is None:
                self.held.pop(name, None)
            else:
                self.wrote(name, value, version)

    async def check(self) -> None:
        """Compare with what can be read."""
        entries = await self.store.list(self.prefix)
        found = {entry.key.removeprefix(self.prefix): (entry.value, entry.version) for entry in entries}
        assert found == self.held
        assert [entry.key for entry in entries] == sorted(self.prefix + name for name in self.held)
        for entry in entries:
            again: Entry | None = await self.store.get(entry.key)
            assert again == entry


@settings(max_examples=60, deadline=None)
@given(story=st.lists(steps, max_size=15))
def test_a_store_is_a_dictionary_with_versions(
    worlds: Callable[[str], AbstractContextManager["World"]], story: list[tuple[object, ...]]
) -> None:
    async def run(world: "World") -> None:
        model = Model(await world.connect(), f"/model/{next(_numbers)}/")
        actions = {
            "put": model.put,
            "delete": model.delete,
            "compare-and-set": model.compare_and_set,
            "transact": model.transact,
        }
        for name, *arguments in story:
            await actions[str(name)](*arguments)  # type: ignore[operator]
            await model.check()

    with worlds("model") as world:
        world.run(run(world))
