"""What a chart of states over time shows, as plain data: lines of reads, events, and faults in force.

A node's line holds what its last good ``read`` saw until the next one. Nothing is hidden: a read that
told nothing is a mark on its node's line, an event that was refused or whose fate is unknown stays an
event, and a fault is a window from its start to its end. Linear in the history; no drawing here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from dsm_jepsen.history import History, Op, OpType
from dsm_jepsen.reports._base import RunInfo
from dsm_jepsen.reports.operations import faults

ERROR_LEVEL = "error"
"""The level above all states: the node said of itself that it is in error."""

_CRASHES = {"kill", "kill-node"}
"""Faults after whose end the state machine of a node has been started anew."""

_LABEL_MAX = 12
"""Longer labels of events are cut off."""

_DEPTH_MAX = 4
"""How deep a fault's value is searched for names of nodes."""


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


class Window(NamedTuple):
    """A fault in force, from when its start began to when its end was done (ns; ``None``: never)."""

    start: int
    end: int | None
    name: str
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """All that is drawn.

    Attributes:
        subject: ``states``, or ``variable`` when the levels are values of the machine's variables.
        nodes: names, bottom to top of the right axis.
        levels: labels, bottom to top of the left axis.
        lines: per node its points, only those at which its level changes, and the last.
        marks: reads that told nothing.
        events: in the order of their completions.
        windows: faults, in the order of their starts.
        end: time (ns) of the history's last event.
    """

    subject: str
    nodes: tuple[str, ...]
    levels: tuple[str, ...]
    lines: Mapping[str, tuple[Point, ...]]
    marks: tuple[Mark, ...]
    events: tuple[Event, ...]
    windows: tuple[Window, ...]
    end: int


def states_over_time(history: History, info: RunInfo) -> Chart:
    """Extract the chart of a history of ``read`` and ``event`` operations and faults.

    A leaf state that ``info.levels`` does not name gets a level of its own above those it names.
    """
    reads = _completions(history, "read")
    subject = _subject(reads, info.levels)
    seen = [(op, _label(op, subject, info.levels)) for op in reads]
    levels = _levels([label for _, label in seen if label is not None], info.levels)
    lines, marks = _lines(seen, levels, info)
    windows = tuple(sorted(_windows(history, info.nodes), key=lambda window: window.start))
    events = [_event(op, history.partner(op.index), info) for op in _completions(history, "event")]
    for _, end, name, nodes in windows:
        if name in _CRASHES and end is not None:
            events += [Event(end, node, "X", "restart") for node in nodes]
    return Chart(
        subject=subject,
        nodes=info.nodes,
        levels=levels,
        lines=lines,
        marks=marks,
        events=tuple(sorted(events)),
        windows=windows,
        end=history[len(history) - 1].time if len(history) else 0,
    )


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


def _variable(op: Op, levels: Sequence[str]) -> str | None:
    variables = op.value.get("variables") if op.type == "ok" and isinstance(op.value, Mapping) else None
    return next((str(value) for value in (variables or {}).values() if str(value) in levels), None)


def _subject(reads: Iterable[Op], levels: Sequence[str]) -> str:
    """Tell whether the levels name states or a variable's values; states, when in doubt."""
    variable = False
    for op in reads:
        if _leaf(op) in levels:
            return "states"
        variable = variable or _variable(op, levels) is not None
    return "variable" if variable else "states"


def _label(op: Op, subject: str, levels: Sequence[str]) -> str | None:
    if op.type == "fail" and isinstance(op.error, Sequence) and list(op.error[:1]) == ["in-error"]:
        return ERROR_LEVEL
    return _leaf(op) if subject == "states" else _variable(op, levels)


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
    """Label an event with its name, or with the value it set where such values are the levels."""
    asked = invocation.value if invocation is not None else None
    asked = asked if isinstance(asked, Mapping) else {}
    parameters = asked.get("parameters")
    values = parameters.values() if isinstance(parameters, Mapping) else ()
    label = next((str(value) for value in values if str(value) in info.levels), str(asked.get("event", "?")))
    return Event(op.time, _node(op, info), label[:_LABEL_MAX], op.type)


def _windows(history: History, nodes: Sequence[str]) -> Iterator[Window]:
    """Give each fault's time in force; a fault that is started again meanwhile stays one."""
    running: dict[str, Window] = {}
    for begin, done in faults(history):
        verb, _, name = begin.f.partition("-")
        named = tuple(_names([begin.value, done.value if done is not None else None], nodes))
        if verb == "start":
            window = running.get(name, Window(begin.time, None, name, ()))
            running[name] = window._replace(nodes=_union(window.nodes, named, nodes))
        elif verb == "stop" and name in running and done is not None:
            window = running.pop(name)
            yield window._replace(end=done.time, nodes=_union(window.nodes, named, nodes))
    yield from running.values()


def _union(left: Sequence[str], right: Sequence[str], order: Sequence[str]) -> tuple[str, ...]:
    return tuple(node for node in order if node in left or node in right)


def _names(value: Any, nodes: Sequence[str], depth: int = 0) -> Iterator[str]:
    """Find the names of nodes in a fault's value, whatever its shape."""
    if isinstance(value, str):
        if value in nodes:
            yield value
    elif depth < _DEPTH_MAX:
        inner = value.values() if isinstance(value, Mapping) else value
        for item in inner if isinstance(inner, Iterable) else ():
            yield from _names(item, nodes, depth + 1)
