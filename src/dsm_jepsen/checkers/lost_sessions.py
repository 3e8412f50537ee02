"""Whether sessions were really lost: a fault that freezes a node only waits for the store to drop them.

Catches: a run of such faults in which no session went, and which so says nothing of nodes that lost theirs.
Misses: what the nodes did then; the other checkers look at that.
Cost: linear in the history, times the number of faults.
Needs: ``members``, which shows each member's session as the store has it, before each fault, while it is in
force, and after it. A session was lost if its node was a member, was none any more while it stood still, so
that it cannot have left by itself, and was one by another session after the end.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from dsm_jepsen.checkers._base import Checker, Verdict
from dsm_jepsen.checkers._faults import Fault, faults
from dsm_jepsen.history import History, Operation


def lost_sessions(name: str, *, least: int) -> Checker:
    """Make a checker that is unknown, never invalid, where too few sessions were lost.

    Args:
        name: the fault, such as ``session-expiry``.
        least: how many sessions must have been seen to go, each with another one begun.
    """

    def check(history: History) -> Verdict:
        seen = list(_sightings(history))
        told = [one for fault in faults(history) if fault.name == name for one in _fates(fault, seen)]
        details = {"sessions": [one._asdict() for one in told]}
        count = sum(one.lost for one in told)
        words = f"a session was lost and another begun: seen {count} times, at least {least} wanted"
        if count >= least:
            return Verdict(valid=True, because=words, details=details)
        missing = "; ".join(one.words() for one in told if not one.lost) or f"no {name} was seen to act"
        return Verdict(valid=None, because=f"{words} ({missing})", details=details)

    return check


class _Fate(NamedTuple):
    """What became of a node's session: before the fault, while it was in force, and after it.

    ``gone``: whether it was seen not to be a member; ``None``: nobody looked.
    """

    node: str
    before: str | None
    gone: bool | None
    after: str | None

    @property
    def lost(self) -> bool:
        """Whether it was seen to go, and another to come."""
        return self.gone is True and None not in (self.before, self.after) and self.before != self.after

    def words(self) -> str:
        """Say what was seen."""
        during = {True: "no member", False: "still a member", None: "not looked at"}[self.gone]
        return f"{self.node}: {self.before or 'no session'}, then {during}, then {self.after or 'no session'}"


def _sightings(history: History) -> Iterator[tuple[Operation, dict[str, Any]]]:
    for operation in history.operations():
        completion = operation.completion
        if completion is not None and completion.f == "members" and completion.type == "ok":
            yield operation, completion.value


def _fates(fault: Fault, seen: list[tuple[Operation, dict[str, Any]]]) -> Iterator[_Fate]:
    """Follow the nodes that a fault was aimed at."""
    if not fault.installed or fault.healing is None or fault.healed is None:
        return
    asked, healing, healed = fault.asked.index, fault.healing.index, fault.healed.index
    before = [members for (_, shown), members in seen if shown and shown.index < asked]
    during = [
        members for (sent, shown), members in seen if shown and asked < sent.index and shown.index < healing
    ]
    after = [members for (sent, _), members in seen if sent.index > healed]
    for node in fault.nodes:
        yield _Fate(
            node,
            before=before[-1].get(node) if before else None,
            gone=any(node not in members for members in during) if during else None,
            after=next((members[node] for members in after if node in members), None),
        )
