"""Nodes follow: what a node says is right for its version, and it does not lag behind for long.

Catches: nodes stuck at an old version that still answer, nodes that differ from the chart, versions that
nobody made. Unknown if a node's last read failed or came too early to tell.
Misses: lags shorter than the time to settle. A read that failed, because its node knew that it was in
error, is right; so no fault is an excuse for a read that succeeded.
Cost: n log n in the history's length.
"""

from collections.abc import Collection
from dataclasses import replace

from dsm_jepsen.checkers._base import Checker, Machine, Verdict
from dsm_jepsen.checkers._sightings import Newest, Sighting, sightings
from dsm_jepsen.checkers._story import Story, tell, wrong_content
from dsm_jepsen.checkers._words import naming
from dsm_jepsen.history import History


def convergence(
    machine: Machine, *, nodes: Collection[str], settle_ms: int, prompt_ms: int | None = None
) -> Checker:
    """Make a checker of what nodes say by ``read``.

    Args:
        machine: what is right for a version.
        nodes: those that must have answered in the end.
        settle_ms: after this long a node must know what was acknowledged to anybody: the system's own bound.
        prompt_ms: after this long it should; a read that shows otherwise leaves the verdict unknown, as a
            slow machine may be the reason. ``None``: nothing sooner than the bound is asked for.
    """
    if settle_ms < 0:
        raise ValueError(f"settle_ms is {settle_ms}; it must be 0 or more")
    settle_ns = settle_ms * 1_000_000

    def check(history: History) -> Verdict:
        seen = [one for one in sightings(history) if one.shown.type == "ok"]
        reads = [one for one in seen if one.shown.f == "read"]
        story, newest = tell(machine, history), Newest(seen)
        for read in reads:
            if problem := wrong_content(story, read):
                return problem.verdict()
            if stale := _stale(newest, read, settle_ns):
                return stale
        if prompt_ms is not None:
            for read in reads:
                if slow := _stale(newest, read, prompt_ms * 1_000_000):
                    return replace(slow, valid=None, because=f"slow: {slow.because}", anomaly=None)
        return _final(history, seen, settle_ns, nodes) or _whole(story, len(reads))

    return check


def _stale(newest: Newest, read: Sighting, settle_ns: int) -> Verdict | None:
    """Judge a read by what had been known long enough when it was sent."""
    known = newest.at(read.operation.invoke.time - settle_ns)
    if known is None or known.version <= read.version:
        return None
    return Verdict(
        valid=False,
        because=f"stale-read: {naming(read.shown)}, by {read.node}, showed version {read.version}, "
        f"but {naming(known.shown)} had shown version {known.version} at least "
        f"{settle_ns // 1_000_000} ms before it was sent",
        anomaly="stale-read",
        culprits=(read.shown.index, known.shown.index),
    )


def _final(history: History, seen: list[Sighting], settle_ns: int, nodes: Collection[str]) -> Verdict | None:
    """Compare the nodes' last reads, of those sent when the last event had settled."""
    ended_ns = [op.time for op in history if op.f == "event"]
    settled_ns = ended_ns[-1] + settle_ns if ended_ns else 0
    last = {
        one.node: one for one in seen if one.shown.f == "read" and one.operation.invoke.time >= settled_ns
    }
    if missing := sorted(set(nodes) - last.keys()):
        return Verdict(
            valid=None,
            because=f"no final read of {', '.join(missing)}: none was sent and succeeded "
            f"{settle_ns // 1_000_000} ms or more after the last event",
        )
    if len({read.version for read in last.values()}) > 1:
        shows = ", ".join(f"{node} {read.version}" for node, read in sorted(last.items()))
        return Verdict(
            valid=None,
            because=f"final reads differ ({shows}), but the newest version had no time to settle; read later",
            culprits=tuple(read.shown.index for _, read in sorted(last.items())),
        )
    return None


def _whole(story: Story, count: int) -> Verdict:
    if story.open_from is not None:
        return Verdict(
            valid=None,
            because=f"undecided from version {story.open_from} on: too many events of unknown outcome "
            "may have made it; read more often",
        )
    return Verdict(valid=True, because=f"{count} reads were right, and all nodes agree in the end")
