"""What clients were shown of a state machine: who saw which version, with what content, and when."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from dsm_jepsen.checkers._base import Context
from dsm_jepsen.checkers._words import Problem, brief, naming
from dsm_jepsen.checkers.models import refusal
from dsm_jepsen.history import History, Op, Operation

ASSERTING = frozenset({"not-applicable", "lost-race"})
"""Refusals by a system that works; they may show the context they were decided by."""


class Sighting(NamedTuple):
    """A context that an operation's completion shows."""

    version: int
    context: Context
    operation: Operation
    shown: Op

    @property
    def node(self) -> str:
        """The node that showed it; only what ended ok names one."""
        return str(self.shown.value["node"])


def sightings(history: History) -> Iterator[Sighting]:
    """Give the contexts seen: by reads, by accepted events, and by refusals that tell theirs."""
    for operation in history.operations():
        completion = operation.completion
        if completion is None or completion.f not in {"event", "read", "read-strong"}:
            continue
        seen: Any = None
        if completion.type == "ok":
            seen = completion.value
        elif completion.type == "fail" and refusal(completion).kind in ASSERTING:
            seen = refusal(completion).detail
        if isinstance(seen, dict) and "states" in seen:
            variables = tuple(sorted(seen["variables"].items()))
            yield Sighting(seen["version"], Context(tuple(seen["states"]), variables), operation, completion)


def by_version(seen: Iterable[Sighting]) -> dict[int, list[Sighting]]:
    """Group sightings, versions in order."""
    groups: dict[int, list[Sighting]] = {}
    for one in seen:
        groups.setdefault(one.version, []).append(one)
    return dict(sorted(groups.items()))


def divergence(seen: Iterable[Sighting]) -> Problem | None:
    """Give the first of one version's sightings that differs from the one before all others."""
    first: Sighting | None = None
    for other in seen:
        first = first or other
        if other.context != first.context:
            words = (
                f"divergence: version {other.version} is {shown(first.context)} for {naming(first.shown)}, "
                f"but {shown(other.context)} for {naming(other.shown)}"
            )
            return Problem("divergence", words, (other.shown.index, first.shown.index))
    return None


def shown(context: Context) -> str:
    """Say a context in short, such as ``S0/S1/S11 {"foo": 0}``."""
    return f"{'/'.join(context.states)} {brief(dict(context.variables))}"


class Newest:
    """The newest version that had been shown to anybody, at any time."""

    def __init__(self, seen: Iterable[Sighting]) -> None:
        self._newest: list[Sighting] = []
        for one in sorted(seen, key=lambda one: one.shown.index):
            if not self._newest or one.version > self._newest[-1].version:
                self._newest.append(one)

    def at(self, time_ns: int) -> Sighting | None:
        """Give the newest that had been shown by then, that moment included."""
        place = bisect_right(self._newest, time_ns, key=lambda one: one.shown.time)
        return self._newest[place - 1] if place else None

    def before(self, index: int) -> Sighting | None:
        """Give the newest that had been shown before an event of the history."""
        place = bisect_left(self._newest, index, key=lambda one: one.shown.index)
        return self._newest[place - 1] if place else None
