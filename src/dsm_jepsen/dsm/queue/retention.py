"""Forgetting: instances that ended long ago are deleted, with their histories.

When each of them ended is in an index, in the order of time: so it costs no more because much is kept. A
branch goes by its own end, maybe before the instance that it belonged to. The id of what is forgotten could
be used anew, so an instance must be kept for much longer than any request can be under way.
"""

import asyncio

from dsm_jepsen.dsm.queue.ledger import Ledger
from dsm_jepsen.dsm.queue.record import SHARDS
from dsm_jepsen.env import Compare, Delete, Entry

KEEP_MS = 7 * 24 * 3_600_000
"""How long an ended instance is kept, unless a worker is told otherwise."""

KEEP_MIN_MS = 60_000
"""The shortest that may be asked for: a request gives up after seconds."""

FORGET_MAX = 100
"""Keys listed at once."""

ROUNDS_MAX = 100
"""Listings of one shard in one go; the rest waits for the next."""


async def forget(ledger: Ledger, *, before_ms: int) -> int:
    """Delete what ended before a wall time, and tell how many instances and branches.

    Raises:
        OutcomeError: the store did not answer.
    """
    count = 0
    for shard in range(SHARDS):
        prefix = ledger.keys.kept(f"{shard:02d}")
        until = f"{prefix}{max(0, before_ms):013d}"
        for _ in range(ROUNDS_MAX):
            entries = await ledger.store.list(prefix, limit=FORGET_MAX)
            old = [entry for entry in entries if entry.key < until]
            count += sum(await asyncio.gather(*(_delete(ledger, prefix, entry) for entry in old)))
            if len(old) < FORGET_MAX:
                break
    return count


async def _delete(ledger: Ledger, prefix: str, entry: Entry) -> bool:
    """Delete one; false if somebody else just did. It rests on the index's key, which is never made anew."""
    instance = entry.key.removeprefix(prefix)[14:]
    writes = (Delete(entry.key), Delete(ledger.keys.ended(instance)))
    return await ledger.transact((Compare(entry.key, entry.version),), writes) is not None
