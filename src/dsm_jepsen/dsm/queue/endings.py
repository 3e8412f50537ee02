"""How instances end: alone, as a branch that its parent counts, or with branches that have to go first.

A branch ends in one transaction with its parent: the branch's record moves, the join counter goes down, and
whoever brings it to zero makes the parent ready in that same transaction. It rests on both versions, so the
join is due once. An instance that is to end while it has branches is only marked; whichever worker finds it
stops the branches, and their ends bring it back.
"""

from collections.abc import Sequence

from dsm_jepsen.dsm.queue import changes
from dsm_jepsen.dsm.queue.changes import Hand
from dsm_jepsen.dsm.queue.ledger import Change, Ledger, Read
from dsm_jepsen.dsm.queue.record import Record, RecordError, StopStatus, parent_of
from dsm_jepsen.env import Compare, DefiniteError, Write

TRIES = 100
"""Of a change that others keep getting ahead of; each loss means that one of them got through."""


async def end(
    ledger: Ledger,
    claim: Read,
    over: Record,
    hand: Hand,
    *,
    compares: Sequence[Compare] = (),
    writes: Sequence[Write] = (),
) -> bool:
    """End an instance; false, and nothing is done, if it has been changed since it was read.

    Args:
        ledger: of the queue.
        claim: the instance as read.
        over: what it becomes.
        hand: who ends it.
        compares: what else must hold.
        writes: what else is written with it.

    Raises:
        RecordError: it is a branch, and its parent cannot be read or is gone.
        OutcomeError: the store did not answer.
    """
    parent_id = parent_of(over.id)
    for _ in range(TRIES):
        counted: list[Change] = []
        if parent_id is not None:
            parent = await ledger.read(parent_id)
            if parent is None or not parent.readable:
                raise RecordError(f"{parent_id}, to which {over.id} belongs, cannot be read")
            counted = [Change(parent, changes.branch_ended(parent.record, over, hand))]
        committed = await ledger.commit(Change(claim, over), *counted, compares=compares, writes=writes)
        if committed is not None:
            return True
        current = await ledger.read(over.id)
        if parent_id is None or current is None or current.version != claim.version:
            return False
        for compare in compares:
            entry = await ledger.store.get(compare.key)
            if (None if entry is None else entry.version) != compare.version:
                return False
    # Definite: every try was refused.
    raise DefiniteError("contention", f"others changed {parent_id} during each of {TRIES} tries")


async def stop(ledger: Ledger, instance: str, how: StopStatus, why: str, hand: Hand) -> Record | None:
    """End an instance early, or have it end as soon as its branches are gone.

    Returns:
        what it has become; ``None`` if there is no such instance that goes on.

    Raises:
        RecordError: it is a branch, and its parent cannot be read.
        OutcomeError: the store did not answer.
    """
    for _ in range(TRIES):
        read = await ledger.read(instance)
        if read is None or read.record.ending is not None:
            return None if read is None else read.record
        if read.record.pending > 0:
            marked = changes.stopping(read.record, how, why, hand)
            if await ledger.commit(Change(read, marked)) is not None:
                return marked
        else:
            over = changes.ended(read.record, how, why, hand)
            if await end(ledger, read, over, hand):
                return over
    # Definite: every try was refused.
    raise DefiniteError("contention", f"others changed {instance} during each of {TRIES} tries")


async def stop_branches(ledger: Ledger, claim: Read, hand: Hand, fence: Compare) -> None:
    """Stop the branches of a claimed instance that is to end; then end it, or leave that to the last branch.

    Raises:
        OutcomeError: the store did not answer.
        RecordError: a record that belongs to it cannot be read.
    """
    record = claim.record
    for branch in changes.unended(record.branches):
        await stop(ledger, branch, "cancelled", record.error or "its parent ended", hand)
    for _ in range(TRIES):
        read = await ledger.read(record.id)
        if read is None or read.record.owner != record.owner or read.record.token != record.token:
            return
        if read.record.pending > 0:
            waiting = changes.paused(read.record, hand)
            if await ledger.commit(Change(read, waiting), compares=(fence,)) is not None:
                return
        else:
            assert read.record.ending is not None
            over = changes.ended(read.record, read.record.ending, read.record.error, hand)
            if await end(ledger, read, over, hand, compares=(fence,)):
                return
