"""Transactions whose reply is lost: what became of them is found out, and nothing is done twice."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from dsm_jepsen.cluster.sim import SimCluster
from dsm_jepsen.dsm.machines.steak import STEAK
from dsm_jepsen.dsm.queue import changes
from dsm_jepsen.dsm.queue.changes import Hand
from dsm_jepsen.dsm.queue.ledger import TRIES, Change, Ledger, Read
from dsm_jepsen.dsm.queue.record import HISTORY_MAX, Keys
from dsm_jepsen.env import Commit, Compare, DefiniteError, IndefiniteError, Store, Write

ME, RIVAL = Hand("me", 1), Hand("rival", 1)
KEYS = Keys.of("test")


class Scripted:
    """A store that does with each transaction what its script says; after its end, all is well.

    ``lost``: neither request nor reply arrives; ``done``: it is done, and the reply lost; ``refused``: the
    store is not reached; ``late``: it is done after whatever comes next.
    """

    def __init__(self, store: Store, script: Sequence[str]) -> None:
        self._store = store
        self.script = list(script)
        self._late: list[tuple[Sequence[Compare], Sequence[Write]]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def transact(self, compares: Sequence[Compare], writes: Sequence[Write]) -> Commit | None:
        step = self.script.pop(0) if self.script else "well"
        if step == "refused":
            raise DefiniteError("connection-refused")
        if step == "late":
            self._late.append((compares, writes))
        if step in ("done", "well"):
            commit = await self._store.transact(compares, writes)
            for late in self._late:
                assert await self._store.transact(*late) is None, "it was done twice"
            self._late.clear()
            if step == "well":
                return commit
        raise IndefiniteError("timeout")


def on_a_store(script: Sequence[str], story: Callable[[Ledger, Scripted, Ledger], Awaitable[None]]) -> None:
    """Run a story with a ledger on a scripted store, and a rival's on a good one."""
    with SimCluster(seed=1) as cluster:

        async def act() -> None:
            await cluster.start(None)
            store = await cluster.site("n1").open_store()
            scripted = Scripted(store, ())
            first = changes.submitted(STEAK, "abc", b"{}", ME)
            await Ledger(store, KEYS).commit(Change(None, first))
            scripted.script = list(script)
            ledger: Any = scripted
            await story(Ledger(ledger, KEYS), scripted, Ledger(store, KEYS))

        cluster.run(act())


async def read(ledger: Ledger) -> Read:
    found = await ledger.read("abc")
    assert found is not None
    return found


@pytest.mark.parametrize(
    "script",
    [
        [],
        ["lost"],
        ["done"],
        ["refused", "done"],
        ["lost", "done", "lost"],
        ["done", "done", "refused", "done"],
        ["late"],
        ["late", "done"],
        ["lost"] * (TRIES - 1),
    ],
)
def test_a_change_is_done_once_whatever_replies_are_lost(script: list[str]) -> None:
    async def story(ledger: Ledger, _: Scripted, __: Ledger) -> None:
        before = await read(ledger)
        wanted = changes.claimed(before.record, "s1", ME)
        done = await ledger.commit(Change(before, wanted))
        assert done is not None
        assert done[0] == await read(ledger)
        assert done[0] is not None
        assert done[0].record == wanted

    on_a_store(script, story)


@pytest.mark.parametrize("script", [[], ["lost"], ["refused", "lost"], ["late"]])
def test_a_change_that_a_rival_forestalled_is_refused(script: list[str]) -> None:
    async def story(ledger: Ledger, _: Scripted, rival: Ledger) -> None:
        before = await read(ledger)
        assert await rival.commit(Change(before, changes.claimed(before.record, "s2", RIVAL))) is not None
        assert await ledger.commit(Change(before, changes.claimed(before.record, "s1", ME))) is None

    on_a_store(script, story)


def test_of_a_change_that_was_done_and_built_upon_nothing_can_be_built_on() -> None:
    async def story(ledger: Ledger, _: Scripted, rival: Ledger) -> None:
        before = await read(ledger)
        wanted = changes.released(before.record, ME)

        async def build() -> None:
            while (found := await read(rival)).record != wanted:
                await asyncio.sleep(0.001)
            await rival.commit(Change(found, changes.claimed(found.record, "s2", RIVAL)))

        building = asyncio.create_task(build())
        assert await ledger.commit(Change(before, wanted)) == (None,)
        await building

    on_a_store(["done"], story)


def test_a_change_that_is_long_past_when_looked_for_stays_unknown() -> None:
    async def story(ledger: Ledger, _: Scripted, rival: Ledger) -> None:
        before = await read(ledger)
        wanted = changes.released(before.record, ME)

        async def bury_in_notes() -> None:
            while (found := await read(rival)).record != wanted:
                await asyncio.sleep(0.001)
            record = found.record
            for _ in range(HISTORY_MAX):
                record = changes.released(record, RIVAL)
            await rival.commit(Change(found, record))

        burying = asyncio.create_task(bury_in_notes())
        with pytest.raises(IndefiniteError):
            await ledger.commit(Change(before, wanted))
        await burying

    on_a_store(["done"], story)


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (["refused"] * TRIES, DefiniteError),
        (["lost"] * TRIES, IndefiniteError),
        (["refused"] * (TRIES - 1) + ["lost"], IndefiniteError),
        (["lost"] + ["refused"] * (TRIES - 1), IndefiniteError),
    ],
)
def test_giving_up_is_definite_only_if_no_try_may_have_arrived(
    script: list[str], error: type[Exception]
) -> None:
    async def story(ledger: Ledger, _: Scripted, __: Ledger) -> None:
        before = await read(ledger)
        with pytest.raises(error):
            await ledger.commit(Change(before, changes.claimed(before.record, "s1", ME)))

    on_a_store(script, story)
