"""What clients of the work queue read, ready for its checkers: records with notes, submissions, effects.

The form of records, notes and effects is that of ``dsm/queue/client.py``.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from dsm_jepsen.history import History, Op, Operation

ENDED = frozenset({"done", "failed", "cancelled"})
"""The statuses that nothing leaves."""


class Reading(NamedTuple):
    """A record as an operation showed it."""

    record: Mapping[str, Any]
    op: Op
    began: int
    """Index of the operation's invocation."""

    @property
    def last(self) -> int:
        """The number of the record's last note; 0 if it has none."""
        notes = self.record["notes"]
        return int(notes[-1]["number"]) if notes else 0


class Chart(NamedTuple):
    """A machine's states, as checkers know them.

    Attributes:
        initial: where instances begin.
        edges: by state, where one step may lead.
        forks: by state with branches, the names of these and the states in which they begin.
    """

    initial: str
    edges: Mapping[str, Sequence[str]]
    forks: Mapping[str, Mapping[str, str]]


def readings(history: History) -> Mapping[str, list[Reading]]:
    """Give all readings of each record, in the order in which they ended."""
    found: dict[str, list[Reading]] = defaultdict(list)
    for invoke, op in answered(history, "look", "records"):
        for record in op.value["records"]:
            found[record["id"]].append(Reading(record, op, invoke.index))
    return found


def final(history: History, f: str) -> Op | None:
    """The last answer to an operation."""
    answers = [completion for _, completion in answered(history, f)]
    return answers[-1] if answers else None


def submissions(history: History) -> Mapping[str, Operation]:
    """What was submitted, or spoilt, by its id."""
    return {
        operation.invoke.value["id"]: operation
        for operation in history.operations()
        if operation.invoke.f in ("submit", "spoil")
    }


def answered(history: History, *names: str) -> Iterator[tuple[Op, Op]]:
    """Give the operations of these names that ended ok."""
    for invoke, completion in history.operations():
        if invoke.f in names and completion is not None and completion.type == "ok":
            yield invoke, completion


def told(note: Mapping[str, Any]) -> str:
    """Say a note in a few words."""
    step = f" {note['source']} -> {note['state']}" if note["source"] else ""
    who = f"by {note['by']} under token {note['token']}"
    return f"note {note['number']}, {note['what']}{step} as step {note['seq']} {who}"
