"""The outbox: effects are written with the step that made them, delivered after it, and then deleted.

Whoever made the step delivers, in the order of the step; if it dies in between, another worker finds the
effect in the outbox and delivers it, once more perhaps. The key is the same each time: ``ID-SEQ-INDEX``.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import contextmanager

from dsm_jepsen.dsm.queue.ledger import Ledger
from dsm_jepsen.dsm.queue.record import Effect, RecordError, decode_effect, encode
from dsm_jepsen.env import Delete, OutcomeError, Put

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

    def puts(self, effects: Sequence[Effect]) -> list[Put]:
        """What a step's transaction writes."""
        return [Put(self._ledger.keys.outbox(effect), encode(effect)) for effect in effects]

    @contextmanager
    def in_hand(self, effects: Sequence[Effect]) -> Iterator[None]:
        """Leave effects out of sweeps while the step that makes them is under way."""
        keys = {effect.key for effect in effects}
        self._in_hand |= keys
        try:
            yield
        finally:
            self._in_hand -= keys

    async def deliver(self, effects: Sequence[Effect]) -> None:
        """Deliver effects, and delete those that were taken."""
        taken = [Delete(self._ledger.keys.outbox(effect)) for effect in effects if await self._try(effect)]
        if taken:
            try:
                await self._ledger.store.transact((), taken)
            except OutcomeError as error:
                self._log(f"{len(taken)} effects will be delivered again: {error}")

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
            with self.in_hand([effect]):
                await self.deliver([effect])

    async def _try(self, effect: Effect) -> bool:
        try:
            async with asyncio.timeout(DELIVERY_MS / 1000):
                await self._apply(effect)
        except Exception as error:  # noqa: BLE001 - whatever a receiver raises: the effect stays
            self._log(f"effect {effect.key} was not taken: {type(error).__name__}: {error}")
            return False
        return True
