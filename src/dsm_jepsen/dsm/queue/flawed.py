"""Workers with one planted flaw each, to see that the checkers catch it; never used unless named.

Each flaw is one method or two of the correct worker's parts replaced, or what it tells the store. Most are
those of a design that locks, ticks, puts and unlocks.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from types import MappingProxyType
from typing import Any, ClassVar, cast

from msgspec import structs

from dsm_jepsen.dsm.queue import changes
from dsm_jepsen.dsm.queue.effects import Outbox
from dsm_jepsen.dsm.queue.hold import Hands
from dsm_jepsen.dsm.queue.ledger import Change, Ledger, Read
from dsm_jepsen.dsm.queue.machine import AnyMachine
from dsm_jepsen.dsm.queue.record import Effect
from dsm_jepsen.dsm.queue.tick import Step
from dsm_jepsen.dsm.queue.worker import Worker
from dsm_jepsen.env import Commit, Compare, Env, OutcomeError, Put, Session, Store, Write

_ALWAYS = Compare("/dsm-jepsen/never-written", None)
"""A condition that holds."""

_LOCK_WAIT_S = 0.1

_LATE_TRIES = 100

_LATE_PAUSE_S = 0.2


class _Front:
    """A store in front of the store: as it is, but for what a flaw replaces."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


class _Fronted(Worker):
    """A worker that talks to a front."""

    front: ClassVar[type[_Front]]

    def __init__(self, env: Env, *arguments: Any, **options: Any) -> None:
        fronted = replace(env, store=cast("Store", self.front(env.store)))
        super().__init__(fronted, *arguments, **options)


class _OldRecord(Hands):
    async def _claim(self, instance: str, found: str) -> Read | None:
        before = await self.ledger.read(instance)
        await asyncio.sleep(_LOCK_WAIT_S)
        now = await self.ledger.read(instance)
        if before is None or now is None or not before.readable:
            return None
        owner = now.record.owner
        if owner is not None and found not in self.ledger.keys.index(now.record):
            return None
        gone = () if owner in (None, self.session.id) else (Compare(self.ledger.keys.worker(owner), None),)
        taken = changes.claimed(before.record, self.session.id, self.hand)
        return await self._commit("claim", Read(before.record, now.version), taken, compares=gone)


class ReadBeforeLock(Worker):
    """Ticks the record as it was before the claim: what others did meanwhile is done again and is lost."""

    hands_kind = _OldRecord


class _Unconditional(Ledger):
    async def commit(
        self, *changes: Change, compares: Sequence[Compare] = (), writes: Sequence[Write] = ()
    ) -> tuple[Read | None, ...] | None:
        return await super().commit(*changes, writes=writes)

    def _rests_on(self, change: Change) -> Compare:
        return _ALWAYS if change.old is not None else super()._rests_on(change)


class _Sure(Hands):
    def _may_write(self, new: Any) -> bool:
        return True


class UnconditionalPut(Worker):
    """Puts records whatever has become of them: who comes late overwrites who was first, or revives it."""

    ledger_kind = _Unconditional
    hands_kind = _Sure


class _LongLeases(_Front):
    async def open_session(self, _ttl_ms: int) -> Session:
        return await self.store.open_session(2_000_000)


class LeaseIgnored(_Fronted):
    """Ignores the lease that it should ask for and always asks for 2,000 s: nobody takes over in time."""

    front = _LongLeases


class _OnLease(_Front):
    session: Session | None = None

    async def open_session(self, ttl_ms: int) -> Session:
        self.session = await self.store.open_session(ttl_ms)
        return self.session

    async def transact(self, compares: Sequence[Compare], writes: Sequence[Write]) -> Commit | None:
        bound = [
            Put(write.key, write.value, self.session)
            if isinstance(write, Put) and "/live/" in write.key
            else write
            for write in writes
        ]
        return await self.store.transact(compares, bound)


class RecordOnLease(_Fronted):
    """Binds records to the worker's own session: whatever a dead worker wrote last is gone."""

    front = _OnLease


