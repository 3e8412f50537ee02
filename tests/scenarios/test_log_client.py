"""A reader of a log that cannot catch up: the watch's fault only if the store answers all the while."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from typing import Any

import pytest

from dsm_jepsen.cluster.sim import SimLoop
from dsm_jepsen.env import Change, DefiniteError, Entry, IndefiniteError, OutcomeError
from dsm_jepsen.scenarios._log import LogClient


class Broken:
    """A store at version 3 whose watches break at once; its reads fail from the second on, if told to."""

    def __init__(self, failure: OutcomeError | None) -> None:
        self._failure = failure
        self._reads = 0

    async def get(self, key: str) -> Entry:
        self._reads += 1
        if self._reads > 1 and self._failure is not None:
            raise self._failure
        return Entry(key, b"{}", 3, 3)

    async def watch(self, _key: str, *, after: int) -> AsyncIterator[Change]:
        await asyncio.sleep(0)
        if after < 3:
            raise IndefiniteError("watch-broken", "again")
        yield Change("", None, 0)


def catch_up(failure: OutcomeError | None) -> Any:
    """What catching up with such a store gives."""
    store: Any = Broken(failure)
    with closing(SimLoop()) as loop:
        return loop.run(LogClient(store).invoke("catch-up", None))


def test_watches_that_break_while_the_store_answers_are_told_so() -> None:
    assert catch_up(None) == {"after": None, "told": [], "ended": "watch-broken", "target": 3}


@pytest.mark.parametrize("failure", [IndefiniteError("timeout"), DefiniteError("connection-refused")])
def test_if_the_store_does_not_answer_nobody_knows_what_a_watch_would_tell(failure: OutcomeError) -> None:
    with pytest.raises(IndefiniteError, match=failure.kind):
        catch_up(failure)
