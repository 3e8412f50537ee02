"""The outbox: effects are written with the step that made them, delivered after it, and then deleted.

Whoever made the step delivers, in the order of the steps, and deletes with the next step. If it dies in
between, another worker finds the effect in the outbox and delivers it, once more perhaps. The key is the
same each time: ``ID-SEQ-INDEX``.

What is found there is put off before it is delivered: so it is tried by one worker at a time, later and
later, and does not stand before others. After ``ATTEMPTS`` it is laid aside as undelivered, with the reason.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence

import msgspec

from dsm_jepsen.dsm.queue.ledger import Ledger
from dsm_jepsen.dsm.queue.record import (
    SHARDS,
    Effect,
    RecordError,
    Refused,
    decode_effect,
    decode_refused,
    encode,
)
from dsm_jepsen.env import Clock, Compare, Delete, Entry, OutcomeError, Put, Write

DELIVERY_MS = 5_000
"""How long a receiver may take; then the effect stays, to be delivered again."""

SWEEP_MAX = 500
"""Effects listed at once."""

AGAIN_MS = 6_000
AGAIN_MAX_MS = 60_000
"""The pause after a refusal, longer than a delivery takes, doubles from the first to the second."""

ATTEMPTS = 100
"""After how many refusals, about an hour and a half, an effect is laid aside."""

ERROR_MAX = 2_000
"""Characters kept of an error."""

Apply = Callable[[Effect], Awaitable[None]]
"""Delivers one effect; whatever it raises keeps the effect in the outbox."""


class Outbox:
    """One worker's part in the outbox."""

    def __init__(self, ledger: Ledger, apply: Apply, log: Callable[[str], None], clock: Clock) -> None:
        self._ledger = ledger
        self._apply = apply
        self._log = log
        self._clock = clock
        self._in_hand: set[str] = set()

    def puts(self, effects: Sequence[Effect]) -> list[Write]:
        """What the transaction of the step that makes them writes."""
        return [Put(self._ledger.keys.outbox(effect), encode(effect)) for effect in effects]

    def deletes(self, effects: Sequence[Effect]) -> list[Write]:
        """What any transaction after their delivery writes."""
        return [Delete(self._ledger.keys.outbox(effect)) for effect in effects]

    def hold(self, effects: Sequence[Effect]) -> None:
        """Leave effects out of sweeps: a step is under way that makes, delivers or deletes them."""
        self._in_hand |= {effect.key for effect in effects}

    def let_go(self, effects: Sequence[Effect]) -> None:
        """Leave effects to sweeps again, if they are still there."""
        self._in_hand -= {effect.key for effect in effects}

    async def deliver(self, effects: Sequence[Effect]) -> list[Effect]:
        """Deliver effects that are held; those that were taken stay so, to be deleted."""
        taken = [effect for effect in effects if await self._try(effect) is None]
        self.let_go([effect for effect in effects if effect not in taken])
        return taken

    async def delete(self, effects: Sequence[Effect]) -> None:
        """Delete effects that were delivered."""
        if not effects:
            return
        try:
            await self._ledger.transact((), self.deletes(effects))
        except OutcomeError as error:
            self._log(f"{len(effects)} effects will be delivered again: {error}")
        finally:
            self.let_go(effects)

    async def sweep(self, living: Collection[str], *, session: str) -> None:
        """Deliver what this worker could not deliver before, and what dead ones left.

        Args:
            living: sessions of workers that live.
            session: this worker's.

        Raises:
            OutcomeError: the store did not answer.
        """
        for entry in await self._listed():
            try:
                refused = decode_refused(entry.value)
            except RecordError as error:
                self._log(f"{entry.key} is left alone: {error}")
                continue
            if refused.key in self._in_hand or (refused.by in living and refused.by != session):
                continue
            effect = decode_effect(entry.value)
            self.hold([effect])
            try:
                await self._again(entry, effect, refused)
            finally:
                self.let_go([effect])

    async def _listed(self) -> Sequence[Entry]:
        """What is due. Where there is much, each part is looked into: none may hide another for good."""
        keys, store = self._ledger.keys, self._ledger.store
        found = await store.list(keys.outboxes, limit=SWEEP_MAX)
        if len(found) == SWEEP_MAX:
            parts = [*(f"{shard:02d}" for shard in range(SHARDS)), "later"]
            listed = [await store.list(f"{keys.outboxes}{part}//", limit=SWEEP_MAX) for part in parts]
            found = tuple(entry for part in listed for entry in part)
        # The parts are called by numbers, which stand before "later".
        until = f"{keys.outboxes}later//{self._now_ms():013d}0"
        return [entry for entry in found if entry.key < until]

    async def _again(self, entry: Entry, effect: Effect, refused: Refused) -> None:
        """Put an effect off, deliver it, and say what came of that; nothing if another worker was first."""
        keys, attempt = self._ledger.keys, refused.attempt + 1
        pause_ms = min(AGAIN_MS << min(attempt - 1, 20), AGAIN_MAX_MS)
        trying = msgspec.structs.replace(refused, attempt=attempt)
        later = keys.later(effect, self._now_ms() + pause_ms)
        version = await self._move(entry.key, entry.version, later, trying)
        if version is None:
            return
        why = await self._try(effect)
        if why is None:
            await self._ledger.transact((), (Delete(later),))
            return
        last = msgspec.structs.replace(trying, error=why[:ERROR_MAX])
        aside = f"{keys.undelivered(effect.id)}{effect.seq}-{effect.index}"
        await self._move(later, version, later if attempt < ATTEMPTS else aside, last)

    async def _move(self, key: str, version: int, to: str, refused: Refused) -> int | None:
        """Write what was tried, maybe elsewhere; its new version, or ``None`` if it is not as it was."""
        gone = () if to == key else (Delete(key),)
        commit = await self._ledger.transact((Compare(key, version),), (Put(to, encode(refused)), *gone))
        return None if commit is None else commit.versions[0]

    async def _try(self, effect: Effect) -> str | None:
        """Deliver an effect; why it was not taken, or ``None`` if it was."""
        try:
            async with asyncio.timeout(DELIVERY_MS / 1000):
                await self._apply(effect)
        except Exception as error:  # noqa: BLE001 - whatever a receiver raises: the effect stays
            why = f"{type(error).__name__}: {error}"
            self._log(f"effect {effect.key} was not taken: {why}")
            return why
        return None

    def _now_ms(self) -> int:
        return self._clock.wall_ns() // 1_000_000
