"""A minority that is cut off commits nothing, and does not go on for long to show an old state as healthy.

Catches: events acknowledged without a quorum, healthy local reads of a cut-off node that are older than what
others had been told, later than a bound after the cut.
Misses: cuts whose report names no two sides; strong reads (``linearizable`` looks at them); what was under
way when the cut or the heal began.
Cost: linear in the history, times the number of cuts.
Needs: operations on the minority while it is cut off. The bound counts from the moment of the cut, not from
when somebody had seen it act. Its details tell how late each node noticed: from the cut until it first
answered that it is in error or unavailable.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from dsm_jepsen.checkers._base import Checker, Verdict
from dsm_jepsen.checkers._faults import Cut, cuts
from dsm_jepsen.checkers._sightings import ASSERTING, Newest, sightings
from dsm_jepsen.checkers._words import Problem, milliseconds, naming, quantiles
from dsm_jepsen.checkers.models import refusal
from dsm_jepsen.history import History, Op

_NOTICING = frozenset({"in-error", "unavailable"})
"""Refusals by which a node says that it cannot serve."""


def minority_refuses(node_of: Callable[[int], str], *, bound_ms: int) -> Checker:
    """Make a checker of minorities.

    Args:
        node_of: process number to the node it talks to.
        bound_ms: a healthy local read sent later than this after the cut must not be stale, that is, older
            than what had been acknowledged to anybody before it was sent.
    """
    if bound_ms < 0:
        raise ValueError(f"bound_ms is {bound_ms}; it must be 0 or more")

    def check(history: History) -> Verdict:
        newest = Newest(one for one in sightings(history) if one.shown.type == "ok")
        minorities = [_Minority(cut, newest, bound_ms) for cut in cuts(history)]
        for one in minorities:
            for invoke, answer, node in _answered(history, cut=one.cut, node_of=node_of):
                one.see(invoke, answer, node)
        return _verdict(minorities)

    return check


def _answered(history: History, *, cut: Cut, node_of: Callable[[int], str]) -> Iterator[tuple[Op, Op, str]]:
    """Give what the minority's nodes answered while it lasted; what ended otherwise tells nothing of them."""
    answers = _NOTICING | ASSERTING | {"not-joined"}
    for operation in history.operations():
        invoke, answer = operation
        if answer is None or not cut.fault.holds_whole(operation) or not isinstance(answer.process, int):
            continue
        if answer.type == "ok" or (answer.type == "fail" and refusal(answer).kind in answers):
            node = node_of(answer.process)
            if node in cut.minority:
                yield invoke, answer, node


class _Minority:
    """What the nodes of one cut's minority answered while it lasted."""

    def __init__(self, cut: Cut, newest: Newest, bound_ms: int) -> None:
        self.cut = cut
        self.newest = newest
        self.bound_ms = bound_ms
        self.answers = 0
        self.noticed_ms: dict[str, float] = {}
        self.stale_until_ms: dict[str, float] = {}
        self.problems: list[Problem] = []

    def see(self, invoke: Op, answer: Op, node: str) -> None:
        """Take one answer into account."""
        self.answers += 1
        if answer.type == "fail":
            if refusal(answer).kind in _NOTICING:
                after_ms = milliseconds(answer.time - self.cut.acts_ns)
                self.noticed_ms[node] = min(after_ms, self.noticed_ms.get(node, after_ms))
        elif answer.f == "event":
            words = (
                f"minority-commit: {naming(answer)} was acknowledged by {node}, which was in the minority "
            )
            words += f"of {naming(self.cut.begun)}; expected a refusal"
            self.problems.append(Problem("minority-commit", words, (answer.index, self.cut.begun.index)))
        elif answer.f == "read":
            self._see_read(invoke, answer, node)

    def _see_read(self, invoke: Op, answer: Op, node: str) -> None:
        version, known = answer.value["version"], self.newest.before(invoke.index)
        if known is None or version >= known.version:
            return
        after_ms = milliseconds(invoke.time - self.cut.acts_ns)
        self.stale_until_ms[node] = max(after_ms, self.stale_until_ms.get(node, 0))
        if after_ms > self.bound_ms:
            words = (
                f"stale-read: {naming(answer)}, by {node}, healthy {after_ms:.0f} ms after it was cut off, "
                f"showed version {version}, but {naming(known.shown)} had shown version {known.version} "
                f"before it was sent; expected an error later than {self.bound_ms} ms after the cut"
            )
            self.problems.append(Problem("stale-read", words, (answer.index, known.shown.index)))

    def summary(self) -> dict[str, Any]:
        """Tell it in numbers."""
        return {
            "fault": self.cut.fault.name,
            "cut_ms": milliseconds(self.cut.acts_ns),
            "answers": self.answers,
            "noticed_ms": dict(sorted(self.noticed_ms.items())),
            "not_noticed": sorted(set(self.cut.minority) - self.noticed_ms.keys()),
            "stale_until_ms": dict(sorted(self.stale_until_ms.items())),
        }


def _verdict(minorities: Iterable[_Minority]) -> Verdict:
    minorities = list(minorities)
    noticed_ms = [ms for one in minorities for ms in one.noticed_ms.values()]
    details = {"cuts": [one.summary() for one in minorities], "noticed_ms": quantiles(noticed_ms)}
    problems = [problem for one in minorities for problem in one.problems]
    if problems:
        return min(problems, key=lambda problem: problem.culprits).verdict(**details)
    if not minorities:
        return Verdict(valid=None, because="no partition with a minority was seen to act")
    if not all(one.answers for one in minorities):
        silent = ", ".join(naming(one.cut.begun) for one in minorities if not one.answers)
        because = f"the minority of {silent} answered nothing while it was cut off"
        return Verdict(valid=None, because=because, details=details)
    count = sum(one.answers for one in minorities)
    words = f"{count} answers by minorities, no commit and nothing stale too late"
    if noticed_ms:
        words += (
            f"; the last of {len(noticed_ms)} nodes to notice did so {max(noticed_ms):.0f} ms after the cut"
        )
    return Verdict(valid=True, because=words, details=details)
