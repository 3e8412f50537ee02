"""What a store promises of single keys and of transactions."""

import asyncio
from typing import TYPE_CHECKING

import pytest

from dsm_jepsen.env import Compare, Delete, Entry, Put, Store

if TYPE_CHECKING:
    from tests.contract.conftest import World


@pytest.fixture
def key(key_of_both_kinds: str) -> str:
    return key_of_both_kinds


async def test_a_key_that_was_never_written_does_not_exist(world: "World", key: str) -> None:
    store = await world.connect()
    assert await store.get(key) is None
    assert await store.get(key, stale_ok=True) is None


async def test_a_write_returns_the_entry_that_is_then_read(world: "World", key: str) -> None:
    store = await world.connect()
    for value in (b"", b"x", bytes(range(256)), b"long" * 10_000):
        written = await store.put(key, value)
        assert (written.key, written.value) == (key, value)
        assert await store.get(key) == written


async def test_every_write_gives_a_new_version_and_a_greater_position(world: "World", key: str) -> None:
    store = await world.connect()
    entries = [await store.put(key, b"same") for _ in range(5)]
    assert len({entry.version for entry in entries}) == 5
    positions = [entry.position for entry in entries]
    assert positions == sorted(set(positions))
    assert positions[0] > 0


async def test_a_version_changes_with_writes_of_its_own_key_only(world: "World", key: str) -> None:
    store = await world.connect()
    written = await store.put(key, b"mine")
    await store.put(f"{key}/other", b"theirs")
    await store.get(key)
    assert await store.compare_and_set(key, b"never", version=None) is None
    assert await store.transact([Compare(f"{key}/other", None)], [Put(key, b"never")]) is None
    assert await store.get(key) == written


async def test_keys_may_be_any_text(world: "World", key: str) -> None:
    store = await world.connect()
    names = [f"{key}/{name}" for name in ("with space", "größe", "状態", "🙂", "a/b//c")]
    for name in names:
        await store.put(name, name.encode())
    assert {entry.key: entry.value.decode() for entry in await store.list(key)} == {n: n for n in names}


async def test_a_list_has_the_keys_below_its_prefix_in_order(world: "World", key: str) -> None:
    store = await world.connect()
    for name in ("b", "a/2", "c", "a", "a/10", "ab"):
        await store.put(f"{key}/{name}", name.encode())
    names = [entry.key.removeprefix(f"{key}/") for entry in await store.list(f"{key}/")]
    assert names == ["a", "a/10", "a/2", "ab", "b", "c"]
    assert [entry.value for entry in await store.list(f"{key}/a/")] == [b"a/10", b"a/2"]
    assert await store.list(f"{key}/none") == ()


async def test_a_list_with_a_limit_has_the_first_keys_that_exist(world: "World", key: str) -> None:
    store = await world.connect()
    for name in ("a", "b", "c", "d", "e"):
        await store.put(f"{key}/{name}", b"")
    await store.delete(f"{key}/b")
    found = {
        limit: "".join(entry.key[-1] for entry in await store.list(f"{key}/", limit=limit))
        for limit in (0, 1, 2, 4, 9)
    }
    assert found == {0: "", 1: "a", 2: "ac", 4: "acde", 9: "acde"}


async def test_a_list_has_the_same_entries_as_reads_of_its_keys(world: "World", key: str) -> None:
    store = await world.connect()
    for number in range(3):
        await store.put(f"{key}/{number}", b"")
    for entry in await store.list(f"{key}/"):
        assert await store.get(entry.key) == entry


async def test_a_delete_says_whether_there_was_something(world: "World", key: str) -> None:
    store = await world.connect()
    await store.put(key, b"x")
    assert await store.delete(key) is True
    assert await store.delete(key) is False
    assert await store.get(key) is None
    assert await store.list(key) == ()


async def test_compare_and_set_writes_only_over_the_version_it_names(world: "World", key: str) -> None:
    store = await world.connect()
    first = await store.put(key, b"1")
    second = await store.compare_and_set(key, b"2", version=first.version)
    assert second is not None
    assert await store.get(key) == second
    assert await store.compare_and_set(key, b"3", version=first.version) is None
    assert await store.get(key) == second


async def test_compare_and_set_with_no_version_only_creates(world: "World", key: str) -> None:
    store = await world.connect()
    created = await store.compare_and_set(key, b"1", version=None)
    assert created is not None
    assert await store.compare_and_set(key, b"2", version=None) is None
    assert await store.get(key) == created


async def test_a_version_of_a_key_that_does_not_exist_matches_nothing(world: "World", key: str) -> None:
    store = await world.connect()
    written = await store.put(key, b"1")
    await store.delete(key)
    assert await store.compare_and_set(key, b"2", version=written.version) is None
    assert await store.get(key) is None


