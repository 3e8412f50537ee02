"""Within a bound after each heal, and after the last event, all nodes that answer show what is newest.

Catches: nodes that do not catch up with what they missed while they were cut off or down, and, with the
machine, nodes that catch up with something else.
Misses: nodes that answer no read after the bound: its details list them as ``silent``. A heal while another
fault is in force is not judged, nor is what was read after the next fault's start was asked for.
Cost: linear in the history, times the number of heals.
Needs: reads after heals. Its details tell how long each node took until a read showed the newest version,
with quantiles over the heals; how exactly depends on how often it was read.
"""

from collections.abc import Iterator
from itertools import pairwise
from math import inf
from typing import Any, NamedTuple

from dsm_jepsen.checkers._base import Checker, Machine, Verdict
from dsm_jepsen.checkers._faults import faults
from dsm_jepsen.checkers._sightings import Newest, Sighting, sightings
from dsm_jepsen.checkers._story import tell, wrong_content
from dsm_jepsen.checkers._words import Problem, milliseconds, naming, quantiles
from dsm_jepsen.history import NEMESIS, History, Op


def convergence_after_heal(machine: Machine | None, *, within_ms: int) -> Checker:
    """Make a checker of the calm after each heal.

    Args:
        machine: what is right for a version; ``None`` to compare versions only.
        within_ms: what was acknowledged by the time of the heal must be shown by every read sent later than
            this after it.
    """
    if within_ms < 0:
        raise ValueError(f"within_ms is {within_ms}; it must be 0 or more")

    def check(history: History) -> Verdict:
        seen = [one for one in sightings(history) if one.shown.type == "ok"]
        calms = list(_calms(history, seen, within_ms))
        heals = [calm for calm in calms if calm.since.process == NEMESIS]
        latencies = [ms for calm in heals for ms in calm.latency_ms.values()]
        details = {"calms": [calm.summary() for calm in calms], "latency_ms": quantiles(latencies)}
        late = [read for calm in calms for read in calm.late]
        story = tell(machine, history) if machine else None
        for calm in calms:
            for read in calm.late:
                problem = _behind(calm, read, within_ms) or (story and wrong_content(story, read))
                if problem:
                    return problem.verdict(**details)
        if not late:
            because = f"no node answered a read sent more than {within_ms} ms after a heal or the last event"
            return Verdict(valid=None, because=because, details=details)
        words = f"{len(late)} reads sent more than {within_ms} ms after {len(heals)} heals or the last event "
        words += "showed the newest"
        return Verdict(valid=True, because=words, details=details)

    return check


class _Calm(NamedTuple):
    """A time without faults.

    Attributes:
        since: the heal it begins with, or the last accepted event.
        newest: the newest version shown to anybody by then.
        latency_ms: node to when a read of it first showed that.
        late: reads sent after the bound.
        silent: nodes that gave no such read.
    """

    since: Op
    newest: Sighting
    latency_ms: dict[str, float]
    late: list[Sighting]
    silent: list[str]

    def summary(self) -> dict[str, Any]:
        """Tell it in numbers."""
        return {
            "since": self.since.f,
            "at_ms": milliseconds(self.since.time),
            "version": self.newest.version,
            "latency_ms": dict(sorted(self.latency_ms.items())),
            "silent": self.silent,
        }


def _calms(history: History, seen: list[Sighting], within_ms: int) -> Iterator[_Calm]:
    """Give each calm of which something was known when it began."""
    newest = Newest(seen)
    for since, end in _spans(history, seen):
        if known := newest.before(since.index + 1):
            yield _calm(since, end, known, seen, within_ms)


def _spans(history: History, seen: list[Sighting]) -> Iterator[tuple[Op, float]]:
    """Give what each calm begins with, and the index of the event that ends it."""
    turns: list[tuple[float, int, Op | None]] = [(inf, 1, None)]
    for fault in faults(history):
        if fault.outcome != "skipped":
            turns.append((fault.asked.index, 1, None))
            turns.append((fault.healed.index, -1, fault.healed) if fault.healed else (inf, 0, None))
    in_force = 0
    turns.sort(key=lambda turn: turn[:2])
    for (_, change, healed), (end, _, _) in pairwise(turns):
        in_force += change
        if healed and not in_force:
            yield healed, end
    last = max((one.shown for one in seen if one.shown.f == "event"), key=lambda op: op.index, default=None)
    if last and not sum(change for index, change, _ in turns if index < last.index):
        yield last, min(index for index, _, _ in turns if index > last.index)


def _calm(since: Op, end: float, newest: Sighting, seen: list[Sighting], within_ms: int) -> _Calm:
    bound_ns = since.time + within_ms * 1_000_000
    latency_ms: dict[str, float] = {}
    late = []
    for one in sorted(seen, key=lambda one: one.shown.index):
        if one.shown.f == "event" or not since.index < one.shown.index < end:
            continue
        if one.version >= newest.version:
            latency_ms.setdefault(one.node, milliseconds(one.shown.time - since.time))
        if one.operation.invoke.time > bound_ns:
            late.append(one)
    silent = sorted({one.node for one in seen} - {one.node for one in late})
    return _Calm(since, newest, latency_ms, late, silent)


def _behind(calm: _Calm, read: Sighting, within_ms: int) -> Problem | None:
    known = calm.newest
    if read.version >= known.version:
        return None
    words = f"not-converged: {naming(read.shown)}, by {read.node}, showed version {read.version} more than "
    words += f"{within_ms} ms after {naming(calm.since)}, by which {naming(known.shown)} had shown "
    words += f"version {known.version}"
    return Problem("not-converged", words, (read.shown.index, known.shown.index))
