"""Whether kills hit commits: events were under way at a node when it, or the store's member beside it, died.

Catches: a run that claims to test torn commits, in which every kill came while nothing was under way.
Misses: how far an event had come; it may have been read, or waited for its turn, but not been sent on. And
where nodes are reached by a relay, what was sent to a dead node breaks, too.
Cost: the history's length times the number of kills.
"""

from collections.abc import Callable
from typing import Any

from dsm_jepsen.checkers._base import Checker, Verdict
from dsm_jepsen.checkers._faults import Fault, faults
from dsm_jepsen.history import History, Operation


def commits_hit(node_of: Callable[[Any], str], *kills: str, at_least: int = 1) -> Checker:
    """Make a checker that is unknown, never invalid, where too few kills hit a commit.

    Args:
        node_of: the node that a process talks to.
        kills: the faults that kill, such as ``kill-node``.
        at_least: how many of them must have hit an event at a node that they name.
    """

    def check(history: History) -> Verdict:
        told = [fault for fault in faults(history) if fault.name in kills and fault.installed]
        events = [operation for operation in history.operations() if operation.invoke.f == "event"]
        hits = sum(
            any(_hit(fault, event) for event in events if node_of(event.invoke.process) in fault.nodes)
            for fault in told
        )
        details = {"kills": len(told), "hits": hits}
        words = f"{hits} of {len(told)} kills hit an event that was under way at the node"
        if hits < at_least:
            because = f"inadequate: {words}, {at_least} are wanted"
            return Verdict(valid=None, because=because, details=details)
        return Verdict(valid=True, because=words, details=details)

    return check


def _hit(fault: Fault, event: Operation) -> bool:
    """Whether an event that may have been committed was under way when the kill came.

    The kill came somewhere between its two events. What was sent meanwhile and broke had reached the node
    alive: a dead one refuses, which is no ``info``.
    """
    sent, end = event
    if fault.begun is None or sent.index > fault.begun.index:
        return False
    if end is None:
        return True
    if end.type == "info":
        return end.index > fault.asked.index
    # What was accepted between them may have been before the kill.
    return end.type == "ok" and sent.index < fault.asked.index and end.index > fault.begun.index
