"""What may become of a record: pure functions from one record, or two, to the next.

Every change adds a numbered note to the history, which tells who did it: no two changes ever give the same
record. So whoever lost the reply to a transaction can read whether it was his.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from dsm_jepsen.dsm.queue.machine import AnyMachine
from dsm_jepsen.dsm.queue.record import (
    HISTORY_MAX,
    Branch,
    EndedStatus,
    Note,
    Record,
    StopStatus,
    branch_name,
)

ERROR_MAX = 2_000
"""Characters kept of an error."""


@dataclass(frozen=True, slots=True)
class Hand:
    """Who makes a change, and when."""

    by: str
    at_ms: int


def submitted(machine: AnyMachine, instance: str, payload: bytes, hand: Hand) -> Record:
    """A new instance, ready at once."""
    first = Record(
        id=instance,
        type=machine.name,
        chart=machine.version,
        status="ready",
        state=machine.initial,
        payload=msgspec.Raw(payload),
    )
    return _ready(first, hand, "submit")


def claimed(record: Record, session: str, hand: Hand) -> Record:
    """In the hands of a worker, under the next token."""
    taken = _with(record, status="running", owner=session, token=record.token + 1, delay_ms=0)
    return _noted(taken, hand, "claim")


def advanced(record: Record, state: str, payload: bytes, hand: Hand) -> Record:
    """One step further, still claimed."""
    moved = _with(
        record,
        state=state,
        payload=msgspec.Raw(payload),
        seq=record.seq + 1,
        attempt=0,
        error=None,
        branches={},
        pending=0,
    )
    return _noted(moved, hand, "advance", source=record.state)


def forked(record: Record, machine: AnyMachine, hand: Hand) -> tuple[Record, list[Record]]:
    """An instance that has just come to a fork: it waits, and its branches begin."""
    fork = machine.forks[record.state]
    names = {name: f"{record.id}/{record.seq}.{name}" for name in fork.branches}
    begun = [
        Record(
            id=names[name],
            type=record.type,
            chart=record.chart,
            status="ready",
            state=start,
            payload=record.payload,
            on_failure=fork.on_failure,
        )
        for name, start in fork.branches.items()
    ]
    waiting = _with(
        record,
        status="waiting",
        owner=None,
        pending=len(names),
        branches={name: Branch(id=names[name]) for name in names},
    )
    return waiting, [_ready(branch, hand, "fork") for branch in begun]


def released(record: Record, hand: Hand, *, delay_ms: int = 0) -> Record:
    """Given back: for the next worker, after a delay."""
    return _ready(record, hand, "release", delay_ms=delay_ms)


def retried(record: Record, error: str, hand: Hand, *, delay_ms: int) -> Record:
    """Given back after a failed tick."""
    failed = _with(record, attempt=record.attempt + 1, error=error[:ERROR_MAX])
    return _ready(failed, hand, "retry", delay_ms=delay_ms)


def buried(record: Record, error: str, hand: Hand) -> Record:
    """In dead-letter, until somebody redrives or cancels it."""
    dead = _with(record, status="dead", owner=None, error=error[:ERROR_MAX])
    return _noted(dead, hand, "die")


def redriven(record: Record, hand: Hand) -> Record:
    """Out of dead-letter, with all its attempts before it."""
    return _ready(_with(record, attempt=0), hand, "redrive")


def ended(record: Record, status: EndedStatus, error: str | None, hand: Hand) -> Record:
    """At its end."""
    over = _with(record, status=status, owner=None, error=None if error is None else error[:ERROR_MAX])
    return _noted(over, hand, "end")


def stopping(record: Record, how: StopStatus, error: str, hand: Hand) -> Record:
    """To end once its branches are gone; any worker sees to that."""
    marked = _with(record, ending=how, error=error[:ERROR_MAX])
    return _ready(marked, hand, "stop") if record.owner is None else _noted(marked, hand, "stop")


def paused(record: Record, hand: Hand) -> Record:
    """Waiting for its branches, in nobody's hands."""
    return _noted(_with(record, status="waiting", owner=None), hand, "wait")


def branch_ended(parent: Record, branch: Record, hand: Hand) -> Record:
    """What a branch's end makes of its parent: the counter goes down, and at zero the join is due."""
    name = branch_name(branch.id)
    assert branch.status in ("done", "failed", "cancelled"), "only what has ended is counted"
    outcome = Branch(
        id=branch.id, status=branch.status, state=branch.state, payload=branch.payload, error=branch.error
    )
    parent = _with(parent, branches={**parent.branches, name: outcome}, pending=parent.pending - 1)
    if branch.status != "done" and branch.on_failure == "fail-all" and parent.ending is None:
        why = f"branch {name} {branch.status}: {branch.error}"
        return stopping(parent, "failed", why, hand)
    if parent.pending == 0 and parent.status == "waiting":
        return _ready(parent, hand, "join")
    return _noted(parent, hand, "branch-ended")


def went_through(wanted: Record, found: Record | None) -> bool | None:
    """Whether a change was done, seen from a later reading; ``None`` if that can no longer be told."""
    if found is None:
        return False
    note = wanted.history[-1]
    if note in found.history:
        return True
    first = found.history[0].number if found.history else 0
    return None if first > note.number else False


def _ready(record: Record, hand: Hand, what: str, *, delay_ms: int = 0) -> Record:
    free = _with(
        record, status="ready", owner=None, ready_ms=max(0, hand.at_ms + delay_ms), delay_ms=delay_ms
    )
    return _noted(free, hand, what)


def _with(record: Record, **fields: object) -> Record:
    return msgspec.structs.replace(record, **fields)


def _noted(record: Record, hand: Hand, what: str, *, source: str | None = None) -> Record:
    number = record.history[-1].number + 1 if record.history else 1
    note = Note(
        number=number,
        what=what,
        by=hand.by,
        at_ms=hand.at_ms,
        token=record.token,
        seq=record.seq,
        state=record.state,
        source=source,
        error=record.error if what in ("retry", "die", "end", "stop") else None,
    )
    return _with(record, history=(*record.history, note)[-HISTORY_MAX:])


def blank(instance: str, error: str) -> Record:
    """What stands for a record that cannot be read: all that is known of it."""
    return Record(
        id=instance,
        type="",
        chart=0,
        status="dead",
        state="",
        payload=msgspec.Raw(b"null"),
        error=error[:ERROR_MAX],
    )


def unended(branches: Mapping[str, Branch]) -> list[str]:
    """The ids of branches that go on."""
    return [branch.id for branch in branches.values() if branch.status is None]
