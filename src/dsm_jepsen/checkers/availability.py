"""How much of what clients asked was answered, by node, with faults and without; with a least share without.

Catches: a system that seldom works although nothing is wrong, or that does not come back after a fault.
Misses: whether answers are right. It counts what clients met: a node asked to leave is not available.
Cost: linear in the history, times the number of faults.
Needs: operations while no fault is in force; without any it does not know. An operation was answered if it
ended ``ok``, or with a refusal by the machine itself (``not-applicable``, ``lost-race``).
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from dsm_jepsen.checkers._base import Checker, Verdict
from dsm_jepsen.checkers._faults import Fault, faults
from dsm_jepsen.checkers._sightings import ASSERTING
from dsm_jepsen.checkers.models import refusal
from dsm_jepsen.history import History, Op, Operation


def availability(node_of: Callable[[int], str], *, least_share: float, recover_ms: int) -> Checker:
    """Make a checker of the share of operations that were answered.

    Args:
        node_of: process number to the node it talks to.
        least_share: from 0 to 1: with less than this while no fault is in force, the history is invalid.
        recover_ms: for this long after its end a fault still counts as in force.
    """
    if not 0 <= least_share <= 1:
        raise ValueError(f"least_share is {least_share}; it must be from 0 to 1")
    if recover_ms < 0:
        raise ValueError(f"recover_ms is {recover_ms}; it must be 0 or more")

    def check(history: History) -> Verdict:
        told = [fault for fault in faults(history) if fault.outcome != "skipped"]
        asked: Counter[tuple[str, str]] = Counter()
        answered: Counter[tuple[str, str]] = Counter()
        for operation in history.operations():
            assert isinstance(operation.invoke.process, int)  # a nemesis invokes nothing
            node = node_of(operation.invoke.process)
            is_answered = _is_answered(operation.completion)
            for window in _windows(operation, told, recover_ms * 1_000_000):
                asked[node, window] += 1
                answered[node, window] += is_answered
        shares = _shares(asked, answered)
        calm = shares.get("calm")
        if calm is None:
            return Verdict(valid=None, because="nothing was asked without a fault in force", details=shares)
        words = f"{calm['share']:.2%} of {calm['asked']} operations without a fault in force were answered"
        if calm["share"] < least_share:
            because = f"unavailable: {words}; expected {least_share:.2%} or more"
            return Verdict(valid=False, because=because, anomaly="unavailable", details=shares)
        return Verdict(valid=True, because=words, details=shares)

    return check


def _is_answered(completion: Op | None) -> bool:
    if completion is None or completion.type == "info":
        return False
    return completion.type == "ok" or refusal(completion).kind in ASSERTING


def _windows(operation: Operation, told: Iterable[Fault], recover_ns: int) -> set[str]:
    """Give the faults that were in force at any time of the operation; ``calm`` if none was."""
    return {fault.name for fault in told if _meets(fault, operation, recover_ns)} or {"calm"}


def _meets(fault: Fault, operation: Operation, recover_ns: int) -> bool:
    invoke, completion = operation
    begins_before_end = fault.healed is None or invoke.time <= fault.healed.time + recover_ns
    return begins_before_end and (completion is None or completion.index > fault.asked.index)


def _shares(asked: Counter[tuple[str, str]], answered: Counter[tuple[str, str]]) -> dict[str, Any]:
    """Give the shares by window, each with its nodes."""
    shares: dict[str, Any] = {}
    for window in sorted({window for _, window in asked}):
        nodes = sorted(node for node, one in asked if one == window)
        total, good = (sum(count[node, window] for node in nodes) for count in (asked, answered))
        by_node = {node: round(answered[node, window] / asked[node, window], 4) for node in nodes}
        shares[window] = {"asked": total, "share": round(good / total, 4), "by_node": by_node}
    return shares
