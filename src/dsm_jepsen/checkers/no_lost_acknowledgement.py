"""What was acknowledged is there to stay: its version is its own, has its effect, and is reached in the end.

Catches: a store that forgets commits, a rollback, two events acknowledged for one version (one is lost), a
version that others show without the effect of the event that was told it had made it.
Misses: a loss that later events cover before anybody reads.
Cost: as ``legal-transitions``, which finds the same effects missing: both tell one story of the versions.
Needs: reads after the last acknowledged event, strong ones or local ones of every node: a replica that is
only late has lost nothing.
"""

from collections.abc import Iterator

from dsm_jepsen.checkers._base import Checker, Machine, Verdict
from dsm_jepsen.checkers._sightings import Sighting, by_version, divergence, sightings
from dsm_jepsen.checkers._story import tell, wrong_content
from dsm_jepsen.checkers._words import Problem, naming
from dsm_jepsen.history import History


def no_lost_acknowledgement(machine: Machine, *, settle_ms: int = 1000) -> Checker:
    """Make a checker of acknowledged events.

    Args:
        machine: what effect an event has.
        settle_ms: after this long, a local read of a node must show what was acknowledged to anybody.
    """
    if settle_ms < 0:
        raise ValueError(f"settle_ms is {settle_ms}; it must be 0 or more")

    def check(history: History) -> Verdict:
        seen = [one for one in sightings(history) if one.shown.type == "ok"]
        acknowledged = [one for one in seen if one.shown.f == "event"]
        for problem in _twice(acknowledged):
            return problem.verdict()
        story, versions = tell(machine, history), by_version(seen)
        for one in acknowledged:
            if missing := wrong_content(story, one) or divergence([one, *versions[one.version]]):
                words = f"lost-acknowledgement: the effect of {naming(one.shown)} is missing: {missing.words}"
                return missing._replace(anomaly="lost-acknowledgement", words=words).verdict()
        if not acknowledged:
            return Verdict(valid=True, because="no event was acknowledged, so none was lost")
        return _final(seen, max(acknowledged, key=lambda one: one.version), settle_ms)

    return check


def _twice(acknowledged: list[Sighting]) -> Iterator[Problem]:
    for version, group in by_version(acknowledged).items():
        if len(group) > 1:
            words = f"lost-update: {' and '.join(naming(one.shown) for one in group[:2])} were both "
            words += f"acknowledged as version {version}; only one of them is there"
            yield Problem("lost-update", words, tuple(one.shown.index for one in group))


def _final(seen: list[Sighting], greatest: Sighting, settle_ms: int) -> Verdict:
    """Compare the greatest acknowledged version with the last reads."""
    after = [one for one in seen if one.operation.invoke.index > greatest.shown.index]
    settled_ns = greatest.shown.time + settle_ms * 1_000_000
    strong = [one for one in after if one.shown.f == "read-strong"]
    local = [one for one in after if one.shown.f == "read" and one.operation.invoke.time >= settled_ns]
    last = max(strong[-1:] or local, key=lambda one: one.version, default=None)
    if last is not None and last.version >= greatest.version:
        because = f"version {greatest.version}, the greatest acknowledged, is there in the end"
        return Verdict(valid=True, because=because)
    unread = {one.node for one in seen} - {one.node for one in local}
    if last is None or (unread and not strong):
        because = f"no read of {', '.join(sorted(unread))} after {naming(greatest.shown)}, the last one"
        return Verdict(valid=None, because=because)
    words = f"lost-acknowledgement: {naming(greatest.shown)} was acknowledged as version {greatest.version}, "
    words += f"but in the end {naming(last.shown)} showed version {last.version}"
    return Problem("lost-acknowledgement", words, (last.shown.index, greatest.shown.index)).verdict()
