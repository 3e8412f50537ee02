"""A worker of the queue: as many as one likes, on any hosts, each goes on where others left off.

A worker lives by a session: its key ``workers//SESSION`` is the only one bound to it. It holds claims as long
as that lasts; when it is lost, ticks are cancelled, results dropped, and the worker begins anew with another
session. What it held is found by others in the index ``running//SESSION/``, which has as many keys as there
are claims, however many instances wait or have ended.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from functools import partial
from typing import ClassVar

from dsm_jepsen.dsm.queue.effects import Apply, Outbox
from dsm_jepsen.dsm.queue.finder import Finder
from dsm_jepsen.dsm.queue.hold import Hands
from dsm_jepsen.dsm.queue.ledger import Ledger
from dsm_jepsen.dsm.queue.machine import AnyMachine
from dsm_jepsen.dsm.queue.observe import Observation, Observer, line_of
from dsm_jepsen.dsm.queue.record import SHARDS, Effect, Keys, stable_hash
from dsm_jepsen.dsm.queue.retention import KEEP_MIN_MS, KEEP_MS, forget
from dsm_jepsen.env import Compare, Env, OutcomeError, Request, Response, Session

SESSION_TTL_MS = 10_000
"""How long the claims of a vanished worker stay."""

SLOTS = 16
"""How many instances a worker has in hand at once. A step takes its tick and about two requests, so with few
slots a worker waits. With many, more of its instances wait for a session's end if it dies."""

SWEEP_MS = 5_000
"""How often claims and effects are looked through for what dead workers left, on average."""

FORGET_MS = 60_000
"""How often a worker looks for instances that need not be kept any longer, on average."""

REJOIN_MS = 500
"""The pause before a worker begins anew, on average."""

GRACE_MS = 8_000
"""How long a worker that is to stop lets its ticks finish; then they are cancelled and given back."""


