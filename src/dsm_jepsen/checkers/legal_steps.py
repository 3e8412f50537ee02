"""Every step of an instance is an edge of its machine's chart, from the state that it was in.

Judges the notes in the records of a work queue, in all readings.

Catches: steps along no edge, from a state that the instance was not in, instances and branches that begin
elsewhere than their chart says, branches that their fork does not have.
Misses: steps that are no longer in any record that was read; how often a step was taken (``steps-once``).
Cost: linear in the notes of all readings.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from dsm_jepsen.checkers._base import Checker, Verdict
from dsm_jepsen.checkers._queue_readings import Chart, Reading, readings, told
from dsm_jepsen.checkers._words import Problem, naming
from dsm_jepsen.history import History


def legal_steps(charts: Mapping[str, Chart]) -> Checker:
    """Make a checker of steps.

    Args:
        charts: by the name of the machine; instances of others are not judged.
    """

    def check(history: History) -> Verdict:
        edges = set()
        for instance, shown in readings(history).items():
            for reading in shown:
                chart = charts.get(reading.record["machine"])
                if chart is None:
                    continue
                for problem in _problems(chart, instance, reading):
                    return problem.verdict()
                edges |= {
                    (reading.record["machine"], note["source"], note["state"])
                    for note in reading.record["notes"]
                    if note["what"] == "advance"
                }
        if not edges:
            return Verdict(valid=None, because="no step was seen")
        return Verdict(valid=True, because=f"every step is an edge; {len(edges)} different ones were taken")

    return check


def _problems(chart: Chart, instance: str, reading: Reading) -> Iterator[Problem]:
    notes = reading.record["notes"]
    saying = f"{naming(reading.op)} showed of {instance}"
    state = None
    for note in notes:
        wrong = None
        if note["number"] == 1 and note["state"] not in (starts := _starts(chart, instance)):
            wrong = f"though it may begin in {' or '.join(starts) or 'no state'} only"
        elif note["what"] == "advance" and note["state"] not in chart.edges.get(note["source"], ()):
            wrong = "which is no edge"
        elif state is not None and state != (note["source"] or note["state"]):
            wrong = f"though it was in {state}"
        if wrong is not None:
            yield Problem(
                "illegal-step", f"illegal-step: {saying} {told(note)}, {wrong}", (reading.op.index,)
            )
        state = note["state"]


def _starts(chart: Chart, instance: str) -> list[Any]:
    """Where an instance, or a branch of this name, may begin."""
    if "/" not in instance:
        return [chart.initial]
    name = instance.rpartition("/")[2].partition(".")[2]
    return [branches[name] for branches in chart.forks.values() if name in branches]
