"""One claim, from taking it to giving it back: ticks and their commits.

A claim is one transaction. It compares the record's version and, to take over from another worker, that the
key of that one's session is gone; it writes the owner and the next fencing token into the record. Every step
is one more, which rests on the version that the one before it made, and on the worker's own key. So a step
costs one request, and a worker that was paused beyond its lease commits nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from dsm_jepsen.dsm.queue import changes, endings
from dsm_jepsen.dsm.queue.changes import Hand
from dsm_jepsen.dsm.queue.effects import Outbox
from dsm_jepsen.dsm.queue.ledger import Change, Ledger, Read
from dsm_jepsen.dsm.queue.machine import AnyMachine, FailError, RetryError
from dsm_jepsen.dsm.queue.observe import Observation, Observer
from dsm_jepsen.dsm.queue.record import Effect, EndedStatus, Record, RecordError
from dsm_jepsen.dsm.queue.tick import Step, instance_of, tick
from dsm_jepsen.env import Compare, Delete, Env, OutcomeError, Put, Session, Write

STEPS_MAX = 100
"""Steps of one instance in a row; then it goes back in line, for the others' sake."""

BACKOFF_MS = 500
BACKOFF_MAX_MS = 60_000
"""The pause after a failed tick doubles from the first to the second, give or take a half."""