class Worker:
    """One worker.

    Args:
        env: the world.
        machines: the machines it can tick, by name.
        name: of the queue.
        slots: how many instances it has in hand at once.
        keep_ms: how long an instance is kept after its end.
        apply: delivers an effect; by default it is logged.
        observe: told of everything the worker does; by default it is logged.

    Attributes:
        ledger_kind, outbox_kind, hands_kind: the parts it is made of; a planted flaw replaces one.

    Raises:
        ValueError: a machine's deadline is longer than a session lasts, or another number is too small.
    """

    ledger_kind: ClassVar[type[Ledger]] = Ledger
    outbox_kind: ClassVar[type[Outbox]] = Outbox
    hands_kind: ClassVar[type[Hands]] = Hands

    def __init__(
        self,
        env: Env,
        machines: Mapping[str, AnyMachine],
        *,
        name: str = "default",
        slots: int = SLOTS,
        keep_ms: int = KEEP_MS,
        apply: Apply | None = None,
        observe: Observer | None = None,
    ) -> None:
        late = [machine.name for machine in machines.values() if machine.deadline_ms >= SESSION_TTL_MS]
        if late:
            raise ValueError(f"machines {late} have deadlines of {SESSION_TTL_MS} ms, a session, or more")
        if slots < 1:
            raise ValueError(f"a worker has {slots} slots; it needs at least 1")
        if keep_ms < KEEP_MIN_MS:
            raise ValueError(f"ended instances are kept for {keep_ms} ms; it must be at least {KEEP_MIN_MS}")
        self._env = env
        self._machines = machines
        self._keys = Keys.of(name)
        self._ledger = self.ledger_kind(env.store, self._keys)
        self._slots = slots
        self._keep_ms = keep_ms
        self._observe = observe or (lambda seen: env.log(line_of(seen)))
        self._apply = apply or self._log_effect
        self._stop = asyncio.Event()
        self._hands: Hands | None = None

    async def run(self) -> None:
        """Work until told to stop, beginning anew whenever the session is lost."""
        while not self._stop.is_set():
            try:
                await self._live()
            except OutcomeError as error:
                self._env.log(f"begins anew: {error}")
            if not self._stop.is_set():
                await self._pause(REJOIN_MS, "rejoin")

    def stop(self) -> None:
        """Take nothing more, finish the ticks that run or give them back, then end ``run``."""
        self._stop.set()

    async def handle(self, request: Request) -> Response:
        """Answer ``GET /status`` with the session, whether it lives (503 if not), and the ids in hand."""
        if (request.method, request.path) != ("GET", "/status"):
            return Response(status=404, body={"error": "there is GET /status, and nothing else"})
        hands = self._hands
        alive = hands is not None and hands.session.alive
        body = {
            "node": self._env.node,
            "session": None if hands is None else hands.session.id,
            "alive": alive,
            "held": [] if hands is None else list(hands.held),
        }
        return Response(status=200 if alive else 503, body=body)

    async def _live(self) -> None:
        """Work for as long as one session lasts."""
        session = await self._env.store.open_session(SESSION_TTL_MS)
        try:
            own = self._keys.worker(session.id)
            entry = await self._env.store.put(own, self._env.node.encode(), session=session)
            hands = self.hands_kind(
                env=self._env,
                ledger=self._ledger,
                machines=self._machines,
                session=session,
                fence=Compare(own, entry.version),
                outbox=self.outbox_kind(
                    self._ledger, self._tell_and_apply(session), self._env.log, self._env.clock
                ),
                observe=self._observe,
            )
            self._hands = hands
            finder = Finder(self._env, self._keys, session=session.id, held=hands.held)
            self._env.log(f"works in session {session.id}")
            # First of all: else its slots were full of what is ready before it knew what was left.
            await self._sweep_claims(hands, finder)
            await self._work(hands, finder)
        finally:
            self._hands = None
            try:
                await session.close()
            except OutcomeError as error:
                self._env.log(f"the session ends by its ttl: {error}")

    async def _work(self, hands: Hands, finder: Finder) -> None:
        slots = [asyncio.create_task(self._slot(hands, finder)) for _ in range(self._slots)]
        helpers = [
            asyncio.create_task(self._sweep_always(partial(self._sweep_claims, hands, finder))),
            asyncio.create_task(self._sweep_always(partial(self._sweep_effects, hands))),
            asyncio.create_task(self._watch_workers(hands, finder)),
            asyncio.create_task(self._forget_always()),
            *(asyncio.create_task(finder.follow(f"{shard:02d}")) for shard in range(SHARDS)),
        ]
        ends = [asyncio.create_task(hands.session.wait_lost()), asyncio.create_task(self._stop.wait())]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if hands.session.alive:
                hands.stopping = True
                finder.close()
                await self._finish(hands, slots)
            else:
                self._env.log(f"session {hands.session.id} is lost")
        finally:
            for task in (*slots, *helpers, *ends):
                task.cancel()
            await asyncio.gather(*slots, *helpers, *ends, return_exceptions=True)

    async def _finish(self, hands: Hands, slots: list["asyncio.Task[None]"]) -> None:
        """Let ticks finish, cancel those that take too long, and give back what they held."""
        _, late = await asyncio.wait(slots, timeout=GRACE_MS / 1000)
        claims = [claim for claim in hands.held.values() if claim is not None]
        for slot in late:
            slot.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        for claim in claims:
            await hands.release(claim)

    async def _slot(self, hands: Hands, finder: Finder) -> None:
        """Take one instance after the other."""
        while (taken := await finder.take()) is not None:
            found, instance = taken
            try:
                await hands.work(instance, found)
            except Exception as error:  # noqa: BLE001 - one instance must not take a worker down
                self._env.log(f"{instance} is left for later: {type(error).__name__}: {error}")
                await self._pause(REJOIN_MS, "slot")

    async def _sweep_always(self, sweep: Callable[[], Awaitable[None]]) -> None:
        while True:
            await self._pause(SWEEP_MS, "sweep")
            await sweep()

    async def _forget_always(self) -> None:
        while True:
            await self._pause(FORGET_MS, "forget")
            try:
                before_ms = self._env.clock.wall_ns() // 1_000_000 - self._keep_ms
                if count := await forget(self._ledger, before_ms=before_ms):
                    self._env.log(f"forgot {count} instances and branches that had ended")
            except OutcomeError as error:
                self._env.log(f"what has ended was not looked through: {error}")

    async def _watch_workers(self, hands: Hands, finder: Finder) -> None:
        """Look for claims as soon as a worker comes or goes."""
        while True:
            try:
                async with aclosing(self._env.store.watch_hint(self._keys.worker(""))) as hints:
                    async for _ in hints:
                        await self._sweep_claims(hands, finder)
            except OutcomeError as error:
                self._env.log(f"watching the workers anew: {error}")
            await self._pause(REJOIN_MS, "watch-workers")

    async def _sweep_claims(self, hands: Hands, finder: Finder) -> None:
        """Find the claims that dead workers left."""
        session = hands.session.id
        try:
            running = await self._env.store.list(f"{self._keys.root}running//")
            living = await self._living()
        except OutcomeError as error:
            self._env.log(f"claims were not looked through: {error}")
            return
        finder.meet(living)
        # Each worker in an order of its own: they seldom meet, and nothing is last for all of them.
        for entry in sorted(running, key=lambda entry: stable_hash(f"{entry.key}/{session}")):
            owner, _, instance = entry.key.removeprefix(f"{self._keys.root}running//").partition("/")
            # What is ours but not in hand comes from a claim whose reply was lost.
            if owner not in living or (owner == session and instance not in hands.held):
                finder.add(entry.key, instance)

    async def _sweep_effects(self, hands: Hands) -> None:
        """Deliver the effects that dead workers left; apart from claims, as receivers may be slow."""
        try:
            await hands.outbox.sweep(await self._living(), session=hands.session.id)
        except OutcomeError as error:
            self._env.log(f"effects were not looked through: {error}")

    async def _living(self) -> set[str]:
        """The sessions of all workers that live."""
        prefix = self._keys.worker("")
        return {entry.key.removeprefix(prefix) for entry in await self._env.store.list(prefix)}

    def _tell_and_apply(self, session: Session) -> Callable[[Effect], Awaitable[None]]:
        """Deliver, and say so before and after."""

        def tell(what: str, effect: Effect) -> None:
            self._observe(
                Observation(
                    what=what,
                    by=f"{self._env.node}/{session.id}",
                    at_ms=self._env.clock.wall_ns() // 1_000_000,
                    id=effect.id,
                    seq=effect.seq,
                    effect=effect.key,
                )
            )

        async def apply(effect: Effect) -> None:
            tell("apply", effect)
            await self._apply(effect)
            tell("applied", effect)

        return apply

    async def _log_effect(self, effect: Effect) -> None:
        self._env.log(f"effect {effect.key}: {bytes(effect.value).decode()}")

    async def _pause(self, pause_ms: int, purpose: str) -> None:
        jitter = 0.5 + self._env.rng.uniform(purpose=f"queue/{purpose}")
        await asyncio.sleep(pause_ms * jitter / 1000)
