"""A node that joins or comes back shows what the live nodes show, and nothing older than its joining.

Catches: joins that start from a cached or empty context, that run the initial action again, that take over
the configuration but not the variables, or that read the shared state stale.
Misses: what the node shows after its first good read (``convergence`` and ``agreement`` look at that); a
content that is wrong and that nobody else showed for that version.
Cost: linear in the history.
Needs: reads of the node after it joined. A ``join`` counts if the node had left or was down; a restart, if
the fault's start is reported as installed. What was known before either *began* must be there at once, as
the node has yet to read the shared state; what came later, after the time to settle.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from dsm_jepsen.checkers._base import Checker, Verdict
from dsm_jepsen.checkers._faults import faults
from dsm_jepsen.checkers._sightings import Newest, Sighting, by_version, shown, sightings
from dsm_jepsen.checkers._words import Problem, naming
from dsm_jepsen.history import History, Op


def join_equals_live(
    node_of: Callable[[int], str], *, restarts: frozenset[str], settle_ms: int = 1000
) -> Checker:
    """Make a checker of each node's first good read after it joined or was restarted.

    Args:
        node_of: process number to the node it talks to.
        restarts: nemeses that kill at their start and restart at their stop, such as ``kill-node``.
        settle_ms: after this long, a node must know what was acknowledged to anybody.
    """
    if settle_ms < 0:
        raise ValueError(f"settle_ms is {settle_ms}; it must be 0 or more")

    def check(history: History) -> Verdict:
        seen = list(sightings(history))
        newest = Newest(one for one in seen if one.shown.type == "ok")
        versions = by_version(seen)
        first = list(_first_reads(history, seen, restarts, node_of))
        for read, back in first:
            others = [one for one in versions[read.version] if _node(one, node_of) != _node(read, node_of)]
            if problem := _old(read, back, newest, settle_ms) or _other(read, back, others):
                return problem.verdict()
        if not first:
            return Verdict(valid=None, because="no node joined or came back, and then answered a read")
        return Verdict(valid=True, because=f"{len(first)} nodes joined or came back as the live ones were")

    return check


def _node(sighting: Sighting, node_of: Callable[[int], str]) -> str:
    process = sighting.shown.process
    assert isinstance(process, int)  # a nemesis sees nothing
    return node_of(process)


class _Turn(NamedTuple):
    """At this place of the history a node goes out of or begins to come back into the ensemble."""

    place: int
    node: str
    back: Op | None


def _turns(history: History, restarts: frozenset[str], node_of: Callable[[int], str]) -> Iterator[_Turn]:
    for fault in faults(history):
        if fault.name in restarts and fault.installed and fault.begun:
            for node in fault.nodes:
                yield _Turn(fault.begun.index, node, None)
                if fault.healing:
                    yield _Turn(fault.healing.index, node, fault.healing)
    for invoke, completion in history.operations():
        assert isinstance(invoke.process, int)  # a nemesis invokes nothing
        if invoke.f == "leave" and completion and completion.type == "ok":
            yield _Turn(completion.index, node_of(invoke.process), None)
        elif invoke.f == "join":
            yield _Turn(invoke.index, node_of(invoke.process), invoke)


def _first_reads(
    history: History, seen: list[Sighting], restarts: frozenset[str], node_of: Callable[[int], str]
) -> Iterator[tuple[Sighting, Op]]:
    """Give each first good read that was sent after a node began to come back, and what brought it back."""
    reads = [one for one in seen if one.shown.type == "ok" and one.shown.f in {"read", "read-strong"}]
    steps: list[tuple[int, _Turn | Sighting]] = [
        *((turn.place, turn) for turn in _turns(history, restarts, node_of)),
        *((read.operation.invoke.index, read) for read in reads),
    ]
    out: set[str] = set()
    back: dict[str, Op] = {}
    for _, step in sorted(steps, key=lambda step: step[0]):
        if isinstance(step, Sighting):
            if brought := back.pop(_node(step, node_of), None):
                yield step, brought
        elif step.back is None:
            out.add(step.node)
            back.pop(step.node, None)
        elif step.node in out:
            out.remove(step.node)
            back[step.node] = step.back


def _old(read: Sighting, back: Op, newest: Newest, settle_ms: int) -> Problem | None:
    before = newest.before(back.index)
    settled = newest.at(read.operation.invoke.time - settle_ms * 1_000_000)
    known = max((one for one in (before, settled) if one), key=lambda one: one.version, default=None)
    if known is None or read.version >= known.version:
        return None
    words = f"stale-join: {naming(read.shown)}, the node's first after {naming(back)}, showed version "
    words += f"{read.version}, but {naming(known.shown)} had shown version {known.version}, "
    words += "before the node came back" if known is before else f"{settle_ms} ms or more before it was sent"
    return Problem("stale-join", words, (read.shown.index, known.shown.index))


def _other(read: Sighting, back: Op, others: list[Sighting]) -> Problem | None:
    for other in others:
        if other.context != read.context:
            words = (
                f"divergence: {naming(read.shown)}, the node's first after {naming(back)}, showed version "
            )
            words += f"{read.version} as {shown(read.context)}, but it is {shown(other.context)} "
            words += f"for {naming(other.shown)}"
            return Problem("divergence", words, (read.shown.index, other.shown.index))
    return None
