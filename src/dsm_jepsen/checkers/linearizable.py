"""Every operation seems to happen at once, at one moment between its call and its return.

Catches: whatever breaks the order of real time or the model's rules: stale reads, lost updates, effects
of refused operations, effects that vanish. Operations of unknown outcome may happen at any later time.
Misses: nothing among the operations the model judges; says nothing of the others.
Cost: linear in the history, under a microsecond per operation with few clients where the kernel is installed;
what grows is the number of operations open at once. There is a budget, and when it is spent the verdict is
unknown. Clocks are not looked at, only the order of events.
"""

from dsm_jepsen.checkers._base import Checker, Verdict
from dsm_jepsen.checkers.linearizability import Budget, check_linearizable
from dsm_jepsen.checkers.models import AnyModel
from dsm_jepsen.history import History


def linearizable(model: AnyModel, *, budget: Budget | None = None) -> Checker:
    """Make a checker that searches for an order that explains what all clients saw.

    Returns:
        a checker. Valid: ``details["order"]`` lists the invocations in an order that ``explains`` the
        history. Invalid: ``culprits`` begin with the return that cannot be explained, and ``details``
        hold the smallest part of the history that still cannot be.
    """

    def check(history: History) -> Verdict:
        found = check_linearizable(history, model, budget=budget, others=True)
        if found.counterexample:
            wrong = found.counterexample
            return Verdict(
                valid=False,
                because=wrong.because,
                anomaly=wrong.anomaly,
                culprits=wrong.culprits,
                details=wrong.details,
            )
        order = {"order": list(found.witness)} if found.witness is not None else {}
        return Verdict(valid=found.valid, because=found.because, details={**found.details, **order})

    return check
