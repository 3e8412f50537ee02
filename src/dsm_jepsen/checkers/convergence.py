"""Nodes follow: what a node says is right for its version, and it does not lag behind for long.

Catches: nodes stuck at an old version that still answer, nodes that differ from the chart, versions that
nobody made. Unknown if a node's last read failed or came too early to tell.
Misses: lags shorter than the time to settle. A read that failed, because its node knew that it was in
error, is right; so no fault is an excuse for a read that succeeded.
Cost: n log n in the history's length.
"""

from bisect import bisect_right
from collections.abc import Iterable

from dsm_jepsen.checkers._base import Checker, Machine, Verdict
from dsm_jepsen.checkers._story import Sighting, Story, shown, sightings, tell
from dsm_jepsen.checkers._words import naming
from dsm_jepsen.history import History


def convergence(machine: Machine, *, settle_ms: int = 1000) -> Checker:
    """Make a checker of what nodes say by ``read``.

    Args:
        machine: what is right for a version.
        settle_ms: after this long, a node must know what was acknowledged to anybody.
    """
    if settle_ms < 0:
        raise ValueError(f"settle_ms is {settle_ms}; it must be 0 or more")
    settle_ns = settle_ms * 1_000_000

    def check(history: History) -> Verdict:
        seen = [one for one in sightings(history) if one.shown.type == "ok"]
        reads = [one for one in seen if one.shown.f == "read"]
        story, known = tell(machine, history), _Known(seen, settle_ns)
        for read in reads:
            if wrong := _wrong_content(story, read) or known.stale(read):
                return wrong
        return _final(history, seen, settle_ns) or _whole(story, len(reads))

    return check


def _node(sighting: Sighting) -> str:
    return str(sighting.shown.value["node"])


def _wrong_content(story: Story, read: Sighting) -> Verdict | None:
    """Compare what the node says with the chart."""
    version, saying = read.version, f"{naming(read.shown)}, by {_node(read)}, showed version {read.version}"
    if story.open_from is not None and version >= story.open_from:
        return None
    anomaly = None
    if version in story.made_by_nobody or version not in story.contexts:
        anomaly, words = "phantom-version", f"{saying}, which no acknowledged or undecided event made"
    elif read.context not in (contexts := story.contexts[version]):
        anomaly = "divergence"
        words = f"{saying} as {shown(read.context)}, but by the chart it is {shown(contexts[0])}"
    else:
        return None
    return Verdict(valid=False, because=f"{anomaly}: {words}", anomaly=anomaly, culprits=(read.shown.index,))


class _Known:
    """The newest version that had been acknowledged to anybody, at any time."""

    def __init__(self, seen: Iterable[Sighting], settle_ns: int) -> None:
        self.settle_ns = settle_ns
        self.newest: list[Sighting] = []
        for one in sorted(seen, key=lambda one: one.shown.index):
            if not self.newest or one.version > self.newest[-1].version:
                self.newest.append(one)

    def stale(self, read: Sighting) -> Verdict | None:
        """Judge a read by what had been known long enough when it was sent."""
        settled_ns = read.operation.invoke.time - self.settle_ns
        place = bisect_right(self.newest, settled_ns, key=lambda one: one.shown.time)
        if not place or self.newest[place - 1].version <= read.version:
            return None
        newest = self.newest[place - 1]
        return Verdict(
            valid=False,
            because=f"stale-read: {naming(read.shown)}, by {_node(read)}, showed version {read.version}, "
            f"but {naming(newest.shown)} had shown version {newest.version} at least "
            f"{self.settle_ns // 1_000_000} ms before it was sent",
            anomaly="stale-read",
            culprits=(read.shown.index, newest.shown.index),
        )


def _final(history: History, seen: list[Sighting], settle_ns: int) -> Verdict | None:
    """Compare the nodes' last reads, of those sent when the last event had settled."""
    ended_ns = [op.time for op in history if op.f == "event"]
    settled_ns = ended_ns[-1] + settle_ns if ended_ns else 0
    last = {
        _node(one): one for one in seen if one.shown.f == "read" and one.operation.invoke.time >= settled_ns
    }
    if missing := sorted({_node(one) for one in seen} - last.keys()):
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
