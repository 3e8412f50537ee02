"""A feed keeps order, its bound, and its readers' patience."""

import asyncio
from collections.abc import AsyncGenerator
from typing import TypeVar

import pytest

from dsm_jepsen.dsm.stores.feed import Feed, Feeds
from dsm_jepsen.env import CompactedError, DefiniteError, IndefiniteError, OutcomeError

T = TypeVar("T")


async def numbers(count: int, given: list[int]) -> AsyncGenerator[int, None]:
    for number in range(count):
        given.append(number)
        yield number
        await asyncio.sleep(0)


def feed_of(source: AsyncGenerator[T, None], *, size: int = 4, coalesce: bool = False) -> Feed[T]:
    return Feed(source, size=size, coalesce=coalesce)


async def let_it_fill() -> None:
    for _ in range(100):
        await asyncio.sleep(0)


def test_a_feed_gives_what_its_source_gives_in_order_and_ends_with_it() -> None:
    async def story() -> None:
        feed = feed_of(numbers(20, []))
        assert [number async for number in feed] == list(range(20))
        assert [number async for number in feed] == []

    asyncio.run(story())


def test_a_source_runs_ahead_of_its_reader_no_further_than_the_queue_is_long() -> None:
    async def story() -> None:
        given: list[int] = []
        feed = feed_of(numbers(20, given), size=4)
        assert given == []
        assert await anext(feed) == 0
        await let_it_fill()
        assert len(given) == 1 + 4 + 1  # read, queued, and one in the source's hand
        await feed.aclose()

    asyncio.run(story())


def test_a_coalescing_feed_drops_what_finds_the_queue_full() -> None:
    async def story() -> None:
        feed = feed_of(numbers(20, []), size=1, coalesce=True)
        assert await anext(feed) == 0
        await let_it_fill()
        assert [number async for number in feed] == [1]

    asyncio.run(story())


def test_a_reader_that_gives_up_loses_nothing() -> None:
    async def slow() -> AsyncGenerator[int, None]:
        await asyncio.sleep(0.05)
        yield 1

    async def story() -> None:
        feed = feed_of(slow())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(feed), 0)
        assert await anext(feed) == 1

    asyncio.run(story())


def test_the_error_of_a_source_follows_its_last_item_and_stays() -> None:
    async def broken() -> AsyncGenerator[int, None]:
        yield 1
        raise IndefiniteError("watch-broken")

    async def story() -> None:
        feed = feed_of(broken())
        assert await anext(feed) == 1
        for _ in range(2):
            with pytest.raises(IndefiniteError, match="watch-broken"):
                await anext(feed)

    asyncio.run(story())


def test_closing_a_feed_closes_its_source_and_ends_its_reader() -> None:
    events: list[str] = []

    async def endless() -> AsyncGenerator[int, None]:
        try:
            yield 0
            await asyncio.Event().wait()
        finally:
            events.append("source closed")

    async def story() -> None:
        feed = feed_of(endless())
        assert await anext(feed) == 0
        reader = asyncio.create_task(anext(feed, None))
        await let_it_fill()
        await feed.aclose()
        assert await reader is None
        assert feed.closed
        assert [number async for number in feed] == []
        assert events == ["source closed"]

    asyncio.run(story())


def test_a_feed_that_was_closed_before_it_was_read_never_starts_its_source() -> None:
    async def story() -> None:
        given: list[int] = []
        feed = feed_of(numbers(20, given))
        await feed.aclose()
        assert [number async for number in feed] == []
        assert given == []

    asyncio.run(story())


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (CompactedError("compacted", 7), "compacted: 7"),
        (DefiniteError("connection-closed", "nothing was sent"), "connection-closed: nothing was sent"),
        (DefiniteError("connection-refused"), "watch-broken: connection-refused"),
        (IndefiniteError("timeout", "no answer"), "watch-broken: timeout: no answer"),
    ],
)
def test_a_watch_ends_compacted_or_closed_and_else_it_has_broken(error: OutcomeError, expected: str) -> None:
    async def broken() -> AsyncGenerator[int, None]:
        yield 1
        raise error

    async def story() -> None:
        feed = Feeds().open(broken(), size=4)
        assert await anext(feed) == 1
        with pytest.raises(OutcomeError) as caught:
            await anext(feed)
        assert str(caught.value) == expected
        assert isinstance(caught.value, IndefiniteError) is expected.startswith("watch-broken")

    asyncio.run(story())


def test_a_connections_feeds_are_closed_with_it_and_forgotten_when_they_have_ended() -> None:
    async def story() -> None:
        feeds = Feeds()
        ended = feeds.open(numbers(1, []), size=4)
        assert [number async for number in ended] == [0]
        waiting = feeds.open(numbers(20, []), size=4)
        assert feeds._open == [waiting]
        assert await anext(waiting) == 0
        await feeds.close()
        assert [number async for number in waiting] == []

    asyncio.run(story())
