"""The store's axioms, checked on storms: clients of all members while these die, freeze and lose links.

The honest store keeps every axiom in every storm; each lie breaks its own axiom and no other.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache

import pytest

from dsm_jepsen.cluster.sim import LIES, STORES, SimCluster
from dsm_jepsen.cluster.sim.log import Log
from dsm_jepsen.env import (
    Change,
    CompactedError,
    DefiniteError,
    Entry,
    Link,
    OutcomeError,
    Rng,
    Role,
    Session,
    Store,
)

KEY = "/register"
KEPT = "/kept/"
STORM_S = 12.0
TTL_MS = 2_000


@dataclass(frozen=True)
class Seen:
    """One operation of a client: when, and what came of it."""

    kind: str
    host: str
    invoked_us: int
    returned_us: int
    outcome: str
    value: bytes | None
    position: int


@dataclass
class Storm:
    """All that clients saw, and the log as it really was."""

    log: Log
    operations: list[Seen] = field(default_factory=list)
    watched: dict[str, list[tuple[Change, bool]]] = field(default_factory=dict)
    compacted: Counter[str] = field(default_factory=Counter)
    believed_in_vain: list[str] = field(default_factory=list)
    held: dict[str, tuple[Entry, ...]] = field(default_factory=dict)
    elections: Counter[str] = field(default_factory=Counter)

    def written(self) -> list[bytes]:
        """All values that the register ever had."""
        changes = self.log.changes(KEY, after=0, upto=self.log.position)
        return [change.entry.value for change in changes if change.entry is not None]


async def _operate(cluster: SimCluster, storm: Storm, store: Store, host: str, rng: Rng) -> None:
    for number in range(100_000):
        await asyncio.sleep(rng.between(1, 40, purpose="think") / 1_000)
        kind = rng.choice(("write", "read", "stale"), purpose="kind")
        value: bytes | None = f"{host}-{number}".encode() if kind == "write" else None
        invoked_us, position, outcome = cluster.loop.now_us, 0, "ok"
        try:
            if value is not None:
                position = (await store.put(KEY, value)).position
            else:
                entry = await store.get(KEY, stale_ok=kind == "stale")
                position = 0 if entry is None else entry.position
        except OutcomeError as error:
            outcome = "fail" if isinstance(error, DefiniteError) else "info"
        storm.operations.append(Seen(kind, host, invoked_us, cluster.loop.now_us, outcome, value, position))


async def _watch(storm: Storm, store: Store, host: str) -> None:
    """Watch on after every break, and from the entry that is there where changes were dropped."""
    watched = storm.watched[host] = []
    after, follows = 0, True
    for _ in range(1_000):
        watch = store.watch(KEY, after=after)
        try:
            while True:
                change = await anext(watch)
                watched.append((change, follows))
                after, follows = change.position, True
        except CompactedError:
            storm.compacted[host] += 1
            with suppress(OutcomeError):
                entry = await store.get(KEY)
                after, follows = 0 if entry is None else entry.position, False
        except OutcomeError:
            await asyncio.sleep(0.1)


async def _keep(store: Store, host: str) -> None:
    """Write keys that are never written again."""
    for number in range(10_000):
        with suppress(OutcomeError):
            await store.put(f"{KEPT}{host}/{number}", b"")
        await asyncio.sleep(0.05)


async def _believe(storm: Storm, store: Store, host: str) -> None:
    """Hold sessions one after the other, and look whether the store really keeps them."""
    for number in range(1_000):
        key = f"/sessions/{host}/{number}"
        try:
            session: Session = await store.open_session(TTL_MS)
            await store.put(key, b"", session=session)
        except OutcomeError:
            await asyncio.sleep(0.1)
            continue
        while session.alive:
            if _deleted(storm.log, key):
                storm.believed_in_vain.append(key)
                break
            await asyncio.sleep(0.02)


def _deleted(log: Log, key: str) -> bool:
    changes = log.changes(key, after=0, upto=log.position)
    return bool(changes) and changes[-1].entry is None


async def _break(cluster: SimCluster, storm: Storm, rng: Rng) -> None:
    control, hosts = cluster.control, cluster.nodes
    for _ in range(1_000):
        await asyncio.sleep(rng.between(100, 900, purpose="calm") / 1_000)
        host = rng.choice(hosts, purpose="host")
        faults = ("kill", "pause", "isolate", "one-way", "slow", "flaky", "heal", "heal", "heal")
        others = [other for other in hosts if other != host]
        links = [Link(host, Role.STORE, other, Role.STORE) for other in others]
        match rng.choice(faults, purpose="fault"):
            case "kill":
                await control.kill(host, Role.STORE)
            case "pause":
                await control.pause(host, Role.STORE)
            case "isolate":
                await control.cut(links)
                await control.cut(Link(other, Role.STORE, host, Role.STORE) for other in others)
            case "one-way":
                await control.cut([Link(host, Role.STORE, rng.choice(hosts, purpose="to"), Role.STORE)])
            case "slow":
                await control.slow(links, delay_ms=50, jitter_ms=50)
            case "flaky":
                await control.flaky(links, loss_per_mille=200)
            case "heal":
                await _heal(cluster)
        storm.elections[str(await control.leader())] += 1


async def _heal(cluster: SimCluster) -> None:
    for host in cluster.nodes:
        await cluster.control.resume(host, Role.STORE)
        await cluster.control.restart(host, Role.STORE)
    await cluster.control.mend()
    await cluster.control.fast()


async def _rage(cluster: SimCluster, seed: int) -> Storm:
    await cluster.start(None)
    storm, rng = Storm(cluster._store.log), Rng(seed).fork("storm")
    keeping: list[asyncio.Task[None]] = []
    tasks = [asyncio.create_task(_break(cluster, storm, rng.fork("faults")))]
    for host in cluster.nodes:
        store = await cluster.site(host).open_store()
        tasks.append(asyncio.create_task(_operate(cluster, storm, store, host, rng.fork(host))))
        tasks.append(asyncio.create_task(_watch(storm, store, host)))
        tasks.append(asyncio.create_task(_believe(storm, store, host)))
        keeping.append(asyncio.create_task(_keep(store, host)))
    await asyncio.sleep(STORM_S)
    for task in (tasks.pop(0), *keeping):
        task.cancel()
    await _heal(cluster)
    await asyncio.sleep(3)
    for host in cluster.nodes:
        store = await cluster.site(host).open_store()
        storm.held[host] = await store.list(KEPT, stale_ok=True)
    return storm


@cache
def _storm(store: str, lie: str | None, seed: int) -> Storm:
    with SimCluster(seed=seed, store=store, lie=lie) as cluster:
        return cluster.run(_rage(cluster, seed))


def _lost(storm: Storm) -> list[object]:
    written = Counter(storm.written())
    return [
        seen
        for seen in storm.operations
        if seen.kind == "write" and seen.outcome == "ok" and written[seen.value or b""] != 1
    ]


def _refused_but_done(storm: Storm) -> list[object]:
    written = set(storm.written())
    return [seen for seen in storm.operations if seen.outcome == "fail" and seen.value in written]


def _done_twice(storm: Storm) -> list[object]:
    return [value for value, count in Counter(storm.written()).items() if count > 1]


def _out_of_date(storm: Storm) -> list[object]:
    """Find answers that are older than one that had been given before they were asked for."""
    written, wrong = set(storm.written()), list[object]()
    answered = [
        seen
        for seen in storm.operations
        if seen.outcome == "ok" and (seen.kind == "read" or seen.value in written)
    ]
    by_end = sorted(answered, key=lambda seen: seen.returned_us)
    newest, ended = 0, 0
    for seen in sorted(answered, key=lambda seen: seen.invoked_us):
        while by_end[ended].returned_us < seen.invoked_us:
            newest = max(newest, by_end[ended].position)
            ended += 1
        if seen.position < newest:
            wrong.append(seen)
    return wrong


def _gone_back(storm: Storm) -> list[object]:
    newest, wrong = Counter[str](), list[object]()
    for seen in storm.operations:  # in the order of their ends; each client has one at a time
        if seen.outcome == "ok" and seen.kind == "stale":
            if seen.position < newest[seen.host]:
                wrong.append(seen)
            newest[seen.host] = seen.position
    return wrong


def _gaps(storm: Storm) -> list[object]:
    """Find changes that do not follow the one told before, though nobody said that some were dropped."""
    changes: list[Change | None] = [None, *storm.log.changes(KEY, after=0, upto=storm.log.position)]
    wrong = list[object]()
    for watched in storm.watched.values():
        place = 0
        for change, follows in watched:
            found = changes.index(change, place + 1) if change in changes[place + 1 :] else 0
            if found == 0 or (follows and found != place + 1):
                wrong.append(change)
            place = found
    return wrong


def _apart(storm: Storm) -> list[object]:
    """Find members that do not hold, long after the last fault, what the log holds."""
    whole = storm.log.entries(KEPT, at=storm.log.position)
    return [host for host, held in storm.held.items() if held != whole]


def _expired_early(storm: Storm) -> list[object]:
    return list(storm.believed_in_vain)


AXIOMS: dict[str, Callable[[Storm], list[object]]] = {
    "acknowledged writes are done once": _lost,
    "refused writes are never done": _refused_but_done,
    "no write is done twice": _done_twice,
    "reads are linearizable": _out_of_date,
    "a member's prefix never gets shorter": _gone_back,
    "members hold what the log holds": _apart,
    "watches have no gaps": _gaps,
    "sessions do not expire early": _expired_early,
}

BROKEN_BY = {
    "stale-reads": "reads are linearizable",
    "lost-commits": "acknowledged writes are done once",
    "early-expiry": "sessions do not expire early",
    "watch-gaps": "watches have no gaps",
    "skipped-commits": "members hold what the log holds",
    # No power fails in a storm: what kills alone may do is no different from an honest store's.
    "no-return": None,
    "unsynced-writes": None,
}


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("axiom", AXIOMS)
@pytest.mark.parametrize("store", STORES)
def test_the_honest_store_keeps_its_axioms(store: str, axiom: str, seed: int) -> None:
    assert AXIOMS[axiom](_storm(store, None, seed)) == []


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("store", STORES)
def test_a_lie_breaks_its_axiom_and_no_other(store: str, lie: str) -> None:
    storms = [_storm(store, lie, seed) for seed in range(4)]
    broken = {axiom for axiom, check in AXIOMS.items() for storm in storms if check(storm)}
    assert broken == {BROKEN_BY[lie]} - {None}


@pytest.mark.parametrize("store", STORES)
def test_storms_are_worth_the_name(store: str) -> None:
    """All outcomes occur, unknown writes both done and not; leaders change; watches and stale reads lag."""
    storms = [_storm(store, None, seed) for seed in range(10)]
    outcomes = Counter((seen.kind, seen.outcome) for storm in storms for seen in storm.operations)
    assert all(
        outcomes[kind, outcome] > 20 for kind in ("write", "read") for outcome in ("ok", "fail", "info")
    )
    unknown = Counter(
        seen.value in storm.written()
        for storm in storms
        for seen in storm.operations
        if seen.kind == "write" and seen.outcome == "info"
    )
    assert min(unknown[True], unknown[False]) > 5
    assert len(sum((storm.elections for storm in storms), Counter())) == 6, "every member and nobody"
    assert all(len(watched) > 50 for storm in storms for watched in storm.watched.values())
    assert (sum(storm.compacted.total() for storm in storms) > 20) is (store == "zookeeper")