@dataclass(slots=True, kw_only=True)
class Hands:
    """What one session of a worker holds, and may do.

    Attributes:
        fence: the worker's own key is as it was written.
        held: by id, what it has claimed; ``None`` while it tries to.
        stopping: whether it takes no further step, and gives back what it holds.
    """

    env: Env
    ledger: Ledger
    machines: Mapping[str, AnyMachine]
    session: Session
    fence: Compare
    outbox: Outbox
    observe: Observer
    held: dict[str, Read | None] = field(default_factory=dict)
    stopping: bool = False
    _delivered: dict[str, list[Effect]] = field(default_factory=dict)

    @property
    def hand(self) -> Hand:
        """Who makes a change now."""
        return Hand(f"{self.env.node}/{self.session.id}", self.env.clock.wall_ns() // 1_000_000)

    async def work(self, instance: str, found: str) -> None:
        """Claim an instance and take it as far as it goes; does nothing if somebody else was first.

        Args:
            instance: its id.
            found: the key of the index under which it was found.

        Raises:
            OutcomeError: the store did not answer before there was a claim.
        """
        if instance in self.held:
            return
        self.held[instance] = None
        try:
            claim = await self._claim(instance, found)
            for _ in range(STEPS_MAX):
                if claim is None or self.stopping:
                    break
                self.held[instance] = claim
                claim = await self._turn(claim)
            if claim is not None:
                self.held[instance] = claim
                await self.release(claim)
            await self.outbox.delete(self._delivered.pop(instance, []))
        finally:
            del self.held[instance]

    async def release(self, claim: Read) -> None:
        """Give a claim back."""
        await self._commit("release", claim, changes.released(claim.record, self.hand))

    async def _claim(self, instance: str, found: str) -> Read | None:
        keys = self.ledger.keys
        read = await self.ledger.read(instance)
        if read is None:
            return None
        if not read.readable:
            # The record stays as it is, for a person to look at and mend.
            why = read.record.error or ""
            writes = (Put(keys.dead(instance), why.encode()), Delete(found))
            compares = (self.fence, Compare(keys.live(instance), read.version))
            if await self.ledger.store.transact(compares, writes) is not None:
                self._tell("die", read.record, error=why)
            return None
        if found not in keys.index(read.record):
            return None  # somebody else was first
        owner = read.record.owner
        gone = () if owner in (None, self.session.id) else (Compare(keys.worker(owner), None),)
        taken = changes.claimed(read.record, self.session.id, self.hand)
        return await self._commit("claim", read, taken, compares=gone)

    async def _turn(self, claim: Read) -> Read | None:
        """Take one step; the claim to go on with, if there is any."""
        record = claim.record
        if record.ending is not None:
            await self._stop_branches(claim)
            return None
        machine = self.machines.get(record.type)
        if machine is None:
            known = ", ".join(self.machines)
            await self._die(claim, f"no machine {record.type!r}; the worker knows {known}")
            return None
        if machine.version != record.chart:
            why = f"it began with version {record.chart} of its chart; the worker has {machine.version}"
            await self._retry(claim, machine, why)
            return None
        try:
            instance = instance_of(record, machine)
        except RecordError as error:
            await self._die(claim, str(error))
            return None
        self._tell("tick", record)
        try:
            step = await tick(machine, instance)
        except RetryError as error:
            await self._retry(claim, machine, str(error), after_ms=error.after_ms)
            return None
        except FailError as error:
            await self._end(claim, record, "failed", str(error))
            return None
        except (Exception, SystemExit) as error:  # noqa: BLE001 - what a tick raises is its instance's trouble
            await self._retry(claim, machine, f"{type(error).__name__}: {error}")
            return None
        return await self._advance(claim, machine, step)

    async def _advance(self, claim: Read, machine: AnyMachine, step: Step) -> Read | None:
        moved = changes.advanced(claim.record, step.state, step.payload, self.hand)
        effects = [
            Effect(
                key=f"{moved.id}-{moved.seq}-{index}",
                id=moved.id,
                seq=moved.seq,
                index=index,
                by=self.session.id,
                value=msgspec.Raw(value),
            )
            for index, value in enumerate(step.effects)
        ]
        self.outbox.hold(effects)
        # Those of the step before go with this one, so that they cost no request of their own.
        delivered = self._delivered.pop(moved.id, [])
        writes = self.outbox.puts(effects) + self.outbox.deletes(delivered)
        following = None
        if machine.is_final(moved.state):
            done = await self._end(claim, moved, "done", None, writes=writes)
        else:
            begun: list[Record] = []
            if moved.state in machine.forks:
                moved, begun = changes.forked(moved, machine, self.hand)
            elif step.after_ms > 0:
                moved = changes.released(moved, self.hand, delay_ms=step.after_ms)
            branches = (Change(None, branch) for branch in begun)
            following = await self._commit("advance", claim, moved, *branches, writes=writes)
            done = following is not None
        if not done:
            self.outbox.let_go(effects)
            await self.outbox.delete(delivered)
            return None
        self.outbox.let_go(delivered)
        self._delivered[moved.id] = await self.outbox.deliver(effects)
        return following if following is not None and following.record.owner is not None else None

    async def _end(
        self,
        claim: Read,
        record: Record,
        status: EndedStatus,
        error: str | None,
        *,
        writes: Sequence[Write] = (),
    ) -> bool:
        """End an instance, after a last step or without one."""
        over = changes.ended(record, status, error, self.hand)
        what = "end" if record is claim.record else "advance"
        source = None if record is claim.record else claim.record.state
        if not self._may_write(over):
            return False
        try:
            done = await endings.end(
                self.ledger, claim, over, self.hand, compares=(self.fence,), writes=writes
            )
        except RecordError as unreadable:
            await self._bury(claim, str(unreadable))
            return False
        except OutcomeError as failure:
            self._tell("unknown", over, source=source, error=str(failure))
            return False
        self._tell(what if done else "drop", over, source=source)
        return done

    async def _stop_branches(self, claim: Read) -> None:
        """Do what is left to do for an instance that is to end."""
        try:
            await endings.stop_branches(self.ledger, claim, self.hand, self.fence)
        except RecordError as unreadable:
            await self._bury(claim, str(unreadable))
        except OutcomeError as failure:
            self._tell("unknown", claim.record, error=str(failure))
        else:
            self._tell("stop", claim.record)

    async def _retry(
        self, claim: Read, machine: AnyMachine, why: str, *, after_ms: int | None = None
    ) -> None:
        """Count a failed tick; the last one that may fail is the end of it."""
        attempt = claim.record.attempt + 1
        if attempt >= machine.attempts:
            counted = msgspec.structs.replace(claim.record, attempt=attempt)
            await self._die(Read(counted, claim.version), why)
            return
        if after_ms is None:
            jitter = 0.5 + self.env.rng.uniform(purpose="queue/backoff")
            after_ms = int(min(BACKOFF_MS << min(attempt - 1, 20), BACKOFF_MAX_MS) * jitter)
        await self._commit("retry", claim, changes.retried(claim.record, why, self.hand, delay_ms=after_ms))

    async def _die(self, claim: Read, why: str) -> None:
        """Put an instance into dead-letter; a branch whose failure is that of all fails instead."""
        if claim.record.on_failure == "fail-all":
            await self._end(claim, claim.record, "failed", why)
        else:
            await self._bury(claim, why)

    async def _bury(self, claim: Read, why: str) -> None:
        await self._commit("die", claim, changes.buried(claim.record, why, self.hand))

    async def _commit(
        self,
        what: str,
        claim: Read,
        new: Record,
        *begun: Change,
        compares: Sequence[Compare] = (),
        writes: Sequence[Write] = (),
    ) -> Read | None:
        """Change the claimed record; ``None``, and it is said why, if it is no longer ours to change."""
        source = claim.record.state if what == "advance" else None
        if not self._may_write(new):
            return None
        try:
            done = await self.ledger.commit(
                Change(claim, new), *begun, compares=(self.fence, *compares), writes=writes
            )
        except OutcomeError as failure:
            # Not held any more, whatever came of it: if it is still ours, the next sweep finds that out.
            self._tell("unknown", new, source=source, error=str(failure))
            return None
        self._tell(what if done is not None else "drop", new, source=source)
        return None if done is None else done[0]

    def _may_write(self, new: Record) -> bool:
        if not self.session.alive:
            self._tell("drop", new, error="the session is lost")
        return self.session.alive

    def _tell(
        self, what: str, record: Record, *, source: str | None = None, error: str | None = None
    ) -> None:
        hand = self.hand
        self.observe(
            Observation(
                what=what,
                by=hand.by,
                at_ms=hand.at_ms,
                id=record.id,
                token=record.token,
                seq=record.seq,
                state=record.state,
                status=record.status,
                source=source,
                error=error or record.error,
            )
        )
