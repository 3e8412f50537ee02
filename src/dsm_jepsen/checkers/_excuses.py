"""When a node may lag: while its process is killed or paused, or it joins or leaves, and a while after."""

from collections.abc import Iterable, Mapping
from math import inf
from typing import Any

from dsm_jepsen.history import NEMESIS, History, Op, Process

_PROCESS_FAULTS = ("kill", "pause")
"""Beginnings of faults' names. Other faults are no excuse: a node that is cut off must know that it is."""


class Excuses:
    """Spans of time by node.

    Args:
        history: with nemesis events ``start-kill...`` and ``stop-kill...`` whose value lists nodes.
        nodes: process to the node it talks to, for operations that do not tell.
        after_ns: how long a span lasts beyond its end.
    """

    def __init__(self, history: History, nodes: Mapping[Process, str], after_ns: int) -> None:
        self._spans: dict[str, list[list[float]]] = {}
        self._current: dict[tuple[str, str], list[float]] = {}
        for op in history:
            if op.process == NEMESIS:
                self._fault(op, after_ns)
            elif op.f in {"join", "leave"} and (node := nodes.get(op.process)):
                self._membership(op, node, after_ns)

    def cover(self, node: str, start_ns: int, end_ns: int) -> bool:
        """Whether the node was excused at any moment between these."""
        return any(start <= end_ns and start_ns <= end for start, end in self._spans.get(node, ()))

    def _fault(self, op: Op, after_ns: int) -> None:
        step, _, fault = op.f.partition("-")
        if not fault.startswith(_PROCESS_FAULTS):
            return
        if step == "start":
            for node in _named(op.value):
                self._begin(node, fault, op.time)
        elif step == "stop":
            # Both events of a stop come here, and the last one counts.
            self._end(fault, op.time + after_ns)

    def _membership(self, op: Op, node: str, after_ns: int) -> None:
        """A node that left is excused until it joined again; joining takes as long as the operation."""
        if op.type == "invoke":
            self._begin(node, f"membership of {node}", op.time)
        elif op.f == "join":
            self._end(f"membership of {node}", op.time + after_ns)

    def _begin(self, node: str, cause: str, start: int) -> None:
        span = self._current.get((cause, node))
        if span is None or span[1] < inf:
            self._current[cause, node] = span = [start, inf]
            self._spans.setdefault(node, []).append(span)

    def _end(self, cause: str, end: int) -> None:
        for (other, _), span in self._current.items():
            if other == cause:
                span[1] = end


def _named(value: Any) -> Iterable[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else ()
