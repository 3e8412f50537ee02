"""Finding work: which instances a worker may try to claim, at a cost that their number does not matter to.

The index of ready instances is in shards, each in the order of time. A worker lists the first keys of a
shard when the store hints at a change there, when the next delayed one is due, and now and then in any case.
For each shard the workers have an order of precedence, from a hash of both: the first looks at once, the
others a little later each, so that they do not all run for the same instance; what the first has no time for
they get.

What dead workers left goes before what is ready: it was begun first, it is no more than those had in hand,
and workers that are killed again and again would never come to the end of what they have listed.

A delayed instance is due when this host's clock says so, or when the worker has known of it for as long as
the delay: so a clock that is wrong makes it late by its delay at most, and never holds it for good.
"""

import asyncio
from collections.abc import Collection
from contextlib import aclosing

from dsm_jepsen.dsm.queue.record import SHARDS, Keys, shard_of, stable_hash
from dsm_jepsen.env import Entry, Env, OutcomeError

LIST_MAX = 32
"""Keys listed at once."""

RELIST_MS = 10_000
"""How often a shard is listed though nothing hinted at it, on average."""

STEP_MS = 30
"""How much later the next in the order of precedence looks."""

AGAIN_MS = 250
"""When to look again for an instance that was found ready while this worker still had it in hand."""

PAUSE_MS = 500
"""The pause after the store did not answer, on average."""


class Finder:
    """One worker's search for ready instances."""

    def __init__(self, env: Env, keys: Keys, *, session: str, held: Collection[str]) -> None:
        self._env = env
        self._keys = keys
        self._session = session
        self._held = held
        self._left: dict[str, str] = {}
        self._found: dict[str, str] = {}
        self._known: dict[str, int] = {}
        self._living: Collection[str] = ()
        self._turn = asyncio.Lock()
        self._news = asyncio.Event()
        self._closed = False
        self._due_ms = {f"{shard:02d}": self._now_ms() for shard in range(SHARDS)}

    def add(self, found: str, instance: str) -> None:
        """Have an instance looked at first that a dead worker left, under this key of the index."""
        self._left[instance] = found
        self._news.set()

    def meet(self, living: Collection[str]) -> None:
        """Know the sessions of all workers that live."""
        self._living = living

    def close(self) -> None:
        """Find nothing more."""
        self._closed = True
        self._news.set()

    async def take(self) -> tuple[str, str] | None:
        """Wait for the next instance to try: the key of the index, and the id; ``None`` once closed."""
        async with self._turn:
            while not self._closed:
                while waiting := self._left or self._found:
                    instance = next(iter(waiting))
                    found = waiting.pop(instance)
                    if instance not in self._held:
                        return found, instance
                    # It is being given back, or the listing is from before it was claimed.
                    self._look(shard_of(instance), within_ms=AGAIN_MS)
                shard = await self._wait_due()
                if shard is not None:
                    await self._list(shard)
        return None

    async def follow(self, shard: str) -> None:
        """Look at a shard soon after each hint, until cancelled."""
        while True:
            try:
                async with aclosing(self._env.store.watch_hint(self._keys.ready(shard))) as hints:
                    async for _ in hints:
                        self._look(shard, within_ms=self._rank(shard) * STEP_MS)
            except OutcomeError as error:
                self._env.log(f"watching shard {shard} anew: {error}")
            await asyncio.sleep(self._jittered(PAUSE_MS, "watch") / 1000)

    async def _wait_due(self) -> str | None:
        """Wait for the next shard to list; ``None`` if something else has come up."""
        self._news.clear()
        shard = min(
            self._due_ms, key=lambda shard: (self._due_ms[shard], self._precedence(shard, self._session))
        )
        wait_ms = self._due_ms[shard] - self._now_ms()
        if wait_ms <= 0:
            return shard
        try:
            async with asyncio.timeout(wait_ms / 1000):
                await self._news.wait()
        except TimeoutError:
            return shard
        return None

    async def _list(self, shard: str) -> None:
        prefix = self._keys.ready(shard)
        self._due_ms[shard] = self._now_ms() + self._jittered(RELIST_MS, "relist")
        try:
            entries = await self._env.store.list(prefix, limit=LIST_MAX)
        except OutcomeError as error:
            self._env.log(f"shard {shard} was not listed: {error}")
            self._look(shard, within_ms=self._jittered(PAUSE_MS, "list"))
            return
        delayed: dict[str, int] = {}
        for entry in entries:
            try:
                wait_ms = self._wait_ms(prefix, entry, delayed)
            except ValueError as error:
                self._env.log(f"{entry.key} is left alone: {error}")
                continue
            if wait_ms <= 0:
                self._found[entry.key.removeprefix(prefix)[14:]] = entry.key
            else:
                self._look(shard, within_ms=wait_ms)
        self._known = {
            key: since for key, since in self._known.items() if not key.startswith(prefix)
        } | delayed
        if len(entries) == LIST_MAX and self._found:
            self._look(shard, within_ms=0)

    def _wait_ms(self, prefix: str, entry: Entry, delayed: dict[str, int]) -> int:
        """How long an instance has to wait yet."""
        since_ms = delayed[entry.key] = self._known.get(entry.key, self._now_ms())
        by_clock_ms = int(entry.key.removeprefix(prefix)[:13]) - self._env.clock.wall_ns() // 1_000_000
        return min(by_clock_ms, since_ms + int(entry.value) - self._now_ms())

    def _look(self, shard: str, *, within_ms: int) -> None:
        self._due_ms[shard] = min(self._due_ms[shard], self._now_ms() + within_ms)
        self._news.set()

    def _rank(self, shard: str) -> int:
        """How many workers come before this one at a shard."""
        own = self._precedence(shard, self._session)
        return sum(self._precedence(shard, session) < own for session in self._living)

    @staticmethod
    def _precedence(shard: str, session: str) -> int:
        return stable_hash(f"{shard}/{session}")

    def _jittered(self, pause_ms: int, purpose: str) -> int:
        return int(pause_ms * (0.5 + self._env.rng.uniform(purpose=f"queue/{purpose}")))

    def _now_ms(self) -> int:
        return self._env.clock.monotonic_ns() // 1_000_000
