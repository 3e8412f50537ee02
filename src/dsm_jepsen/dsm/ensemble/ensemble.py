"""One state chart shared by many nodes through one key of a store: the paper's ensemble, made right.

A node commits a transition by compare-and-set on the shared context, and every replica takes over
committed contexts in the order of their versions. The paper's implementation has weaknesses that
belong to its design; here is how each is avoided.

* Death at the 33rd commit, replay past the ring's end: replicas follow the store's gap-free watch,
  and take the current context when the watch reports compaction or breaks.
* The same event sent to every node is applied twice: an event may name the version it ``expect``s;
  once that version has passed it has lost the race, however late it comes.
* Losers of a race wedge their executor, run actions that do not count, and hear "accepted": the step
  is pure and is only taken over after its commit, and a loser is told so.
* Replicas replay the event, and end elsewhere when a guard, a chart or an earlier state differs:
  replicas take over configuration and variables, charts are compared by fingerprint at joining.
* Only the declared target is stored, without regions, and variables alias a live map: the whole
  configuration and the variables are stored, all immutable.
* Rejoining with a cached context, or with none and so running the initial action again: a node joins
  by a linearizable read; the initial context is created by compare-and-set on the absent key.
* A reply lost: the outcome is found by reading again (each commit carries its request's id), and is
  reported as unknown when it cannot be found. The sender takes over its own commit like any other.
* The version runs ahead of the machine, two reads are mixed, a stale expectation loses a race that
  was none: one linearizable read gives state and expected version together, just before the step.
* A cut-off node reports healthy old state: a node is healthy only while a linearizable read begun in
  the last ``FRESH_MS`` has succeeded and its session lives; later it is in error.
* All members gone, committed state wiped: the key is never deleted.
* Several machines share one state, timers and leader-only actions are not fenced: one ensemble, one
  machine, one key; there are no local timers and no leader.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn

from dsm_jepsen.dsm.chart import Chart, Event, step
from dsm_jepsen.dsm.ensemble.context import Context, ContextError, decode, encode
from dsm_jepsen.env import CompactedError, DefiniteError, Entry, Env, IndefiniteError, OutcomeError, Session

SESSION_TTL_MS = 6_000
"""How long the member key of a vanished node stays."""

REFRESH_MS = 750
"""How often a node confirms its replica by a linearizable read; a healthy replica lags no longer."""

FRESH_MS = 3_000
"""The bound on stale answers: a replica not confirmed for so long is in error."""

REJOIN_MS = 500
"""The pause before joining again, on average."""

QUEUE_LIMIT = 100
"""How many events may wait for their turn on one node; more are refused."""

REMEMBERED = 256
"""How many committed request ids a node remembers, to settle a commit whose reply was lost."""


@dataclass(frozen=True, slots=True)
class Replica:
    """A committed context as read, with the store's version of its key for the next compare-and-set."""

    context: Context
    stored: int


