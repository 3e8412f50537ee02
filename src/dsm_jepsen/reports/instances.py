"""What a chart of the work queue shows, as plain data: instances by status, and who held which claim when.

It is read from the last reading of all records, whose notes tell what happened to each instance, when by the
clock of whoever did it, and under which token. What a worker still did after its claim had been taken over is
no record's matter: it stands in the workers' logs, as the results they dropped.
"""

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from dsm_jepsen.history import History, Op
from dsm_jepsen.reports._base import RunInfo
from dsm_jepsen.reports.faults import Window, windows

STATUSES = ("done", "cancelled", "failed", "dead", "waiting", "running", "ready")
"""Bottom to top of the chart."""

ROWS_MAX = 24
"""Instances whose claims are shown, at most."""

_KEEPS = {"advance", "stop", "branch-ended"}
"""Notes that do not end a claim, save an advance into a fork."""

_BECOMES = {
    "submit": "ready",
    "fork": "ready",
    "retry": "ready",
    "release": "ready",
    "redrive": "ready",
    "join": "ready",
    "claim": "running",
    "wait": "waiting",
    "die": "dead",
}
"""What an instance is after a note; other notes leave it as it is, or say so otherwise."""

_MARK = "queue: "
_LOG = "node.log"


class Claim(NamedTuple):
    """A worker's claim (ns): ``end`` is ``None`` if it is never given back.

    ``taken_over`` is whether another worker ended it. ``dropped`` is when its holder, not knowing, still came
    with a result after that, which was refused.
    """

    id: str
    node: str
    by: str
    token: int
    start: int
    end: int | None
    taken_over: bool = False
    dropped: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueChart:
    """All that is drawn.

    Attributes:
        nodes: names.
        times: moments (ns) at which a status changed, in order.
        counts: by status, how many instances were in it from each of those moments on.
        total: how many instances and branches there are.
        rows: ids of the instances whose claims are shown, top to bottom.
        claims: those of these instances.
        windows: faults, in the order of their starts.
        end: time (ns) of the history's last event.
    """

    nodes: tuple[str, ...]
    times: tuple[int, ...]
    counts: Mapping[str, tuple[int, ...]]
    total: int
    rows: tuple[str, ...]
    claims: tuple[Claim, ...]
    windows: tuple[Window, ...]
    end: int


def instances_over_time(history: History, info: RunInfo, folder: Path) -> QueueChart | None:
    """Extract the chart of a queue's run; ``None`` where nobody ever read all records.

    Args:
        history: of the run.
        info: where it comes from.
        folder: the run's, in which each node's log is.
    """
    records = _records(history)
    if not records:
        return None
    start_ns, end = _wall_start(history, records), history[len(history) - 1].time
    times_of = {record["id"]: _times(record["notes"], start_ns, end) for record in records}
    changes = sorted(
        (times_of[record["id"]][place], number, status)
        for number, record in enumerate(records)
        for place, status in _statuses(record)
    )
    times, counts = _counted(changes)
    in_force, _ = windows(history, info.nodes)
    drops = _drops(info.nodes, folder, start_ns)
    claims = [claim for record in records for claim in _claims(record, times_of[record["id"]], drops)]
    rows = _interesting(claims, in_force)
    return QueueChart(
        nodes=info.nodes,
        times=times,
        counts=counts,
        total=len(records),
        rows=rows,
        claims=tuple(claim for claim in claims if claim.id in rows),
        windows=in_force,
        end=end,
    )


def _records(history: History) -> list[Mapping[str, Any]]:
    read: Op | None = None
    for op in history:
        if op.f == "records" and op.type == "ok" and isinstance(op.value, Mapping):
            read = op
    found = [] if read is None else read.value.get("records", [])
    return [record for record in found if record.get("notes")]


def _wall_start(history: History, records: Iterable[Mapping[str, Any]]) -> int:
    """Tell the wall time (ns) at the history's beginning, from when instances were submitted.

    Clocks may be wrong, so it is what most of them say.
    """
    at_ms = {record["id"]: record["notes"][0]["at_ms"] for record in records}
    seen = [
        at_ms[op.value["id"]] * 1_000_000 - op.time
        for op in history
        if op.f == "submit" and op.type == "ok" and op.value["id"] in at_ms
    ]
    return int(median(seen)) if seen else 1_000_000 * min(at_ms.values())


