"""One version, one content: whoever shows a version shows the same configuration and variables.

Catches: replicas that went different ways under one number, variables that are not replicated, a rollback
after which versions were given out again. It needs no chart, and holds for any versioned state.
Misses: a content that is wrong everywhere (``legal-transitions``), lags (``convergence``).
Cost: linear in the history.
"""

from dsm_jepsen.checkers._base import Verdict
from dsm_jepsen.checkers._sightings import by_version, divergence, sightings
from dsm_jepsen.history import History


def agreement(history: History) -> Verdict:
    """Compare all sightings of each version: of reads, accepted events, and refusals that show theirs."""
    seen = by_version(sightings(history))
    if problems := [problem for group in seen.values() if (problem := divergence(group))]:
        return problems[0].verdict(problems=[problem.words for problem in problems[:20]])
    count = sum(map(len, seen.values()))
    return Verdict(valid=True, because=f"{count} sightings of {len(seen)} versions agree")
