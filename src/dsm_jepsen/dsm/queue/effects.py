"""The outbox: effects are written with the step that made them, delivered after it, and then deleted.

Whoever made the step delivers, in the order of the steps, and deletes with the next step. If it dies in
between, another worker finds the effect in the outbox and delivers it, once more perhaps. The key is the
same each time: ``ID-SEQ-INDEX``.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence

from dsm_jepsen.dsm.queue.ledger import Ledger
from dsm_jepsen.dsm.queue.record import Effect, RecordError, decode_effect, encode
from dsm_jepsen.env import Delete, OutcomeError, Put, Write

DELIVERY_MS = 5_000
"""How long a receiver may take; then the effect stays, to be delivered again."""

SWEEP_MAX = 500
"""Effects looked at in one sweep."""

Apply = Callable[[Effect], Awaitable[None]]
"""Delivers one effect; whatever it raises keeps the effect in the outbox."""


class Outbox:
    """One worker's part in the outbox."""

    def __init__(self, ledger: Ledger, apply: Apply, log: Callable[[str], None]) -> None:
        self._ledger = ledger
        self._apply = apply
        self._log = log
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
        taken = [effect for effect in effects if await self._try(effect)]
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
        for entry in await self._ledger.store.list(f"{self._ledger.keys.root}outbox/", limit=SWEEP_MAX):
            try:
                effect = decode_effect(entry.value)
            except RecordError as error:
                self._log(f"{entry.key} is left alone: {error}")
                continue
            if effect.key in self._in_hand or (effect.by in living and effect.by != session):
                continue
            self.hold([effect])
            await self.delete(await self.deliver([effect]))

    async def _try(self, effect: Effect) -> bool:
        try:
            async with asyncio.timeout(DELIVERY_MS / 1000):
                await self._apply(effect)
        except Exception as error:  # noqa: BLE001 - whatever a receiver raises: the effect stays
            self._log(f"effect {effect.key} was not taken: {type(error).__name__}: {error}")
            return False
        return True
