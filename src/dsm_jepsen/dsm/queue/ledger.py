"""Reading and changing records in the store: one transaction for each change, its outcome found out.

Every change names the version of each record that it rests on. So at most one of several changes that rest on
the same version is done, however often any of them is sent: a transaction whose reply was lost may be sent
again, and a refusal after that is settled by reading whose change it was.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from dsm_jepsen.dsm.queue.changes import blank, went_through
from dsm_jepsen.dsm.queue.record import Keys, Record, RecordError, decode
from dsm_jepsen.dsm.queue.together import Together
from dsm_jepsen.env import Compare, DefiniteError, Entry, IndefiniteError, OutcomeError, Store, Write

TRIES = 8
"""How often a transaction is sent until it is answered; the pauses between grow to ``PAUSE_MAX_MS``."""

PAUSE_MS = 50
PAUSE_MAX_MS = 1_000


@dataclass(frozen=True, slots=True)
class Read:
    """A record as read, with the version of its key; ``readable`` is false for what is no record."""

    record: Record
    version: int
    readable: bool = True


@dataclass(frozen=True, slots=True)
class Change:
    """One record's change: what it rests on (``None``: it is new), and what it becomes."""

    old: Read | None
    new: Record


class Ledger:
    """The records of one queue.

    Attributes:
        transact: the store's; transactions of several instances at once go as one request.
    """

    def __init__(self, store: Store, keys: Keys) -> None:
        self.store = store
        self.keys = keys
        self.transact = Together(store).transact

    async def read(self, instance: str) -> Read | None:
        """Read a record that has not ended, by a linearizable read.

        Raises:
            OutcomeError: the store did not answer.
        """
        entry = await self.store.get(self.keys.live(instance))
        return None if entry is None else read_entry(instance, entry)

    async def find(self, instance: str) -> Read | None:
        """Read a record wherever it is; records end once, so it is looked for in that order.

        Raises:
            OutcomeError: the store did not answer.
        """
        read = await self.read(instance)
        if read is not None:
            return read
        entry = await self.store.get(self.keys.ended(instance))
        return None if entry is None else read_entry(instance, entry)

    async def commit(
        self, *changes: Change, compares: Sequence[Compare] = (), writes: Sequence[Write] = ()
    ) -> tuple[Read | None, ...] | None:
        """Do changes of records, and other writes, at once.

        Returns:
            for each change the record to rest the next one on (``None``: it has ended, or somebody else has
            changed it since); or ``None`` alone: refused, and nothing was done.

        Raises:
            DefiniteError: the store did not take it in time; nothing was done.
            IndefiniteError: nobody can say what became of it.
        """
        conditions = [*compares, *(self._rests_on(change) for change in changes)]
        written = [*writes]
        for change in changes:
            written += self.keys.rewrite(change.old.record if change.old else None, change.new)
        unknown: IndefiniteError | None = None
        last: OutcomeError | None = None
        for turn in range(TRIES):
            if turn > 0:
                await asyncio.sleep(min(PAUSE_MS << turn, PAUSE_MAX_MS) / 1000)
            try:
                commit = await self.transact(conditions, written)
                if commit is not None:
                    homes = {
                        write.key: version for write, version in zip(written, commit.versions, strict=True)
                    }
                    return tuple(self._rest(change.new, homes) for change in changes)
                if unknown is None:
                    return None
                return await self._settle(changes)
            except IndefiniteError as error:
                unknown = last = error
            except DefiniteError as error:
                last = error
        assert last is not None
        # Definite only if every single try was.
        raise unknown or last

    async def _settle(self, changes: Sequence[Change]) -> tuple[Read | None, ...] | None:
        """Settle a refusal after a lost reply: of tries that rest on one version one was done, or none."""
        found = [await self.find(change.new.id) for change in changes]
        done = went_through(changes[0].new, None if found[0] is None else found[0].record)
        if done is None:
            raise IndefiniteError("unknown", f"{changes[0].new.id} has changed too often since to tell")
        if not done:
            return None
        return tuple(
            read if read is not None and read.record == change.new and not read.record.ended else None
            for read, change in zip(found, changes, strict=True)
        )

    def _rests_on(self, change: Change) -> Compare:
        version = None if change.old is None else change.old.version
        return Compare(self.keys.live(change.new.id), version)

    def _rest(self, record: Record, versions: dict[str, int | None]) -> Read | None:
        version = versions[self.keys.home(record)]
        return None if record.ended or version is None else Read(record, version)


def read_entry(instance: str, entry: Entry) -> Read:
    """Take a record out of its key; what cannot be read is a dead one, with the reason as its error."""
    try:
        return Read(decode(entry.value, instance), entry.version)
    except RecordError as error:
        return Read(blank(instance, str(error)), entry.version, readable=False)