class _Revoking(Ledger):
    async def commit(
        self, *changes: Change, compares: Sequence[Compare] = (), writes: Sequence[Write] = ()
    ) -> tuple[Read | None, ...] | None:
        done = await super().commit(*changes, compares=compares, writes=writes)
        if done is None:
            await self.store.delete(self.keys.live(changes[0].new.id))
        return done


class RevokesAfterFailure(Worker):
    """Revokes the record's old lease after every write, also one that failed: the record goes with it."""

    ledger_kind = _Revoking


class _Unfenced(_Sure):
    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self.fence = _ALWAYS

    async def _advance(self, claim: Read, machine: AnyMachine, step: Step) -> Read | None:
        # Not even the loss of its session keeps it from writing, once the store answers.
        return await asyncio.shield(asyncio.ensure_future(self._late(claim.record.id, machine, step)))

    async def _late(self, instance: str, machine: AnyMachine, step: Step) -> Read | None:
        for _ in range(_LATE_TRIES):
            with suppress(OutcomeError):
                now = await self.ledger.read(instance)
                return None if now is None else await super()._advance(now, machine, step)
            await asyncio.sleep(_LATE_PAUSE_S)
        return None


class NoFence(Worker):
    """Writes a tick's result to the record as it is by then, whoever holds the claim, however late."""

    hands_kind = _Unfenced


class _Keyless(Outbox):
    async def _try(self, effect: Effect) -> str | None:
        return await super()._try(structs.replace(effect, key=f"{effect.key}-{self._now_ms()}"))


class KeylessEffects(Worker):
    """Delivers an effect under a new key each time: nobody can tell that it is the same."""

    outbox_kind = _Keyless


class _CountsApart(Ledger):
    """Commits a branch's end and the counter one by one."""

    counter_first: ClassVar[bool]

    async def commit(
        self, *changes: Change, compares: Sequence[Compare] = (), writes: Sequence[Write] = ()
    ) -> tuple[Read | None, ...] | None:
        branch, *parents = changes
        if not branch.new.ended or not parents:
            return await super().commit(*changes, compares=compares, writes=writes)
        if self.counter_first and await super().commit(*parents) is None:
            return None
        done = await super().commit(branch, compares=compares, writes=writes)
        if not self.counter_first and done is not None:
            await super().commit(*parents)
        return done


class _CountsLater(_CountsApart):
    counter_first = False


class CountsBranchesLater(Worker):
    """Brings the join counter down after a branch has ended, not with its end: some are never counted."""

    ledger_kind = _CountsLater


class _CountsFirst(_CountsApart):
    counter_first = True


class CountsBranchesFirst(Worker):
    """Brings the join counter down before a branch has ended, not with its end: some are counted twice."""

    ledger_kind = _CountsFirst


class _Listless(_Front):
    async def transact(self, compares: Sequence[Compare], writes: Sequence[Write]) -> Commit | None:
        kept = [write for write in writes if not (isinstance(write, Put) and "/dead/" in write.key)]
        commit = await self.store.transact(compares, kept)
        if commit is None:
            return None
        versions = dict(zip((write.key for write in kept), commit.versions, strict=True))
        return Commit(commit.position, tuple(versions.get(write.key) for write in writes))


class LostDeadLetter(_Fronted):
    """Gives up what cannot be done without listing it: nobody finds it, and nobody can redrive it."""

    front = _Listless


VARIANTS: Mapping[str, type[Worker]] = MappingProxyType(
    {
        "read-before-lock": ReadBeforeLock,
        "unconditional-put": UnconditionalPut,
        "lease-ignored": LeaseIgnored,
        "record-on-lease": RecordOnLease,
        "revokes-after-failure": RevokesAfterFailure,
        "no-fence": NoFence,
        "keyless-effects": KeylessEffects,
        "counts-branches-later": CountsBranchesLater,
        "counts-branches-first": CountsBranchesFirst,
        "lost-dead-letter": LostDeadLetter,
    }
)
"""By name, as ``--variant`` has it."""
