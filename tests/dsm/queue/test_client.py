"""The queue's test client by itself: what it is told of instances in every state, and what it tells."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

import pytest

from dsm_jepsen.cluster.sim import SimCluster
from dsm_jepsen.dsm.queue import Queue, changes
from dsm_jepsen.dsm.queue.changes import Hand
from dsm_jepsen.dsm.queue.client import MACHINES, NAME, QueueClient
from dsm_jepsen.dsm.queue.ledger import Change, Ledger
from dsm_jepsen.dsm.queue.record import Keys, Record
from dsm_jepsen.env import (
    Commit,
    Compare,
    DefiniteError,
    IndefiniteError,
    OutcomeError,
    Rng,
    Role,
    Store,
    Write,
)

HAND = Hand("n1/s1", 1)
KEYS = Keys.of(NAME)
SUBMIT = {"id": "i", "machine": "relay", "payload": {"tick_ms": 10}}


def on_a_store(story: Callable[[QueueClient, Store, SimCluster], Awaitable[None]]) -> None:
    """Run a story on a cluster without workers: nothing happens but what the client does."""
    with SimCluster(seed=1) as cluster:

        async def act() -> None:
            await cluster.start(None)
            site = cluster.site("n1")
            await story(await QueueClient().open(site), await site.open_store(), cluster)

        cluster.run(act())


def ready() -> list[Record]:
    return [changes.submitted(MACHINES["relay"], "i", b'{"tick_ms": 10}', HAND)]


def running() -> list[Record]:
    return [*ready(), changes.claimed(ready()[-1], "s1", HAND)]


def dead() -> list[Record]:
    return [*running(), changes.buried(running()[-1], "it raised", HAND)]


def done() -> list[Record]:
    return [*running(), changes.ended(running()[-1], "done", None, HAND)]


def failed() -> list[Record]:
    return [*running(), changes.ended(running()[-1], "failed", "no luck", HAND)]


def cancelled() -> list[Record]:
    return [*ready(), changes.ended(ready()[-1], "cancelled", None, HAND)]


async def put(store: Store, story: list[Record]) -> None:
    """Take an instance through these records."""
    ledger, read = Ledger(store, KEYS), None
    for record in story:
        done = await ledger.commit(Change(read, record))
        assert done is not None
        read = done[0]


@pytest.mark.parametrize(
    ("f", "told"),
    [
        ("cancel", ["no-instance", "cancelled", "cancelled", "cancelled", *["no-instance"] * 3]),
        ("redrive", ["not-dead", "not-dead", "not-dead", "ready", *["not-dead"] * 3]),
    ],
)
@pytest.mark.parametrize("place", range(7))
def test_cancel_and_redrive_of_every_state(f: str, told: list[str], place: int) -> None:
    stories = [list[Record], ready, running, dead, done, failed, cancelled]
    began = stories[place]()

    async def story(client: QueueClient, store: Store, _: SimCluster) -> None:
        await put(store, began)
        if told[place] in ("cancelled", "ready"):
            assert await client.invoke(f, {"id": "i"}) == {"id": "i", "status": told[place], "ending": None}
        else:
            with pytest.raises(DefiniteError, match=told[place]):
                await client.invoke(f, {"id": "i"})
        shown = (await client.invoke("look", {"id": "i"}))["records"]
        status = (
            {"cancel": "cancelled", "redrive": "ready"}[f] if told[place] in ("cancelled", "ready") else None
        )
        assert [record["status"] for record in shown] == [status or record.status for record in began[-1:]]

    on_a_store(story)


def test_what_was_submitted_is_shown_by_every_reading() -> None:
    async def story(client: QueueClient, _store: Store, _cluster: SimCluster) -> None:
        assert await client.invoke("look", {"id": "i"}) == {"id": "i", "records": []}
        assert await client.invoke("submit", SUBMIT) == SUBMIT
        (record,) = (await client.invoke("look", {"id": "i"}))["records"]
        assert (record["status"], record["state"], record["seq"], record["token"]) == ("ready", "START", 0, 0)
        assert [note["what"] for note in record["notes"]] == ["submit"]
        assert await client.invoke("look", None) == {"records": [record]}
        assert await client.invoke("records", None) == {"records": [record], "dead": []}
        with pytest.raises(DefiniteError, match="exists"):
            await client.invoke("submit", SUBMIT)

    on_a_store(story)


def test_ended_instances_are_among_the_records_and_not_among_those_that_go_on() -> None:
    async def story(client: QueueClient, store: Store, _: SimCluster) -> None:
        await put(store, done())
        assert await client.invoke("look", None) == {"records": []}
        assert [one["id"] for one in (await client.invoke("records", None))["records"]] == ["i"]

    on_a_store(story)


def test_what_is_spoilt_shows_as_dead_and_is_no_trouble_to_the_rest() -> None:
    async def story(client: QueueClient, _store: Store, _cluster: SimCluster) -> None:
        await client.invoke("spoil", {"id": "bad"})
        await client.invoke("submit", SUBMIT)
        shown = {one["id"]: one["status"] for one in (await client.invoke("records", None))["records"]}
        assert shown == {"bad": "dead", "i": "ready"}
        with pytest.raises(DefiniteError, match="unreadable"):
            await client.invoke("redrive", {"id": "bad"})

    on_a_store(story)


@pytest.mark.parametrize(("began", "quiet"), [(ready, False), (running, False), (dead, True), (done, True)])
def test_it_is_quiet_when_nothing_happens_without_a_person(
    began: Callable[[], list[Record]], quiet: bool
) -> None:
    async def story(client: QueueClient, store: Store, _: SimCluster) -> None:
        await put(store, began())
        if quiet:
            assert await client.invoke("quiet", None) == {"dead": ["i"] if began is dead else []}
        else:
            with pytest.raises(DefiniteError, match="busy") as busy:
                await client.invoke("quiet", None)
            assert busy.value.detail == {"going": ["i"], "waiting": []}

    on_a_store(story)


def test_while_the_store_is_down_reads_are_refused_and_nobody_knows_of_writes_in_flight() -> None:
    async def story(client: QueueClient, _store: Store, cluster: SimCluster) -> None:
        await cluster.control.kill("n1", Role.STORE)
        for f, value in (("submit", SUBMIT), ("look", {"id": "i"}), ("cancel", {"id": "i"})):
            with pytest.raises(OutcomeError):
                await client.invoke(f, value)

    on_a_store(story)


def test_an_operation_that_it_does_not_know_is_the_testers_mistake() -> None:
    async def story(client: QueueClient, _store: Store, _cluster: SimCluster) -> None:
        with pytest.raises(ValueError, match="a queue's client does not know 'sumbit'"):
            await client.invoke("sumbit", SUBMIT)

    on_a_store(story)


class Silent:
    """A store that does every transaction, and loses so many replies."""

    def __init__(self, store: Store, losing: int) -> None:
        self._store = store
        self._losing = losing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def transact(self, compares: Sequence[Compare], writes: Sequence[Write]) -> Commit | None:
        commit = await self._store.transact(compares, writes)
        self._losing -= 1
        if self._losing >= 0:
            raise IndefiniteError("timeout")
        return commit


@pytest.mark.parametrize(("losing", "known"), [(1, True), (1_000, False)])
def test_a_submit_whose_reply_is_lost_is_found_again_or_told_as_unknown(losing: int, known: bool) -> None:
    async def story(client: QueueClient, store: Store, cluster: SimCluster) -> None:
        silent = cast("Store", Silent(store, losing))
        clock = cluster.site("n1").clock
        queue = Queue(silent, clock=clock, rng=Rng(1), machines=MACHINES, name=NAME, by="c")
        unlucky = QueueClient(queue, silent)
        if known:
            assert await unlucky.invoke("submit", SUBMIT) == SUBMIT
        else:
            with pytest.raises(IndefiniteError) as unknown:
                await unlucky.invoke("submit", SUBMIT)
            assert unknown.value.detail["id"] == "i"
        assert [one["id"] for one in (await client.invoke("look", None))["records"]] == ["i"]

    on_a_store(story)
