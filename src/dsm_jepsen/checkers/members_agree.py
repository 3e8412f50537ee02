"""The store's members hold the same data at the end: a broken store is told from a broken system under test.

Catches: members that diverged, such as one that was killed and lost a write that the others applied.
Misses: what all members lost alike, and a difference that later writes covered before the end.
Cost: linear in the history; the comparison itself was made when the run ended, as its last step.
"""

from typing import Any

from dsm_jepsen.checkers._base import Verdict
from dsm_jepsen.history import History

COMPARISON = "compare-members"
"""The harness' own step, whose completion tells what was found."""


def members_agree(history: History) -> Verdict:
    """Judge by the last comparison."""
    told = [op for op in history.nemesis() if op.f == COMPARISON and isinstance(op.value, dict)]
    if not told:
        return Verdict(valid=None, because="the members of the store were not compared")
    op, found = told[-1], told[-1].value
    if found["unknown"]:
        return Verdict(valid=None, because=f"the members of the store were not compared: {found['unknown']}")
    if found["differs"]:
        words = "; ".join(_words(node, differing) for node, differing in found["differs"].items())
        known = f". {found['warning']}" if found.get("warning") else ""
        return Verdict(
            valid=False,
            because=f"the store itself lost or changed data: {words}{known}",
            anomaly="store-divergence",
            culprits=(op.index,),
            details={"differs": found["differs"]},
        )
    return Verdict(
        valid=True, because=f"{found['members']} members of the store hold the same {found['keys']} keys"
    )


def _words(node: str, found: dict[str, Any]) -> str:
    key, here, there = found["shown"][0]
    return (
        f"member {node} differs from {found['from']} in {found['keys']} of its keys, such as {key!r}: "
        f"{node} has {here or 'nothing'}, {found['from']} has {there or 'nothing'}"
    )
