"""Transactions that travel together, whatever order things happen in: nobody gets another's answer."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

from hypothesis import example, given
from hypothesis import strategies as st

from dsm_jepsen.dsm.queue.together import Together
from dsm_jepsen.env import Commit, Compare, DefiniteError, IndefiniteError, Put, Store, Write

ANSWERS = ("done", "refused", "not done", "unknown")

ACTS = st.one_of(
    st.tuples(st.just("send"), st.sampled_from("ab")),
    st.tuples(st.just("cancel"), st.sampled_from(range(6))),
    st.tuples(st.just("answer"), st.sampled_from(ANSWERS)),
    st.tuples(st.just("run"), st.none()),
)


@dataclass(eq=False)
class Sent:
    """A request; ``came`` is what became of it, ``cancelled`` if its sender did not wait for that."""

    writes: Sequence[Write]
    reply: "asyncio.Future[str]"
    came: str = "cancelled"


class Told:
    """A store that answers what it is told, when it is told."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []

    async def transact(self, _compares: Sequence[Compare], writes: Sequence[Write]) -> Commit | None:
        one = Sent(writes, asyncio.get_running_loop().create_future())
        self.sent.append(one)
        one.came = await one.reply
        if one.came == "not done":
            raise DefiniteError("unavailable")
        if one.came == "unknown":
            raise IndefiniteError("timeout")
        return Commit(1, tuple(number_of(write) for write in writes)) if one.came == "done" else None

    def answer(self, what: str) -> None:
        """Answer the first request that waits for it."""
        for one in self.sent:
            if not one.reply.done():
                one.reply.set_result(what)
                return


def number_of(write: Write) -> int:
    """Which transaction a write belongs to; its version, too."""
    assert isinstance(write, Put)
    return int(write.value)


async def play(acts: Sequence[tuple[str, object]]) -> None:
    store, tasks = Told(), list[asyncio.Task[Commit | None]]()
    together = Together(cast("Store", store))
    for what, value in acts:
        if what == "send":
            writes = (Put(str(value), str(len(tasks)).encode()),)
            tasks.append(asyncio.create_task(together.transact((), writes)))
        elif what == "cancel" and cast("int", value) < len(tasks):
            tasks[cast("int", value)].cancel()
        elif what == "answer":
            store.answer(str(value))
        elif what == "run":
            await asyncio.sleep(0)
    for _ in range(10 * len(tasks)):
        store.answer("done")
        await asyncio.sleep(0)
    for number, task in enumerate(tasks):
        assert task.done()
        with suppress(asyncio.CancelledError):
            judge(number, task, [one for one in store.sent if number in map(number_of, one.writes)])


def judge(number: int, task: "asyncio.Task[Commit | None]", sent: Sequence[Sent]) -> None:
    """An answer is that of a request it was in; that nothing was done, of one that held nothing else."""
    error = task.exception()
    alone = {one.came for one in sent if len(one.writes) == 1}
    if isinstance(error, DefiniteError):
        assert "not done" in alone
    elif isinstance(error, IndefiniteError):
        assert {"unknown", "cancelled"} & {one.came for one in sent}
    elif (commit := task.result()) is None:
        assert "refused" in alone
    else:
        assert commit.versions == (number,)
        assert "done" in {one.came for one in sent}


OVERTAKEN = (
    *(("send", "a"), ("run", None), ("send", "b"), ("run", None)),
    # In one turn of the loop: the first is answered, the next is cancelled, and one more comes in between.
    *(("answer", "done"), ("send", "b"), ("cancel", 1), ("run", None)),
)


@given(st.lists(ACTS, max_size=25))
@example(OVERTAKEN)
def test_nobody_gets_the_answer_to_what_he_did_not_ask(acts: Sequence[tuple[str, object]]) -> None:
    asyncio.run(play(acts))
