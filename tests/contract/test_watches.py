"""What a store promises of watches: no gaps, in order, or an error that says so."""

import asyncio
import itertools
from typing import TYPE_CHECKING

import pytest

from dsm_jepsen.env import Change, CompactedError, Entry, Hints, IndefiniteError, OutcomeError, Store

if TYPE_CHECKING:
    from tests.contract.conftest import World


class Reader:
    """Reads a key's changes as a program does: whenever the watch breaks, on from the last position seen."""

    def __init__(self, store: Store, key: str, *, after: int) -> None:
        self._store, self._key, self._after = store, key, after
        self._watch = store.watch(key, after=after)

    async def take(self, count: int) -> list[Change]:
        """The next changes."""
        return [await self.next() for _ in range(count)]

    async def next(self) -> Change:
        """The next change."""
        while True:
            try:
                change = await anext(self._watch)
            except IndefiniteError:
                self._watch = self._store.watch(self._key, after=self._after)
            else:
                self._after = change.position
                return change

    async def close(self) -> None:
        """Read no more."""
        await self._watch.aclose()


def changes_of(entries: list[Entry]) -> list[Change]:
    """What a watch tells of these writes."""
    return [Change(entry.key, entry, entry.position) for entry in entries]


async def test_a_watch_from_0_tells_all_changes_since_the_key_was_made(world: "World", key: str) -> None:
    store = await world.connect()
    written = [await store.put(key, b"%d" % number) for number in range(3)]
    await store.delete(key)
    again = await store.put(key, b"again")
    changes = await Reader(store, key, after=0).take(5)
    assert changes[:3] == changes_of(written)
    assert (changes[3].key, changes[3].entry) == (key, None)
    assert written[2].position < changes[3].position < again.position
    assert changes[4:] == changes_of([again])


async def test_a_watch_begins_right_after_the_position_it_is_given(world: "World", key: str) -> None:
    store = await world.connect()
    written = [await store.put(key, b"%d" % number) for number in range(4)]
    for start, entry in enumerate(written[:-1], start=1):
        assert await Reader(store, key, after=entry.position).take(4 - start) == changes_of(written[start:])


async def test_a_watch_tells_of_its_own_key_only(world: "World", key: str) -> None:
    store = await world.connect()
    first = await store.put(key, b"1")
    reader = Reader(store, key, after=first.position)
    await store.put(f"{key}/below", b"other")
    await store.put(key[:-1], b"other")
    second = await store.put(key, b"2")
    assert await reader.next() == Change(key, second, second.position)


async def test_a_watch_waits_for_changes_to_come(world: "World", key: str) -> None:
    store, other = await world.connect(0), await world.connect(1)
    waiting = asyncio.create_task(Reader(store, key, after=0).take(1))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    written = await other.put(key, b"x")
    assert await waiting == changes_of([written])


async def test_giving_up_on_a_change_loses_none(world: "World", key: str) -> None:
    store = await world.connect()
    reader = Reader(store, key, after=0)
    for number in range(3):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.next(), 0.1)
        written = await store.put(key, b"%d" % number)
        assert await reader.next() == Change(key, written, written.position)


async def test_watches_of_all_members_agree_on_every_change_of_many_writers(world: "World", key: str) -> None:
    async def write(store: Store, name: int) -> list[Entry]:
        return [await store.put(key, b"%d/%d" % (name, number)) for number in range(10)]

    stores = [await world.connect(member) for member in range(5)]
    watching = [asyncio.create_task(Reader(store, key, after=0).take(50)) for store in stores]
    written = await asyncio.gather(*(write(store, name) for name, store in enumerate(stores)))
    expected = changes_of(sorted(itertools.chain(*written), key=lambda entry: entry.position))
    for changes in watching:
        assert await changes == expected


async def test_a_slow_reader_misses_nothing(world: "World", key: str) -> None:
    store = await world.connect()
    reader = Reader(store, key, after=0)
    first = await store.put(key, b"")
    assert await reader.next() == Change(key, first, first.position)
    count = min(600, world.keeps)
    written = [await store.put(key, b"%d" % number) for number in range(count)]
    assert await reader.take(count) == changes_of(written)


