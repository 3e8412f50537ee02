"""Transactions that travel together: fewer requests, and for each the same answer as if it had gone alone."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

import pytest

from dsm_jepsen.cluster.sim import SimCluster
from dsm_jepsen.dsm.queue.together import BYTES_MAX, OPERATIONS_MAX, Together
from dsm_jepsen.env import (
    Commit,
    Compare,
    DefiniteError,
    Delete,
    IndefiniteError,
    OutcomeError,
    Put,
    Store,
    Write,
)

Transaction = tuple[Sequence[Compare], Sequence[Write]]


class Watched:
    """A store that notes how many writes each transaction has, and fails the next ones as it is told."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.sent: list[int] = []
        self.errors: list[OutcomeError] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def transact(self, compares: Sequence[Compare], writes: Sequence[Write]) -> Commit | None:
        self.sent.append(len(writes))
        commit: Commit | None = await self._store.transact(compares, writes)
        if len(self.sent) > 1 and self.errors:
            raise self.errors.pop(0)
        return commit


def on_a_store(story: Callable[[Together, Watched], Awaitable[None]]) -> None:
    with SimCluster(seed=1) as cluster:

        async def act() -> None:
            await cluster.start(None)
            store = Watched(await cluster.site("n1").open_store())
            await story(Together(cast("Store", store)), store)

        cluster.run(act())


async def all_of(together: Together, *transactions: Transaction) -> list[Commit | BaseException | None]:
    """Send all at the same moment; the first goes at once, and the others gather."""
    sent = [together.transact(compares, writes) for compares, writes in transactions]
    return await asyncio.gather(*sent, return_exceptions=True)


def put(key: str, *compares: Compare, value: bytes = b"x") -> Transaction:
    return compares, (Put(key, value),)


def test_transactions_that_come_while_one_is_under_way_go_as_one() -> None:
    async def story(together: Together, store: Watched) -> None:
        answers = await all_of(together, *(put(f"k{number}", Compare("fence", None)) for number in range(8)))
        assert store.sent == [1, 7]
        for number, answer in enumerate(answers):
            entry = await store.get(f"k{number}")
            assert isinstance(answer, Commit)
            assert answer.versions == (entry.version,)

    on_a_store(story)


def test_of_those_that_go_together_only_the_one_whose_compare_fails_is_refused() -> None:
    async def story(together: Together, store: Watched) -> None:
        answers = await all_of(together, put("a"), put("b"), put("c", Compare("none", 7)), put("d"))
        assert [answer is None for answer in answers] == [False, False, True, False]
        assert store.sent == [1, 3, 1, 1, 1]
        assert await store.get("c") is None

    on_a_store(story)


def test_what_nobody_knows_of_a_request_nobody_knows_of_any_that_went_with_it() -> None:
    async def story(together: Together, store: Watched) -> None:
        store.errors = [IndefiniteError("timeout")]
        answers = await all_of(together, put("a"), put("b"), put("c"))
        assert [isinstance(answer, IndefiniteError) for answer in answers] == [False, True, True]

    on_a_store(story)


def test_what_was_certainly_not_done_is_sent_again_alone() -> None:
    async def story(together: Together, store: Watched) -> None:
        store.errors = [DefiniteError("too-large")]
        answers = await all_of(together, put("a"), put("b"), put("c"))
        assert all(isinstance(answer, Commit) for answer in answers)
        assert store.sent == [1, 2, 1, 1]

    on_a_store(story)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (put("k"), put("k")),
        (put("k"), ((), (Delete("k"),))),
        (put("k"), put("l", Compare("k", None))),
        (put("l", Compare("k", None)), put("k")),
        (put("k", Compare("fence", None)), put("l", Compare("fence", 7))),
        (put("k", value=bytes(BYTES_MAX)), put("l")),
        (((), [Put(f"k{number}", b"") for number in range(OPERATIONS_MAX)]), put("l")),
    ],
)
def test_what_would_mean_something_else_together_does_not_go_together(
    one: Transaction, other: Transaction
) -> None:
    async def story(together: Together, store: Watched) -> None:
        await all_of(together, put("first"), one, other)
        assert store.sent == [1, len(one[1]), len(other[1])]

    on_a_store(story)


def test_one_that_is_cancelled_while_it_waits_is_not_sent() -> None:
    async def story(together: Together, store: Watched) -> None:
        tasks = [asyncio.create_task(together.transact(*put(key))) for key in ("a", "b", "c")]
        await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert [await store.get(key) is None for key in ("a", "b", "c")] == [False, True, False]

    on_a_store(story)


def test_when_the_one_that_sends_is_cancelled_nobody_knows_of_the_others() -> None:
    async def story(together: Together, store: Watched) -> None:
        tasks = [asyncio.create_task(together.transact(*put(key))) for key in ("a", "b", "c")]
        await tasks[0]
        await asyncio.sleep(0)
        tasks[1].cancel()
        cancelled, other = await asyncio.gather(*tasks[1:], return_exceptions=True)
        assert isinstance(cancelled, asyncio.CancelledError)
        assert isinstance(other, IndefiniteError)
        assert store.sent == [1, 2]

    on_a_store(story)
