"""The versions clients saw form one path of the state chart, and every step was made by somebody.

Catches: two nodes that show one version differently, two events that were told the same version, steps that
are no edge of the chart, versions that nobody made, effects of events that were refused.
Misses: when things were seen (``convergence``, ``monotonic-reads`` and ``linearizable`` look at that); an
event of unknown outcome may cover for a wrong step that has the same effect.
Cost: linear in the history; where versions were made by events of unknown outcome, the number of possible
explanations is bounded, and the verdict unknown if there are more.
"""

from dsm_jepsen.checkers._base import Checker, Machine, Verdict
from dsm_jepsen.checkers._story import tell
from dsm_jepsen.history import History


def legal_transitions(machine: Machine) -> Checker:
    """Make a checker of the machine's contexts: version by version, see ``_story``."""

    def check(history: History) -> Verdict:
        story = tell(machine, history)
        if story.problems:
            first = story.problems[0]
            return first.verdict(problems=[problem.words for problem in story.problems[:20]])
        if story.open_from is not None:
            return Verdict(
                valid=None,
                because=f"undecided from version {story.open_from} on: too many events of unknown outcome "
                "may have made it; read more often",
            )
        last = max(story.contexts, default=0)
        return Verdict(valid=True, because=f"versions 0 to {last} are one path of the chart")

    return check
