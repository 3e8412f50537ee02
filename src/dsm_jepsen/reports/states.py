"""What a chart of states over time shows, as plain data: lines of reads, events, commits, and faults.

A node's line holds what its last good ``read`` saw until the next one: its state, or one of its variables.
Nothing is hidden: a read that told nothing is a mark on its node's line, an event that was refused or whose
fate is unknown stays an event, and a fault is a window from its start to its end. Linear in the history; no
drawing here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dsm_jepsen.history import History, Op, OpType
from dsm_jepsen.reports._base import RunInfo
from dsm_jepsen.reports.faults import Skip, Window, windows

ERROR_LEVEL = "error"
"""The level above all states: the node said of itself that it is in error."""

_CRASHES = {"kill", "crash"}
"""Words of faults after whose end the state machine of a node has been started anew."""

_NO_CRASH = "store"
"""Unless this word is among them, too: then only the store's member was."""

_LABEL_MAX = 12
"""Longer labels of events are cut off."""


class Point(NamedTuple):
    """From this moment (ns) a node's line is at this level, an index into ``Chart.levels``."""

    time: int
    level: int


class Mark(NamedTuple):
    """A read that told nothing: ``fail`` or ``info``; ``level`` is where its node's line was, if it was."""

    time: int
    node: str
    level: int | None
    type: OpType


class Event(NamedTuple):
    """What was sent to a node, at its completion (ns): ``ok``, ``fail``, ``info``, or ``restart``."""

    time: int
    node: str
    label: str
    outcome: str


class Commit(NamedTuple):
    """A version of the machine, at the moment (ns) at which a client was first shown it."""

    time: int
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """All that is drawn.

    Attributes:
        subject: ``states``, or ``variable`` when the levels are values of one of the machine's variables.
        nodes: names, bottom to top of the right axis.
        levels: labels, bottom to top of the left axis.
        lines: per node its points, only those at which its level changes, and the last.
        marks: reads that told nothing.
        events: in the order of their completions.
        commits: in the order of their moments; the machine's start, version 0, is none.
        windows: faults, in the order of their starts.
        skips: faults that were not begun.
        end: time (ns) of the history's last event.
    """

    subject: str
    nodes: tuple[str, ...]
    levels: tuple[str, ...]
    lines: Mapping[str, tuple[Point, ...]]
    marks: tuple[Mark, ...]
    events: tuple[Event, ...]
    commits: tuple[Commit, ...]
    windows: tuple[Window, ...]
    skips: tuple[Skip, ...]
    end: int


def states_over_time(history: History, info: RunInfo) -> Chart:
    """Extract the chart of a history of ``read`` and ``event`` operations and faults.

    A leaf state, or a value of ``info.variable``, that ``info.levels`` does not name gets a level of its own
    above those it names.
    """
    seen = [(op, _label(op, info.variable)) for op in _completions(history, "read")]
    levels = _levels([label for _, label in seen if label is not None], info.levels)
    lines, marks = _lines(seen, levels, info)
    in_force, skips = windows(history, info.nodes)
    events = [_event(op, history.partner(op.index), info) for op in _completions(history, "event")]
    events += [
        Event(window.end, node, "X", "restart")
        for window in in_force
        if window.end is not None and _is_crash(window.name)
        for node in window.nodes
    ]
    return Chart(
        subject="states" if info.variable is None else "variable",
        nodes=info.nodes,
        levels=levels,
        lines=lines,
        marks=marks,
        events=tuple(sorted(events)),
        commits=tuple(_commits(history)),
        windows=in_force,
        skips=skips,
        end=history[len(history) - 1].time if len(history) else 0,
    )


def _is_crash(name: str) -> bool:
    words = set(name.split("-"))
    return not _CRASHES.isdisjoint(words) and _NO_CRASH not in words


def _commits(history: History) -> Iterator[Commit]:
    """Give every version when it was first seen, also one whose event never was acknowledged."""
    seen = {0}
    for op in history:
        version = op.value.get("version") if op.type == "ok" and isinstance(op.value, Mapping) else None
        if isinstance(version, int) and version not in seen:
            seen.add(version)
            yield Commit(op.time, version)


def _completions(history: History, f: str) -> list[Op]:
    done = (operation.completion for operation in history.operations() if operation.invoke.f == f)
    return sorted((op for op in done if op is not None), key=lambda op: op.index)


def _node(op: Op, info: RunInfo) -> str:
    """Tell which node answered; it says so itself where the operation succeeded."""
    said = op.value.get("node") if isinstance(op.value, Mapping) else None
    if said in info.nodes:
        return str(said)
    return info.node_of(op.process) if isinstance(op.process, int) else info.nodes[0]


def _leaf(op: Op) -> str | None:
    states = op.value.get("states") if op.type == "ok" and isinstance(op.value, Mapping) else None
    return str(states[-1]) if states else None


def _variable(op: Op, name: str) -> str | None:
    variables = op.value.get("variables") if op.type == "ok" and isinstance(op.value, Mapping) else None
    value = variables.get(name) if isinstance(variables, Mapping) else None
    return None if value is None else str(value)


def _label(op: Op, variable: str | None) -> str | None:
    if op.type == "fail" and isinstance(op.error, Sequence) and list(op.error[:1]) == ["in-error"]:
        return ERROR_LEVEL
    return _leaf(op) if variable is None else _variable(op, variable)


def _levels(seen: Sequence[str], named: Sequence[str]) -> tuple[str, ...]:
    labels = [label for label in dict.fromkeys([*named, *seen]) if label != ERROR_LEVEL]
    return (*labels, ERROR_LEVEL) if ERROR_LEVEL in seen else tuple(labels)


def _lines(
    seen: Iterable[tuple[Op, str | None]], levels: Sequence[str], info: RunInfo
) -> tuple[dict[str, tuple[Point, ...]], tuple[Mark, ...]]:
    place = {label: level for level, label in enumerate(levels)}
    lines: dict[str, list[Point]] = {node: [] for node in info.nodes}
    marks: list[Mark] = []
    for op, label in seen:
        line = lines[_node(op, info)]
        if label is not None:
            point = Point(op.time, place[label])
            # A point between two of its own level changes nothing; the line's end must still move on.
            if len(line) >= 2 and line[-2].level == line[-1].level == point.level:
                line.pop()
            line.append(point)
        elif op.type != "ok":
            marks.append(Mark(op.time, _node(op, info), line[-1].level if line else None, op.type))
    return {node: tuple(line) for node, line in lines.items()}, tuple(marks)


def _event(op: Op, invocation: Op | None, info: RunInfo) -> Event:
    """Label an event with its name, or with the value it sets of the variable that the chart follows."""
    asked = invocation.value if invocation is not None else None
    asked = asked if isinstance(asked, Mapping) else {}
    parameters = asked.get("parameters")
    sent = parameters.get(info.variable) if isinstance(parameters, Mapping) else None
    label = str(asked.get("event", "?") if sent is None else sent)
    return Event(op.time, _node(op, info), label[:_LABEL_MAX], op.type)
