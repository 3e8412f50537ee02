"""An async iterator that a background task fills: bounded, ordered, safe to cancel.

The source is an async generator. Cancelling a reader in ``anext`` (a time-out around it, say) loses
nothing, which would not be so if readers drove the generator themselves. The queue is bounded: when
it is full, the source waits, or, of a coalescing feed, what it gives is dropped.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

from dsm_jepsen.env import CompactedError, DefiniteError, IndefiniteError, OutcomeError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _End:
    """What every read raises once the items before it are read."""

    error: Exception


class Feed(Generic[T]):
    """What a source gives, from the first ``anext`` on, until closed or the source fails.

    Attributes:
        closed: whether nothing new will come.
    """

    def __init__(self, source: AsyncGenerator[T, None], *, size: int, coalesce: bool) -> None:
        self.closed = False
        self._source = source
        self._coalesce = coalesce
        self._queue: asyncio.Queue[T | _End] = asyncio.Queue(maxsize=size)
        self._filler: asyncio.Task[None] | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        if self._filler is None and self._queue.empty():
            self._filler = asyncio.create_task(self._fill())
        item = await self._queue.get()
        if isinstance(item, _End):
            self._queue.put_nowait(item)
            raise item.error
        return item

    async def aclose(self) -> None:
        """Stop; what was not read is dropped, and a waiting reader ends."""
        self.closed = True
        if self._filler is not None:
            self._filler.cancel()
            await asyncio.wait([self._filler])
        await self._source.aclose()
        while not self._queue.empty():
            self._queue.get_nowait()
        self._queue.put_nowait(_End(StopAsyncIteration()))

    async def _fill(self) -> None:
        """Move the source's items, and at last its error, into the queue."""
        end: Exception = StopAsyncIteration()
        try:
            async for item in self._source:
                if not (self._coalesce and self._queue.full()):
                    await self._queue.put(item)
        except Exception as error:  # noqa: BLE001 - the reader raises it
            end = error
        await self._queue.put(_End(end))
        self.closed = True


class Feeds:
    """The watches of one connection, which are closed with it."""

    def __init__(self) -> None:
        self._open: list[Feed[Any]] = []

    def open(self, source: AsyncGenerator[T, None], *, size: int, coalesce: bool = False) -> Feed[T]:
        """Give what a source gives; it ends as a watch does: closed, compacted or broken."""
        feed = Feed(_broken(source), size=size, coalesce=coalesce)
        self._open = [*(other for other in self._open if not other.closed), feed]
        return feed

    async def close(self) -> None:
        """Close those that are open."""
        for feed in self._open:
            await feed.aclose()
        self._open.clear()


async def _broken(source: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """Say of a watch that ends for any reason but compaction or closing that it broke."""
    async with aclosing(source) as items:
        try:
            async for item in items:
                yield item
        except CompactedError:
            raise
        except OutcomeError as error:
            if isinstance(error, DefiniteError) and error.kind == "connection-closed":
                raise
            raise IndefiniteError("watch-broken", str(error)) from error
