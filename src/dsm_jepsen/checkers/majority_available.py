"""A majority carries on: while a minority is cut off, events are accepted, the first within a bound.

Catches: a majority that does not elect a leader, clients of the majority that hang on a lost connection.
Misses: nodes of the majority that do not work while another does (``availability`` counts them).
Cost: linear in the history, times the number of cuts.
Needs: events sent to the majority during the cut. Those answered ``not-applicable`` or ``lost-race`` say
nothing here: the machine did not want them. The bound counts from the first event that was sent after the
moment of the cut, seen to act or not yet, so that it is the system's time and not the workload's.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from dsm_jepsen.checkers._base import Checker, Verdict
from dsm_jepsen.checkers._faults import Cut, cuts
from dsm_jepsen.checkers._sightings import ASSERTING
from dsm_jepsen.checkers._words import Problem, milliseconds, naming
from dsm_jepsen.checkers.models import refusal
from dsm_jepsen.history import History, Op, Operation


def majority_available(node_of: Callable[[int], str], *, within_ms: int) -> Checker:
    """Make a checker of majorities.

    Args:
        node_of: process number to the node it talks to.
        within_ms: the first event must be accepted within this time, an election included.
    """
    if within_ms <= 0:
        raise ValueError(f"within_ms is {within_ms}; it must be more than 0")

    def check(history: History) -> Verdict:
        majorities = [_majority(cut, history, node_of) for cut in cuts(history)]
        details = {"cuts": [one.summary() for one in majorities]}
        undecided = []
        for one in majorities:
            answer = _judge(one, history, within_ms)
            if isinstance(answer, Problem):
                return answer.verdict(**details)
            if answer:
                undecided.append(answer)
        if undecided or not majorities:
            because = "; ".join(undecided) or "no partition with a majority was seen to act"
            return Verdict(valid=None, because=because, details=details)
        words = f"the first events were accepted {max(one.first_ms or 0 for one in majorities):.0f} ms "
        return Verdict(valid=True, because=f"{words}or less after they could be", details=details)

    return check


class _Majority(NamedTuple):
    """One cut, and the events that the majority was sent while it lasted."""

    cut: Cut
    tried: list[Operation]
    accepted: list[Op]

    @property
    def since_ns(self) -> int:
        """When the first was sent; the bound counts from there."""
        return self.tried[0].invoke.time if self.tried else self.cut.acts_ns

    @property
    def first_ms(self) -> float | None:
        """When the first was accepted."""
        return milliseconds(self.accepted[0].time - self.since_ns) if self.accepted else None

    def summary(self) -> dict[str, Any]:
        """Tell it in numbers."""
        share = round(len(self.accepted) / len(self.tried), 4) if self.tried else None
        return {
            "fault": self.cut.fault.name,
            "cut_ms": milliseconds(self.cut.acts_ns),
            "tried": len(self.tried),
            "accepted": len(self.accepted),
            "share": share,
            "first_ms": self.first_ms,
        }


def _majority(cut: Cut, history: History, node_of: Callable[[int], str]) -> _Majority:
    one = _Majority(cut, [], [])
    for operation in history.operations():
        invoke, answer = operation
        if invoke.f != "event" or not cut.fault.holds(invoke) or not isinstance(invoke.process, int):
            continue
        if node_of(invoke.process) not in cut.majority:
            continue
        if answer and answer.type == "fail" and refusal(answer).kind in ASSERTING:
            continue
        one.tried.append(operation)
        if answer and answer.type == "ok" and cut.fault.holds(answer):
            one.accepted.append(answer)
    one.accepted.sort(key=lambda op: op.index)
    return one


def _judge(one: _Majority, history: History, within_ms: int) -> Problem | str | None:
    """Give what is wrong, or why nobody knows, or nothing."""
    cut = one.cut
    where = f"during {naming(cut.begun)}"
    if not one.tried:
        return f"no event that the machine would take was sent to the majority {where}"
    if one.first_ms is not None and one.first_ms <= within_ms:
        return None
    end_ns = cut.fault.healing.time if cut.fault.healing else history[-1].time
    if (lasted_ms := milliseconds(end_ns - one.since_ns)) < within_ms:
        return f"no event was accepted {where}, but the majority had only {lasted_ms:.0f} ms"
    seen = f"none of {len(one.tried)}" if one.first_ms is None else f"the first after {one.first_ms:.0f} ms"
    words = f"unavailable-majority: events by {', '.join(cut.majority)} {where}: {seen} was accepted; "
    words += f"expected the first within {within_ms} ms"
    return Problem("unavailable-majority", words, (cut.begun.index, one.tried[0].invoke.index))
