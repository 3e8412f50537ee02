"""How every kind of operation ended, and whether each succeeded at least once.

Catches: a client, a workload or a system that never works, so that all other checkers pass on nothing.
Misses: everything else; whether enough succeeded is for ``adequacy``.
Cost: linear in the history.
"""

from collections import Counter
from typing import Any

from dsm_jepsen.checkers._base import Verdict
from dsm_jepsen.checkers.models import refusal
from dsm_jepsen.history import History


def stats(history: History) -> Verdict:
    """Count outcomes; an operation that was completed but never ``ok`` makes the history invalid."""
    outcomes: dict[str, Counter[str]] = {}
    errors: dict[str, Counter[str]] = {}
    for invoke, completion in history.operations():
        outcome = "open" if completion is None else completion.type
        outcomes.setdefault(invoke.f, Counter())[outcome] += 1
        if completion is not None and completion.error is not None:
            errors.setdefault(invoke.f, Counter())[refusal(completion).kind] += 1
    faults = Counter(op.f for op in history.nemesis())
    total = sum(outcomes.values(), Counter[str]())
    details: dict[str, Any] = {
        "count": total.total(),
        "outcomes": dict(sorted(total.items())),
        "by_f": {
            f: {"outcomes": dict(sorted(count.items())), "errors": dict(sorted(errors.get(f, {}).items()))}
            for f, count in sorted(outcomes.items())
        },
        "nemesis": dict(sorted(faults.items())),
    }
    never = [f for f, count in sorted(outcomes.items()) if not count["ok"] and count["fail"] + count["info"]]
    if never:
        ended = "; ".join(f"{f}: {_listed(outcomes[f] + errors.get(f, Counter()))}" for f in never)
        return Verdict(
            valid=False, because=f"never-ok: not one succeeded ({ended})", anomaly="never-ok", details=details
        )
    return Verdict(
        valid=True, because=f"{total.total()} operations: {_listed(total) or 'none'}", details=details
    )


def _listed(count: Counter[str]) -> str:
    return ", ".join(f"{number} {kind}" for kind, number in count.most_common())
