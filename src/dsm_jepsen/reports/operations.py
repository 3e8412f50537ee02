"""A history as a table: one row per operation, its invocation and its completion side by side.

A nemesis' events are ``info`` on both sides; by Jepsen's rule the second of one ``f`` completes the first.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import merge
from typing import Any

import msgspec

from dsm_jepsen.history import History, Op, Operation
from dsm_jepsen.reports._base import RunInfo

_TEXT_MAX = 400
"""Longer values are cut off: the whole ones are in the history's files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An operation in words.

    ``index`` is that of the invocation; ``type`` is ``open`` if it never completed; times are texts, in
    seconds since the run began and milliseconds from invocation to completion.
    """

    index: int
    time_s: str
    duration_ms: str
    process: str
    node: str
    type: str
    f: str
    argument: str
    value: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How the operations of one name ended, and how long the completed ones took (ms)."""

    f: str
    ok: int
    fail: int
    info: int
    open: int
    median_ms: str
    longest_ms: str


def faults(history: History) -> Iterator[Operation]:
    """Pair the nemesis' events, in the order of the first of each."""
    begun: dict[str, int] = {}
    pairs: list[Operation] = []
    for op in history.nemesis():
        if op.f in begun:
            place = begun.pop(op.f)
            pairs[place] = Operation(pairs[place].invoke, op)
        else:
            begun[op.f] = len(pairs)
            pairs.append(Operation(op, None))
    return iter(pairs)


def rows(history: History, info: RunInfo, *, only: Iterable[int] = (), limit: int) -> list[Row]:
    """Give the first ``limit`` operations, and those to which an event in ``only`` belongs."""
    wanted = set(only)
    chosen: list[Row] = []
    both = merge(history.operations(), faults(history), key=lambda pair: pair.invoke.index)
    for number, (invoke, completion) in enumerate(both):
        indexes = {invoke.index} if completion is None else {invoke.index, completion.index}
        if number < limit or not wanted.isdisjoint(indexes):
            chosen.append(_row(invoke, completion, info))
    return chosen


def row_index(history: History, index: int) -> int:
    """Tell in which row an event stands: that of its operation's invocation."""
    op = history[index]
    if op.type == "invoke":
        return index
    partner = history.partner(index)
    if partner is not None:
        return partner.index
    return next(
        (a.index for a, b in faults(history) if index in {a.index, -1 if b is None else b.index}), index
    )


def counts(history: History) -> list[Count]:
    """Count the clients' operations by name, in the order of the names."""
    ended: dict[str, Counter[str]] = {}
    took: dict[str, list[int]] = {}
    for invoke, completion in history.operations():
        outcome = "open" if completion is None else completion.type
        ended.setdefault(invoke.f, Counter())[outcome] += 1
        if completion is not None:
            took.setdefault(invoke.f, []).append(completion.time - invoke.time)
    return [_count(f, ended[f], sorted(took.get(f, ()))) for f in sorted(ended)]


def _count(f: str, ended: Counter[str], took: list[int]) -> Count:
    return Count(
        f=f,
        ok=ended["ok"],
        fail=ended["fail"],
        info=ended["info"],
        open=ended["open"],
        median_ms=_ms(took[len(took) // 2]) if took else "",
        longest_ms=_ms(took[-1]) if took else "",
    )


def _row(invoke: Op, completion: Op | None, info: RunInfo) -> Row:
    end = completion if completion is not None else invoke
    return Row(
        index=invoke.index,
        time_s=f"{invoke.time / 1e9:.3f}" if invoke.time >= 0 else "",
        duration_ms="" if completion is None else _ms(completion.time - invoke.time),
        process=str(invoke.process),
        node=info.node_of(invoke.process) if isinstance(invoke.process, int) else "",
        type="open" if completion is None else completion.type,
        f=invoke.f,
        argument=_text(invoke.value),
        value="" if completion is None else _text(completion.value),
        error=_text(end.error),
    )


def _ms(ns: int) -> str:
    return f"{ns / 1e6:.1f}"


def _text(value: Any) -> str:
    """Write a value as compact JSON, cut off where it is long."""
    if value is None:
        return ""
    # Sorted keys: a history from disk reads as it did in memory.
    text = msgspec.json.encode(value, order="sorted").decode()
    return text if len(text) <= _TEXT_MAX else f"{text[:_TEXT_MAX]}…"