def _times(notes: Iterable[Mapping[str, Any]], start_ns: int, end: int) -> list[int]:
    """Give each note's time in the history. Whatever clocks said, none is before the note before it."""
    times: list[int] = []
    for note in notes:
        times.append(max(times[-1] if times else 0, min(note["at_ms"] * 1_000_000 - start_ns, end)))
    return times


def _statuses(record: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    """Give the places of the notes that may have changed an instance's status, with what it was then."""
    notes = record["notes"]
    for place, note in enumerate(notes):
        following = notes[place + 1]["what"] if place + 1 < len(notes) else None
        if note["what"] == "end":
            yield place, record["status"]
        elif note["what"] in _BECOMES:
            yield place, _BECOMES[note["what"]]
        elif note["what"] == "advance" and _forks(following, record):
            yield place, "waiting"


def _forks(following: str | None, record: Mapping[str, Any]) -> bool:
    """Whether a step led into a fork: what comes next is then a branch's end."""
    return following in {"branch-ended", "join"} or (following is None and record["status"] == "waiting")


def _counted(
    changes: Sequence[tuple[int, int, str]],
) -> tuple[tuple[int, ...], dict[str, tuple[int, ...]]]:
    now: dict[int, str] = {}
    many: Counter[str] = Counter()
    times: list[int] = []
    counts: dict[str, list[int]] = {status: [] for status in STATUSES}
    for time, number, status in changes:
        many[now.get(number, "")] -= 1
        many[status] += 1
        now[number] = status
        if times and times[-1] == time:
            for of in counts.values():
                of.pop()
        else:
            times.append(time)
        for name in STATUSES:
            counts[name].append(many[name])
    return tuple(times), {status: tuple(of) for status, of in counts.items()}


def _claims(
    record: Mapping[str, Any], times: Sequence[int], drops: Mapping[tuple[str, str, int], int]
) -> Iterator[Claim]:
    notes = record["notes"]
    for place, note in enumerate(notes):
        if note["what"] != "claim":
            continue
        later = range(place + 1, len(notes))
        last = next((other for other in later if _gives_back(notes, other, record)), None)
        end = None if last is None else times[last]
        dropped = drops.get((record["id"], note["by"], note["token"]))
        yield Claim(
            id=record["id"],
            node=note["by"].partition("/")[0],
            by=note["by"],
            token=note["token"],
            start=times[place],
            end=end,
            taken_over=last is not None and notes[last]["what"] == "claim",
            dropped=dropped if end is not None and dropped is not None and dropped > end else None,
        )


def _gives_back(notes: Sequence[Mapping[str, Any]], place: int, record: Mapping[str, Any]) -> bool:
    following = notes[place + 1]["what"] if place + 1 < len(notes) else None
    what = notes[place]["what"]
    return what not in _KEEPS or (what == "advance" and _forks(following, record))


def _drops(nodes: Sequence[str], folder: Path, start_ns: int) -> dict[tuple[str, str, int], int]:
    """By instance, worker and token: when the worker last dropped a result."""
    found: dict[tuple[str, str, int], int] = {}
    for node in nodes:
        path = folder / node / _LOG
        if not path.is_file():
            continue
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                said = _dropped(line)
                if said is not None:
                    of = (said["id"], said["by"], said.get("token", 0))
                    found[of] = int(said["at_ms"] * 1_000_000 - start_ns)
    return found


def _dropped(line: str) -> Mapping[str, Any] | None:
    _, mark, rest = line.partition(_MARK)
    if not mark or '"drop"' not in rest:
        return None
    try:
        said = json.loads(rest)
    except ValueError:
        return None  # the worker died while it wrote
    return said if said.get("what") == "drop" else None


def _interesting(claims: Sequence[Claim], faults: Sequence[Window]) -> tuple[str, ...]:
    """Choose instances whose claims were fenced off or taken over; then those met by faults, or held long."""
    starts = [window.start for window in faults]
    scores: Counter[str] = Counter()
    lengths: Counter[str] = Counter()
    first: dict[str, int] = {}
    for claim in claims:
        end = claim.start if claim.end is None else claim.end
        met = bisect_right(starts, end) - bisect_right(starts, claim.start)
        scores[claim.id] += 1_000 * (claim.dropped is not None) + 100 * claim.taken_over + min(met, 3)
        lengths[claim.id] += end - claim.start
        first.setdefault(claim.id, claim.start)
    chosen = sorted(scores, key=lambda one: (-scores[one], -lengths[one], one))[:ROWS_MAX]
    return tuple(sorted(chosen, key=lambda one: (first[one], one)))
