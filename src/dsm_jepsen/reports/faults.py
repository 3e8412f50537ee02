"""Faults as a report shows them: when each was in force, on whom, and how that is known.

A nemesis says what became of a fault (``installed``, ``skipped``, ``indeterminate``, ``ended``) and gives its
evidence. Histories of other harnesses say less: there a start counts as installed and a stop as the end.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from dsm_jepsen.checkers import COMPARISON
from dsm_jepsen.history import History, Op
from dsm_jepsen.reports.details import in_words, name_of
from dsm_jepsen.reports.operations import faults

INDETERMINATE, SKIPPED = "indeterminate", "skipped"

_DEPTH_MAX = 4
"""How deep a fault's value is searched for names of nodes."""

_SAID_ELSEWHERE = ("outcome", "nodes")


class Window(NamedTuple):
    """A fault in force, from when its start began to when its end was done (ns; ``None``: never).

    ``sides`` are the parts into which a cut split the nodes, the smaller first, if it says so; ``seen`` is
    false where nobody saw the fault act.
    """

    start: int
    end: int | None
    name: str
    nodes: tuple[str, ...]
    sides: tuple[tuple[str, ...], ...] = ()
    seen: bool = True


class Skip(NamedTuple):
    """A fault that was not begun, at the moment (ns) it would have been."""

    time: int
    name: str


class FaultRow(NamedTuple):
    """One step of a nemesis in words; ``row`` is where it stands among the operations."""

    row: int
    time_s: str
    f: str
    outcome: str
    nodes: str
    evidence: str


def windows(history: History, nodes: Sequence[str]) -> tuple[tuple[Window, ...], tuple[Skip, ...]]:
    """Give each fault's time in force, in the order of their starts, and those that were skipped.

    A fault that is started again meanwhile stays one. An end that nobody saw is none.
    """
    running: dict[str, Window] = {}
    done: list[Window] = []
    skips: list[Skip] = []
    for begin, completion in faults(history):
        verb, _, name = begin.f.partition("-")
        outcome = _outcome(begin, completion)
        hit = _hit(begin, completion, nodes)
        if verb == "start" and outcome == SKIPPED:
            skips.append(Skip(begin.time, name))
        elif verb == "start":
            old = running.get(name, Window(begin.time, None, name, (), (), seen=False))
            running[name] = old._replace(
                nodes=_union(old.nodes, hit, nodes),
                sides=_sides(completion, nodes) or old.sides,
                seen=old.seen or outcome != INDETERMINATE,
            )
        elif name in running and completion is not None and outcome not in {INDETERMINATE, SKIPPED}:
            old = running.pop(name)
            done.append(old._replace(end=completion.time, nodes=_union(old.nodes, hit, nodes)))
    return tuple(sorted([*done, *running.values()], key=lambda window: window.start)), tuple(skips)


def fault_rows(history: History, nodes: Sequence[str], *, limit: int) -> list[FaultRow]:
    """Give the first ``limit`` steps of the nemeses, each with its outcome and evidence."""
    rows: list[FaultRow] = []
    for begin, completion in faults(history):
        if len(rows) == limit:
            break
        if begin.f == COMPARISON:
            continue  # a look at the store when all is over, judged by a checker of its own
        said = _report(completion)
        told = [key for key in sorted(said) if key not in _SAID_ELSEWHERE]
        evidence = [f"{name_of(key)}: {in_words(key, said[key])}" for key in told]
        if completion is not None and completion.error is not None:
            evidence.append(in_words("error", completion.error))
        rows.append(
            FaultRow(
                row=begin.index,
                time_s=f"{begin.time / 1e9:.3f}",
                f=begin.f,
                outcome=_outcome(begin, completion),
                nodes=" ".join(_hit(begin, completion, nodes)),
                evidence="; ".join(evidence),
            )
        )
    return rows


def _outcome(begin: Op, completion: Op | None) -> str:
    if completion is None or completion.error is not None:
        return INDETERMINATE  # it broke off: part of it may act
    said = _report(completion).get("outcome")
    return str(said) if said else "installed" if begin.f.startswith("start-") else "ended"


def _report(completion: Op | None) -> Mapping[str, Any]:
    """What the nemesis said; nothing if it is no report."""
    value = completion.value if completion is not None else None
    return value if isinstance(value, Mapping) and "outcome" in value else {}


def _hit(begin: Op, completion: Op | None, nodes: Sequence[str]) -> tuple[str, ...]:
    """Tell which nodes a fault hit: as its nemesis reports, or else whichever its values name."""
    said = _report(completion)
    values = [said["nodes"]] if "nodes" in said else [begin.value, completion.value if completion else None]
    return _union(tuple(_names(values, nodes)), (), nodes)


def _sides(completion: Op | None, nodes: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    said = _report(completion)
    if "minority" not in said or "majority" not in said:
        return ()
    sides = (_union(tuple(_names(said[side], nodes)), (), nodes) for side in ("minority", "majority"))
    return tuple(sides)


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
