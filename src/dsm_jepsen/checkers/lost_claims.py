"""Whether workers really lost claims: a fault came upon a worker that held some, and others took them over.

Catches: a run of pauses, kills or cuts that came upon idle workers, or that were over before a lease was, and
which so says nothing of claims that are lost.
Misses: what the holder still did with such a claim; the other checkers look at that.
Cost: linear in the notes of all readings, times the number of faults.
Needs: readings while a fault is in force. A claim was lost if one of these showed it held by a worker that
the fault had struck, and some reading that the next claim is another worker's, with nothing between the two
that gives it back.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from dsm_jepsen.checkers._base import Checker, Verdict
from dsm_jepsen.checkers._faults import Fault, faults
from dsm_jepsen.checkers._queue_readings import answered
from dsm_jepsen.history import History, Op, Operation

_KEEPS = frozenset({"advance", "stop", "branch-ended"})
"""Notes that do not end a claim; that of a step into a fork ends with the join, which always comes."""


class _Claim(NamedTuple):
    instance: str
    by: str
    token: int


class _Reading(NamedTuple):
    """The claims that an operation showed: those that are held, and those that others have taken over."""

    operation: Operation
    held: frozenset[_Claim]
    taken: frozenset[_Claim]


def lost_claims(*names: str, least: int = 1, holder_lives: bool) -> Checker:
    """Make a checker that is unknown, never invalid, where too few claims were lost.

    Args:
        names: the faults, such as ``pause-node``.
        least: how many claims must have been seen to be held under them and then taken over.
        holder_lives: whether the holder goes on when the fault ends. What it held must then have been seen to
            be taken over before, as it could have been let go afterwards.
    """

    def check(history: History) -> Verdict:
        seen = [_reading(sent, shown) for sent, shown in answered(history, "look", "records")]
        told = [fault for fault in faults(history) if fault.name in names and fault.installed]
        fates = [_fate(fault, seen, holder_lives=holder_lives) for fault in told]
        count = len(frozenset().union(*(fate.lost for fate in fates)))
        words = f"a claim was held when a fault came, and was taken over: seen {count} times"
        details = {"faults": [fate.summary() for fate in fates]}
        if count >= least:
            return Verdict(valid=True, because=words, details=details)
        missing = "; ".join(fate.words() for fate in fates) or f"no {' or '.join(names)} was seen to act"
        because = f"inadequate: {words}, at least {least} is wanted ({missing})"
        return Verdict(valid=None, because=because, details=details)

    return check


class _Fate(NamedTuple):
    """What became of the claims that were seen to be held by those whom a fault struck."""

    fault: Fault
    held: frozenset[_Claim]
    lost: frozenset[_Claim]

    def words(self) -> str:
        """Say how many."""
        who = ", ".join(self.fault.nodes) or "nobody"
        return f"{self.fault.name} struck {who}: {len(self.held)} claims held, {len(self.lost)} taken over"

    def summary(self) -> dict[str, Any]:
        """Give it as plain data."""
        counts = {"held": len(self.held), "lost": len(self.lost)}
        return {"fault": self.fault.name, "nodes": list(self.fault.nodes), **counts}


def _fate(fault: Fault, seen: list[_Reading], *, holder_lives: bool) -> _Fate:
    inside = [reading for reading in seen if fault.holds_whole(reading.operation)]
    struck = tuple(f"{node}/" for node in fault.nodes)
    held = frozenset(claim for reading in inside for claim in reading.held if claim.by.startswith(struck))
    taken = frozenset().union(*(reading.taken for reading in (inside if holder_lives else seen)))
    return _Fate(fault, held, held & taken)


def _reading(sent: Op, shown: Op) -> _Reading:
    held: set[_Claim] = set()
    taken: set[_Claim] = set()
    for record in shown.value["records"]:
        _follow(record, held, taken)
    return _Reading(Operation(sent, shown), frozenset(held), frozenset(taken))


def _follow(record: Mapping[str, Any], held: set[_Claim], taken: set[_Claim]) -> None:
    """Follow an instance's claims through its notes."""
    holding: _Claim | None = None
    for note in record["notes"]:
        if note["what"] == "claim":
            if holding is not None and holding.by != note["by"]:
                taken.add(holding)
            holding = _Claim(record["id"], note["by"], note["token"])
        elif note["what"] not in _KEEPS:
            holding = None
    if holding is not None and record["status"] == "running":
        held.add(holding)