async def test_a_reader_that_fell_behind_misses_nothing_or_is_told_so(world: "World", key: str) -> None:
    store = await world.connect()
    for behind in (32, 33, 80):
        first = await store.put(key, b"")
        written = [await store.put(key, b"%d" % number) for number in range(behind)]
        reader = Reader(store, key, after=first.position)
        if behind > world.keeps:
            with pytest.raises(CompactedError):
                await reader.next()
        else:
            assert await reader.take(behind) == changes_of(written)
        await reader.close()


async def test_watching_on_elsewhere_after_the_last_position_seen_leaves_no_gap(
    world: "World", key: str
) -> None:
    async def write() -> list[Entry]:
        store = await world.connect()
        return [await store.put(key, b"%d" % number) for number in range(32)]

    writing = asyncio.create_task(write())
    seen: list[Change] = []
    for turn in range(8):
        store = await world.connect(turn % 5)
        reader = Reader(store, key, after=seen[-1].position if seen else 0)
        seen += await reader.take(4)
        await reader.close()
    assert seen == changes_of(await writing)


async def test_a_closed_watch_ends_also_for_who_waits_on_it(world: "World", key: str) -> None:
    store = await world.connect()
    watch = store.watch(key, after=0)
    waiting = asyncio.create_task(anext(watch, None))
    await asyncio.sleep(0.1)
    await watch.aclose()
    assert await waiting is None
    assert [change async for change in watch] == []


async def test_changes_that_were_dropped_are_an_error_and_not_a_gap(world: "World", key: str) -> None:
    store = await world.connect()
    written = [await store.put(key, b"%d" % number) for number in range(3)]
    await world.compact(written[2].position)
    await store.get(key)
    with pytest.raises(CompactedError):
        await anext(store.watch(key, after=written[0].position))
    with pytest.raises(CompactedError):
        await anext(store.watch(key, after=0))


async def test_after_a_compaction_one_can_watch_on_from_the_entry_one_reads(world: "World", key: str) -> None:
    store = await world.connect()
    await store.put(key, b"old")
    await store.put(key, b"kept")
    await store.put(f"{key}/other", b"1")
    latest = await store.put(f"{key}/other", b"2")
    await world.compact(latest.position)
    seen = await store.get(key)
    assert seen is not None
    waiting = asyncio.create_task(Reader(store, key, after=seen.position).take(1))
    written = await store.put(key, b"new")
    assert await waiting == changes_of([written])


async def test_a_deletion_is_told_or_is_an_error_also_if_all_before_it_was_dropped(
    world: "World", key: str
) -> None:
    store = await world.connect()
    first = await store.put(key, b"1")
    await store.delete(key)
    second = await store.put(key, b"2")
    for position in range(first.position + 1, second.position + 1):
        await world.compact(position)
        try:
            changes = await Reader(store, key, after=first.position).take(2)
        except CompactedError:
            continue
        assert [change.entry for change in changes] == [None, second]


@pytest.mark.ensemble
async def test_a_watch_breaks_with_its_member_and_goes_on_elsewhere(world: "World", key: str) -> None:
    store, other = await world.connect(0), await world.connect(1)
    first = await store.put(key, b"1")
    watch = store.watch(key, after=0)
    assert await anext(watch) == Change(key, first, first.position)
    await world.kill_member(0)
    with pytest.raises(IndefiniteError):
        await asyncio.wait_for(anext(watch), 20)
    second = await _put_when_led(other, key)
    await world.restore()
    assert await Reader(store, key, after=first.position).take(1) == changes_of([second])