class Ensemble:
    """One node's part in an ensemble."""

    def __init__(self, env: Env, chart: Chart, *, name: str = "default") -> None:
        self.env = env
        self.chart = chart
        self.key = f"/dsm-jepsen/ensembles/{name}/context"
        self.member_key = f"/dsm-jepsen/ensembles/{name}/members/{env.node}"
        self.replica: Replica | None = None
        self._session: Session | None = None
        self._confirmed_ns: int | None = None
        self._confirmed_at_ns: int | None = None
        self._wanted = asyncio.Event()
        self._wanted.set()
        self._left = asyncio.Event()
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._requests = 0
        self._committed_ids: OrderedDict[int, str | None] = OrderedDict()

    # What a client may ask.

    @property
    def joined(self) -> bool:
        """Whether the node wants to belong to the ensemble (``leave`` ends that)."""
        return self._wanted.is_set()

    @property
    def healthy(self) -> bool:
        """Whether the replica is fresh: its session lives and it was confirmed within ``FRESH_MS``."""
        if self._session is None or not self._session.alive or self._confirmed_ns is None:
            return False
        return self.env.clock.monotonic_ns() - self._confirmed_ns <= FRESH_MS * 1_000_000

    def status(self) -> dict[str, Any]:
        """Everything at one moment; field names as in the paper's sample where it has them."""
        context = None if self.replica is None else self.replica.context
        summary = {"version": None, "states": [], "variables": {}} if context is None else context.summary()
        return {
            "node": self.env.node,
            "version": summary["version"],
            "states": summary["states"],
            "extendedStateVariables": summary["variables"],
            "hasStateMachineError": self.joined and not self.healthy,
            "isComplete": context is not None and self.chart.is_complete(context.configuration),
            "joined": self.joined,
            "session": None if self._session is None else self._session.id,
            "confirmedAt": None if self._confirmed_at_ns is None else _date(self._confirmed_at_ns),
        }

    async def members(self) -> dict[str, str]:
        """Who belongs to the ensemble, each with its session, by a linearizable read of their keys.

        Raises:
            OutcomeError: the store did not answer.
        """
        prefix = self.member_key.removesuffix(self.env.node)
        entries = await self.env.store.list(prefix)
        return {entry.key.removeprefix(prefix): entry.value.decode() for entry in entries}

    async def strong_status(self) -> dict[str, Any]:
        """The status after a linearizable read.

        Raises:
            OutcomeError: the node has left, or the store did not answer.
        """
        self._require_session()
        await self.refresh()
        return self.status()

    async def fire(self, event: Event, *, expect: int | None = None) -> Context:
        """Send an event to the shared machine and return the context it led to.

        Args:
            event: of the chart.
            expect: the version it is meant for, if any.

        Raises:
            DefiniteError: ``not-applicable``, ``lost-race`` (both with the context in the way) or
                ``unavailable``: it has no effect and never will.
            IndefiniteError: ``unknown``: the commit was sent and nobody can say what became of it.
        """
        if self._waiting >= QUEUE_LIMIT:
            # Definite: it was not even looked at.
            raise DefiniteError("unavailable", f"{self._waiting} events are waiting on {self.env.node}")
        self._waiting += 1
        try:
            async with self._turn:
                return await self._fire(event, expect)
        finally:
            self._waiting -= 1

    def join(self) -> None:
        """Belong to the ensemble from now on; ``healthy`` tells when it is so."""
        self._left.clear()
        self._wanted.set()

    def leave(self) -> None:
        """Stop taking part: the member key goes, events are refused."""
        self._wanted.clear()
        self._left.set()

    # Committing.

    async def _fire(self, event: Event, expect: int | None) -> Context:
        session = self._require_session()
        try:
            await self.refresh()
        except OutcomeError as error:
            # Definite: only a read was tried.
            raise DefiniteError("unavailable", f"the store did not answer ({error})") from error
        assert self.replica is not None
        current = self.replica
        if expect is not None and current.context.version != expect:
            # Definite: nothing was written, and versions never come back.
            raise DefiniteError("lost-race", current.context.summary())
        taken = step(self.chart, current.context.configuration, current.context.variables, event)
        if taken.transition is None:
            # Definite: nothing was written. The state was read after the event came, so the refusal holds.
            raise DefiniteError("not-applicable", current.context.summary())
        self._requests += 1
        following = Context(
            version=current.context.version + 1,
            chart=self.chart.fingerprint,
            configuration=taken.configuration,
            variables=taken.variables,
            event=event,
            id=f"{session.id}/{self._requests}",
            node=self.env.node,
        )
        try:
            entry = await self.commit(following, current)
        except DefiniteError as error:
            # Definite: the store says that the write was not done.
            raise DefiniteError("unavailable", str(error)) from error
        except IndefiniteError:
            return await self._settle(following)
        if entry is None:
            # Definite: the compare failed, and this write was conditional on it.
            raise DefiniteError("lost-race", current.context.summary())
        self.adopt(Replica(following, entry.version))
        return following

    async def commit(self, following: Context, current: Replica) -> Entry | None:
        """Write the next context if the current one still stands; ``None`` if it does not."""
        return await self.env.store.compare_and_set(self.key, encode(following), version=current.stored)

    async def _settle(self, following: Context) -> Context:
        """Find out what became of a commit whose reply did not come."""
        for _ in range(3):
            with suppress(OutcomeError):
                await self.refresh()
            if following.version in self._committed_ids:
                if self._committed_ids[following.version] == following.id:
                    return following
                # Definite: another commit took this version, so the compare of ours can never hold again.
                raise DefiniteError("lost-race", {"version": following.version})
            # The write may still be on its way, or the watch has yet to tell who took the version.
            await asyncio.sleep(REFRESH_MS / 1000)
        raise IndefiniteError("unknown", f"no reply to the commit of version {following.version}")

    def adopt(self, read: Replica) -> None:
        """Take over a committed context, if it is newer than what the node has."""
        context = read.context
        self._committed_ids.setdefault(context.version, context.id)
        while len(self._committed_ids) > REMEMBERED:
            self._committed_ids.popitem(last=False)
        if self.replica is None or context.version > self.replica.context.version:
            self.replica = read

    async def refresh(self) -> None:
        """Confirm the replica by a linearizable read.

        Raises:
            OutcomeError: the store did not answer.
        """
        began_ns = self.env.clock.monotonic_ns()
        entry = await self.env.store.get(self.key)
        if entry is None:
            raise DefiniteError("unavailable", f"{self.key} is gone from the store")
        self.adopt(Replica(decode(entry.value), entry.version))
        self._confirmed_ns = began_ns
        # For people only, who may compare hosts by it: it is as wrong as the host's wall clock.
        self._confirmed_at_ns = self.env.clock.wall_ns()

    # Belonging.

    async def run(self) -> NoReturn:
        """Take part whenever that is wanted, joining anew after every failure, until cancelled."""
        while True:
            await self._wanted.wait()
            try:
                await self._take_part()
            except (OutcomeError, ContextError) as error:
                self.env.log(f"in error: {error}")
            if self.joined:
                jitter = self.env.rng.uniform(purpose="ensemble/rejoin")
                await asyncio.sleep(REJOIN_MS * (0.5 + jitter) / 1000)

    async def _take_part(self) -> None:
        """Belong to the ensemble until the node leaves or something breaks."""
        async with self._membership() as session:
            entry = await self._read_or_create()
            context = decode(entry.value)
            if context.chart != self.chart.fingerprint:
                raise ContextError(
                    f"the ensemble runs chart {context.chart}, this node {self.chart.fingerprint}; "
                    "give all nodes the same --machine, or choose another --ensemble"
                )
            self.install(Replica(context, entry.version))
            await self.refresh()
            self._session = session
            self.env.log(f"joined at version {context.version}")
            await _first_of(
                self._follow(entry.position), self._confirm(), session.wait_lost(), self._left.wait()
            )
            self.env.log("taking part no longer" if session.alive else "session lost")

    def install(self, read: Replica) -> None:
        """Take over a context as a whole at joining."""
        self.adopt(read)

    @asynccontextmanager
    async def _membership(self) -> AsyncIterator[Session]:
        session = await self.env.store.open_session(SESSION_TTL_MS)
        try:
            await self.env.store.put(self.member_key, session.id.encode(), session=session)
            yield session
        finally:
            self._session = None
            self._confirmed_ns = None
            try:
                await session.close()
            except OutcomeError as error:
                self.env.log(f"the session ends by its ttl: {error}")

    async def _read_or_create(self) -> Entry:
        """Read the shared context; the first node to come creates it, and nobody ever deletes it."""
        entry = await self.env.store.get(self.key)
        if entry is not None:
            return entry
        started = self.chart.start()
        first = Context(
            version=0,
            chart=self.chart.fingerprint,
            configuration=started.configuration,
            variables=started.variables,
        )
        created = await self.env.store.compare_and_set(self.key, encode(first), version=None)
        entry = created or await self.env.store.get(self.key)
        assert entry is not None
        return entry

    async def _follow(self, position: int) -> None:
        """Take over every change after the position."""
        while True:
            try:
                try:
                    async with aclosing(self.env.store.watch(self.key, after=position)) as changes:
                        async for change in changes:
                            position = change.position
                            if change.entry is not None:
                                self.adopt(Replica(decode(change.entry.value), change.entry.version))
                except CompactedError:
                    entry = await self.env.store.get(self.key)
                    if entry is not None:
                        self.adopt(Replica(decode(entry.value), entry.version))
                        position = entry.position
            except OutcomeError as error:
                self.env.log(f"watching anew: {error}")
            await asyncio.sleep(REFRESH_MS / 1000)

    async def _confirm(self) -> None:
        """Confirm the replica again and again; a failure shows as lost freshness."""
        while True:
            await asyncio.sleep(REFRESH_MS / 1000)
            try:
                await self.refresh()
            except OutcomeError as error:
                self.env.log(f"not confirmed: {error}")

    def _require_session(self) -> Session:
        if self._session is None or not self._session.alive:
            # Definite: refused before anything was sent.
            state = "in error" if self.joined else "not in the ensemble"
            raise DefiniteError("unavailable", f"{self.env.node} is {state}")
        return self._session


def _date(wall_ns: int) -> str:
    return datetime.fromtimestamp(wall_ns / 1e9, UTC).isoformat(timespec="milliseconds")


async def _first_of(*coroutines: Any) -> None:
    """Run all until the first ends, then cancel the others; an error of any ends all."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result
