"""The versions one process sees never go back.

Catches: a replica that loses what it already showed, a client sent to an older replica, an accepted event
that did not add to what its own sender had seen.
Misses: what two different processes see.
Cost: linear in the history.
"""

from typing import Any

from dsm_jepsen.checkers._base import Verdict
from dsm_jepsen.checkers._words import naming
from dsm_jepsen.history import History, Op, Process

_SEEING = frozenset({"read", "read-strong", "event"})


def monotonic_reads(history: History) -> Verdict:
    """Follow each process through its reads and accepted events."""
    last: dict[Process, Op] = {}
    seen = 0
    for op in history:
        if op.type != "ok" or op.f not in _SEEING:
            continue
        seen += 1
        version = _version(op)
        before = last.get(op.process)
        # A process has one operation at a time, so an event of its own comes after all it has seen.
        if before is not None and version < _version(before) + (op.f == "event"):
            anomaly = "non-monotonic-write" if op.f == "event" else "non-monotonic-read"
            return Verdict(
                valid=False,
                because=f"{anomaly}: {naming(op)} gave version {version}, but {naming(before)} "
                f"had already given version {_version(before)}",
                anomaly=anomaly,
                culprits=(op.index, before.index),
            )
        last[op.process] = op
    return Verdict(valid=True, because=f"{seen} versions seen by {len(last)} processes, none went back")


def _version(op: Op) -> Any:
    return op.value["version"]
