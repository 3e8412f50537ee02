"""An event that was refused has no effect: no version is one that only it can have made.

Catches: events that were answered with a definite failure and were done all the same (a dirty refusal), such
as a commit whose lost reply is told as "unavailable", or a loser of a race whose write went through.
Misses: an effect that an event of unknown outcome may have had as well. ``legal-transitions`` finds the same
among its problems: both tell the story of the versions in the same way.
Cost: as ``legal-transitions``: linear, with a bounded number of explanations side by side.
"""

from dsm_jepsen.checkers._base import Checker, Machine, Verdict
from dsm_jepsen.checkers._story import tell
from dsm_jepsen.history import History


def no_effect_of_refused(machine: Machine) -> Checker:
    """Make a checker that looks for each version's maker by the machine."""

    def check(history: History) -> Verdict:
        story = tell(machine, history)
        if dirty := [problem for problem in story.problems if problem.anomaly == "dirty-refusal"]:
            return dirty[0].verdict(problems=[problem.words for problem in dirty[:20]])
        if story.open_from is not None:
            return Verdict(
                valid=None,
                because=f"undecided from version {story.open_from} on: too many events of unknown outcome "
                "may have made it; read more often",
            )
        refused = sum(op.f == "event" and op.type == "fail" for op in history)
        return Verdict(valid=True, because=f"{refused} events were refused, and none of them made a version")

    return check
