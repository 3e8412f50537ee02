"""A join comes after all its branches have ended, and once.

Judges the last reading of all records of a work queue: an instance that has left a state with branches, or
has ended in it, has counted each of them once, and each has ended.

Catches: joins before a branch has ended, joins that came twice, branches counted twice or not at all,
branches that are missing or go on after their instance has ended.
Misses: an early join whose branch ended soon after and was still counted once; a join that never comes
(``instances-end``).
Cost: linear in the notes of the last reading.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from dsm_jepsen.checkers._base import Checker, Verdict
from dsm_jepsen.checkers._queue_readings import ENDED, Chart, final, told
from dsm_jepsen.checkers._words import Problem, naming
from dsm_jepsen.history import History, Op

_COUNTS = frozenset({"branch-ended", "join"})
"""The notes that a branch's end makes in its parent."""

Record = Mapping[str, Any]


def joins_once(charts: Mapping[str, Chart]) -> Checker:
    """Make a checker of joins.

    Args:
        charts: by the name of the machine; instances of others are not judged.
    """

    def check(history: History) -> Verdict:
        op = final(history, "records")
        if op is None:
            return Verdict(valid=None, because="the records were never read")
        records = {record["id"]: record for record in op.value["records"]}
        joined = 0
        for record in records.values():
            chart = charts.get(record["machine"])
            for place, note in enumerate(record["notes"]):
                if chart is None or note["what"] != "advance" or note["state"] not in chart.forks:
                    continue
                fork = _Fork(op, record, place, sorted(chart.forks[note["state"]]), records)
                for problem in fork.problems():
                    return problem.verdict()
                joined += fork.left is not None
        if joined == 0:
            return Verdict(valid=None, because="no instance has come through a join")
        return Verdict(valid=True, because=f"{joined} joins, each once and after its branches")

    return check


class _Fork:
    """One passage of an instance through a state with branches."""

    def __init__(
        self, op: Op, record: Record, place: int, names: list[str], records: Mapping[str, Record]
    ) -> None:
        self.op = op
        self.record = record
        self.entered = record["notes"][place]
        self.branches = [f"{record['id']}/{self.entered['seq']}.{name}" for name in names]
        self.records = records
        later = record["notes"][place + 1 :]
        self.left = next((at for at, note in enumerate(later) if note["what"] == "advance"), None)
        """Where among the later notes the state is left; ``None`` if it was not."""
        self.later = later

    def problems(self) -> Iterator[Problem]:
        """Say what cannot be."""
        for branch in self.branches:
            yield from self._branch(branch)
        if self.left is None:
            return
        before = [note for note in self.later[: self.left] if note["what"] in _COUNTS]
        joins = sum(note["what"] == "join" for note in before)
        count = f"{len(before)} ends of {len(self.branches)} branches"
        if len(before) < len(self.branches) or joins == 0:
            yield self._problem("early-join", f"left it in {told(self.later[self.left])} after {count}")
        elif joins > 1 or len(before) > len(self.branches):
            yield self._problem("double-join", f"left it after {count}, and {joins} joins")
        for note in self.later[self.left :]:
            if note["what"] == "advance" and note["seq"] > self.later[self.left]["seq"]:
                break  # it may have come to another fork
            if note["what"] in _COUNTS:
                yield self._problem("double-join", f"counted a branch in {told(note)} after it had left it")

    def _branch(self, branch: str) -> Iterator[Problem]:
        over = self.left is not None or self.record["status"] in ENDED
        found = self.records.get(branch)
        if found is None:
            yield self._problem("lost-branch", f"has no branch {branch}")
        elif over and found["status"] not in ENDED:
            yield self._problem("orphan-branch", f"has gone on, and its branch {branch} is {found['status']}")

    def _problem(self, anomaly: str, words: str) -> Problem:
        where = f"{self.record['id']}, which came to {self.entered['state']} with step {self.entered['seq']},"
        return Problem(anomaly, f"{anomaly}: {naming(self.op)}: {where} {words}", (self.op.index,))