@pytest.mark.ensemble
@pytest.mark.parametrize("begun", ["before", "meanwhile"])
@pytest.mark.parametrize("absence", ["killed", "frozen"])
async def test_a_watch_outlasts_the_absence_of_its_member_or_says_that_it_broke(
    world: "World", key: str, absence: str, begun: str
) -> None:
    store, other = await world.connect(0), await world.connect(1)
    first = await store.put(key, b"1")
    watch = store.watch(key, after=0 if begun == "before" else first.position)
    if begun == "before":
        assert await anext(watch) == Change(key, first, first.position)
    await (world.kill_member(0) if absence == "killed" else world.freeze_member(0))
    waiting = asyncio.create_task(anext(watch))
    second = await _put_when_led(other, key)
    await world.restore()
    third = await other.put(key, b"3")
    seen: list[Change] = []
    ended: str | None = None
    async with asyncio.timeout(20):
        try:
            seen.append(await waiting)
            seen.append(await anext(watch))
        except IndefiniteError as error:
            ended = error.kind
    assert ended in {None, "watch-broken"}
    assert seen == changes_of([second, third])[: len(seen)]


async def test_the_end_of_a_session_is_a_change_that_watches_tell(world: "World", key: str) -> None:
    store = await world.connect()
    session = await store.open_session(5000)
    written = await store.put(key, b"", session=session)
    watch = store.watch(key, after=written.position)
    await session.close()
    change = await anext(watch)
    assert change.entry is None
    assert change.position > written.position


class Hinted:
    """Waits for hints as a program does: a hint says "list again", and so does a watch that broke."""

    def __init__(self, store: Store, prefix: str) -> None:
        self._store, self._prefix = store, prefix
        self._hints = store.watch_hint(prefix)

    async def next(self) -> None:
        """Wait until it is worth listing again."""
        try:
            await anext(self._hints)
        except IndefiniteError:
            self._hints = self._store.watch_hint(self._prefix)

    async def until(self, count: int) -> None:
        """List whenever a hint says so, until there are so many keys."""
        async with asyncio.timeout(10):
            while len(await self._store.list(self._prefix)) != count:
                await self.next()


async def test_the_first_hint_comes_at_once_and_one_more_after_every_change(world: "World", key: str) -> None:
    store, other = await world.connect(0), await world.connect(1)
    hinted = Hinted(store, f"{key}/")
    await hinted.next()
    for number in range(3):
        await other.put(f"{key}/{number}", b"x")
        await hinted.until(number + 1)
    await other.delete(f"{key}/0")
    await hinted.until(2)


async def test_hints_that_nobody_reads_do_not_pile_up(world: "World", key: str) -> None:
    store = await world.connect()
    hinted = Hinted(store, f"{key}/")
    await hinted.next()
    for number in range(50):
        await store.put(f"{key}/{number}", b"x")
    await hinted.until(50)
    for _ in range(10):
        try:
            await asyncio.wait_for(hinted.next(), 0.5)
        except TimeoutError:
            return
    pytest.fail("more than ten hints were waiting for a reader that had seen it all")


async def test_hints_break_with_their_member(world: "World", key: str) -> None:
    store = await world.connect(0)
    hints = store.watch_hint(key)
    await anext(hints)
    await world.kill_member(0)
    with pytest.raises(IndefiniteError):
        await asyncio.wait_for(_read_for_ever(hints), 20)


@pytest.mark.ensemble
async def test_hints_outlast_the_absence_of_their_member_or_say_that_they_broke(
    world: "World", key: str
) -> None:
    store, other = await world.connect(0), await world.connect(1)
    hints = store.watch_hint(key)
    await anext(hints)
    await world.freeze_member(0)
    await _put_when_led(other, key)
    await world.restore()
    ended: str | None = None
    async with asyncio.timeout(20):
        try:
            await anext(hints)
        except IndefiniteError as error:
            ended = error.kind
    assert ended in {None, "watch-broken"}


async def _read_for_ever(hints: Hints) -> None:
    async for _ in hints:
        pass


async def _put_when_led(store: Store, key: str) -> Entry:
    """Write once; the member killed may have led, so wait for its successor with reads."""
    async with asyncio.timeout(20):
        while True:
            try:
                await store.get(key)
            except OutcomeError:
                continue
            return await store.put(key, b"2")
