"""The queue as its clients see it: submit, look, wait, cancel, redrive."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from dsm_jepsen.dsm.queue import changes, endings
from dsm_jepsen.dsm.queue.changes import Hand
from dsm_jepsen.dsm.queue.ledger import Change, Ledger, Read, read_entry
from dsm_jepsen.dsm.queue.machine import AnyMachine
from dsm_jepsen.dsm.queue.record import (
    SHARDS,
    Keys,
    Record,
    Refused,
    decode_effect,
    decode_refused,
    encode,
)
from dsm_jepsen.env import (
    Clock,
    Compare,
    DefiniteError,
    Delete,
    Entry,
    IndefiniteError,
    Put,
    Rng,
    Store,
)


class Queue:
    """A client of one queue.

    Every call may raise ``DefiniteError`` (certainly not done) or ``IndefiniteError`` (unknown).

    Args:
        store: a connection.
        clock: of this place.
        rng: draws the ids of instances.
        machines: the types that may be submitted.
        name: of the queue.
        by: who the client is, for the histories of instances.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: Clock,
        rng: Rng,
        machines: Mapping[str, AnyMachine],
        name: str = "default",
        by: str = "client",
    ) -> None:
        self._clock = clock
        self._rng = rng
        self._machines = machines
        self._keys = Keys.of(name)
        self._ledger = Ledger(store, self._keys)
        self._by = f"{by}/{rng.below(1 << 32, purpose='queue/client'):08x}"

    def new_id(self) -> str:
        """Draw an id for an instance: 16 hexadecimal digits."""
        return "".join(f"{self._rng.below(1 << 32, purpose='queue/id'):08x}" for _ in range(2))

    async def submit(self, machine: str, payload: Any, *, instance: str | None = None) -> str:
        """Begin an instance and return its id.

        Args:
            machine: its type.
            payload: of the machine's type of payloads, or JSON values that can be read as that.
            instance: an id of its own, drawn by ``new_id`` before, so that it is known whatever happens.

        Raises:
            ValueError: there is no such machine, or the payload is not of its type.
            DefiniteError: it does not exist and never will.
            IndefiniteError: it may; the detail has its id.
        """
        kind = self._machines.get(machine)
        if kind is None:
            raise ValueError(f"no machine {machine!r}; known are {', '.join(self._machines)}")
        encoded = kind.encode(payload)
        instance = instance or self.new_id()
        if "/" in instance:
            raise ValueError(f"an instance is called {instance!r}; only branches have a slash in their id")
        record = changes.submitted(kind, instance, encoded, self._hand)
        # If a first try is done very late, the instance may have come and gone by then.
        unended = Compare(self._keys.ended(instance), None)
        try:
            done = await self._ledger.commit(Change(None, record), compares=(unended,))
        except IndefiniteError as error:
            raise IndefiniteError(error.kind, {"id": instance, "why": error.detail}) from error
        if done is None:
            # Definite: the compare failed, and was not beaten by an earlier try of ours.
            raise DefiniteError("exists", f"there is an instance {instance} already")
        return instance

    async def get(self, instance: str) -> Record | None:
        """Read an instance, or a branch, by a linearizable read; one that cannot be read shows as dead."""
        read = await self._ledger.find(instance)
        return None if read is None else read.record

    async def follow(self, instance: str) -> AsyncGenerator[Record, None]:
        """Give an instance's record now and when it is found changed, until it ended or is in dead-letter.

        Raises:
            DefiniteError: there is no such instance.
            OutcomeError: the store did not answer.
        """
        store, key, version = self._ledger.store, self._keys.live(instance), None
        hints = store.watch_hint(key)
        try:
            while (entry := await store.get(key)) is not None:
                if entry.version != version:
                    version = entry.version
                    record = read_entry(instance, entry).record
                    yield record
                    if record.status == "dead":
                        return
                try:
                    await anext(hints)
                except (IndefiniteError, StopAsyncIteration):
                    hints = store.watch_hint(key)
        finally:
            await hints.aclose()
        last = await self.get(instance)
        if last is None:
            # Definite: a read has no effect.
            raise DefiniteError("no-instance", f"there is no instance {instance}")
        yield last

    async def wait(self, instance: str) -> Record:
        """Wait until an instance has ended or is in dead-letter.

        Raises:
            OutcomeError: there is no such instance, or the store did not answer.
        """
        last: Record | None = None
        async with aclosing(self.follow(instance)) as records:
            async for record in records:
                last = record
        assert last is not None, "what is followed is seen at least once"
        return last

    async def instances(self, place: str = "live") -> AsyncGenerator[Record, None]:
        """Give instances, one shard after the other.

        Args:
            place: ``live`` (those that go on, and those in dead-letter), ``ended`` or ``dead``.
        """
        for shard in range(SHARDS):
            prefix = f"{self._keys.root}{place}/{shard:02d}//"
            for entry in await self._ledger.store.list(prefix):
                instance = entry.key.removeprefix(prefix)
                if place == "dead":
                    read = await self._ledger.read(instance)
                    if read is not None:
                        yield read.record
                else:
                    yield read_entry(instance, entry).record

    async def branches(self, instance: str) -> list[Record]:
        """Give all branches that an instance ever had, nested ones as well, in the order of their ids."""
        found: dict[str, Record] = {}
        for home in (self._keys.live, self._keys.ended):
            for entry in await self._ledger.store.list(f"{home(instance)}/"):
                branch = entry.key.removeprefix(home(instance))
                record = read_entry(f"{instance}{branch}", entry).record
                found[record.id] = record
        return [found[key] for key in sorted(found)]

    async def cancel(self, instance: str, *, why: str = "cancelled by a client") -> Record:
        """End an instance wherever it is; whoever has claimed it drops its result.

        Returns:
            its record: cancelled; or, as long as it has branches, with ``ending`` set.

        Raises:
            DefiniteError: there is no such instance that goes on.
        """
        stopped = await endings.stop(self._ledger, instance, "cancelled", why, self._hand)
        if stopped is None:
            # Definite: there was nothing to write to.
            raise DefiniteError("no-instance", f"nothing to cancel: {await self._what_is(instance)}")
        return stopped

    async def redrive(self, instance: str) -> Record:
        """Take an instance out of dead-letter, with all its attempts before it.

        Raises:
            DefiniteError: it is not in dead-letter, or its record can still not be read.
        """
        read = await self._ledger.read(instance)
        if read is not None and not read.readable:
            # Definite: nothing was written.
            raise DefiniteError("unreadable", f"mend the record first: {read.record.error}")
        marked = await self._ledger.store.get(self._keys.dead(instance))
        if read is None or marked is None:
            # Definite: nothing was written.
            raise DefiniteError("not-dead", f"not in dead-letter: {await self._what_is(instance)}")
        ready = changes.redriven(read.record, self._hand)
        dead = Read(changes.buried(read.record, "", self._hand), read.version)
        if await self._ledger.commit(Change(dead, ready)) is None:
            # Definite: the compare failed.
            raise DefiniteError("lost-race", f"somebody else changed {instance} meanwhile")
        return ready

    async def undelivered(self, instance: str) -> list[Refused]:
        """Give the effects of an instance, or of a branch, that were refused too often."""
        return [decode_refused(entry.value) for entry in await self._laid_aside(instance)]

    async def redeliver(self, instance: str) -> int:
        """Have those delivered again, with all their attempts before them; how many there were.

        Raises:
            OutcomeError: the store did not answer; maybe only some are.
        """
        entries = await self._laid_aside(instance)
        for entry in entries:
            effect = decode_effect(entry.value)
            again = Put(self._keys.later(effect, self._hand.at_ms), encode(effect))
            await self._ledger.transact((Compare(entry.key, entry.version),), (Delete(entry.key), again))
        return len(entries)

    async def _laid_aside(self, instance: str) -> list[Entry]:
        entries = await self._ledger.store.list(self._keys.undelivered(instance))
        # The id of another may begin like this one's.
        return [entry for entry in entries if decode_effect(entry.value).id == instance]

    async def _what_is(self, instance: str) -> str:
        record = await self.get(instance)
        return f"there is no instance {instance}" if record is None else f"{instance} is {record.status}"

    @property
    def _hand(self) -> Hand:
        return Hand(self._by, self._clock.wall_ns() // 1_000_000)