async def test_of_those_who_compare_the_same_version_exactly_one_wins(world: "World", key: str) -> None:
    stores = [await world.connect(member) for member in range(5)]
    before = await stores[0].put(key, b"start")
    for _ in range(5):
        tries = [
            stores[number % 5].compare_and_set(key, b"%d" % number, version=before.version)
            for number in range(10)
        ]
        won = [entry for entry in await asyncio.gather(*tries) if entry is not None]
        assert len(won) == 1
        assert await stores[1].get(key) == won[0]
        before = won[0]


async def test_increments_by_compare_and_set_are_never_lost(world: "World", key: str) -> None:
    async def increment(store: Store) -> None:
        for _ in range(5):
            done: Entry | None = None
            while done is None:
                seen = await store.get(key)
                assert seen is not None
                done = await store.compare_and_set(key, b"%d" % (int(seen.value) + 1), version=seen.version)

    stores = [await world.connect(member) for member in range(5)]
    await stores[0].put(key, b"0")
    await asyncio.gather(*(increment(store) for store in stores))
    final = await stores[0].get(key)
    assert final is not None
    assert final.value == b"25"


async def test_a_read_sees_what_any_member_has_acknowledged_before(world: "World", key: str) -> None:
    stores = [await world.connect(member) for member in range(5)]
    for turn in range(20):
        written = await stores[turn % 5].put(key, b"%d" % turn)
        assert await stores[(turn + 1) % 5].get(key) == written
        assert await stores[(turn + 3) % 5].list(key) == (written,)


async def test_a_stale_read_gives_something_that_the_key_held(world: "World", key: str) -> None:
    stores = [await world.connect(member) for member in range(5)]
    held: list[Entry | None] = [None]
    for turn in range(20):
        held.append(await stores[turn % 5].put(key, b"%d" % turn))
        assert await stores[(turn + 1) % 5].get(key, stale_ok=True) in held
        assert await stores[(turn + 2) % 5].list(key, stale_ok=True) in [
            (entry,) if entry else () for entry in held
        ]


async def test_a_transaction_whose_compares_hold_does_all_its_writes(world: "World", key: str) -> None:
    store = await world.connect()
    a, b, c = (f"{key}/{name}" for name in "abc")
    first = await store.put(a, b"1")
    await store.put(b, b"1")
    commit = await store.transact(
        [Compare(a, first.version), Compare(c, None)], [Put(a, b"2"), Delete(b), Put(c, b"2")]
    )
    assert commit is not None
    entries = {entry.key: entry for entry in await store.list(f"{key}/")}
    assert {name: entry.value for name, entry in entries.items()} == {a: b"2", c: b"2"}
    assert commit.versions == (entries[a].version, None, entries[c].version)
    assert commit.position == entries[a].position == entries[c].position > first.position


async def test_a_transaction_of_which_one_compare_fails_does_nothing(world: "World", key: str) -> None:
    store = await world.connect()
    a, b = f"{key}/a", f"{key}/b"
    first = await store.put(a, b"1")
    second = await store.put(a, b"2")
    writes = [Put(a, b"never"), Put(b, b"never")]
    assert await store.transact([Compare(b, None), Compare(a, first.version)], writes) is None
    assert await store.transact([Compare(a, second.version), Compare(b, second.version)], writes) is None
    assert await store.transact([Compare(a, None)], [Delete(a)]) is None
    assert await store.list(f"{key}/") == (second,)


async def test_a_watch_after_a_transaction_that_wrote_nothing_misses_nothing(
    world: "World", key: str
) -> None:
    store = await world.connect()
    entry = await store.put(key, b"0")
    unseen = 0
    for number in range(1, 21):
        # The last of them makes the member tell of a later position, perhaps before the first is told.
        before, deleted, written, _ = await asyncio.gather(
            store.transact([Compare(key, entry.version)], []),
            store.transact([Compare(key, entry.version)], [Delete(f"{key}/never")]),
            store.put(key, b"%d" % number),
            store.get(key, stale_ok=True),
        )
        for commit in (before, deleted):
            if commit is not None:
                assert entry.position <= commit.position < written.position
                unseen += 1
        entry = written
    after = await store.transact([Compare(key, entry.version)], [])
    assert after is not None
    assert after.position >= entry.position
    assert unseen


async def test_a_transaction_that_writes_a_key_twice_is_a_mistake(world: "World", key: str) -> None:
    store = await world.connect()
    with pytest.raises(ValueError, match="once"):
        await store.transact([], [Put(key, b"1"), Delete(key)])


async def test_of_transactions_that_compare_the_same_versions_one_wins_whole(
    world: "World", key: str
) -> None:
    stores = [await world.connect(member) for member in range(5)]
    a, b = f"{key}/a", f"{key}/b"
    for turn in range(3):
        now = {name: await stores[0].get(name) for name in (a, b)}
        compares = [Compare(name, entry.version if entry else None) for name, entry in now.items()]
        commits = await asyncio.gather(
            *(
                store.transact(compares, [Put(a, b"%d" % number), Put(b, b"%d" % number)])
                for number, store in enumerate(stores, start=5 * turn)
            )
        )
        assert sum(commit is not None for commit in commits) == 1
        values = {entry.value for entry in await stores[1].list(f"{key}/")}
        assert len(values) == 1
