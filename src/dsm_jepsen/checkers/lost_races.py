"""Who lost a race has a winner: another event took the version meanwhile.

Catches: "lost race" told of events that nobody raced, and so refused for no reason at all.
Misses: a winner that only an operation of unknown outcome can have been is taken on trust.
Cost: the history's length times the number of races lost.
Needs: refusals that tell the version in the way. An event meant for a version that has passed already
(``expect``) has lost before it came.
"""

from typing import Any

from dsm_jepsen.checkers._base import Verdict
from dsm_jepsen.checkers._sightings import Newest, sightings
from dsm_jepsen.checkers._words import Problem, naming
from dsm_jepsen.checkers.models import refusal
from dsm_jepsen.history import History, Op, Operation


def lost_races(history: History) -> Verdict:
    """Look for a winner of every race that an event was told to have lost."""
    newest = Newest(one for one in sightings(history) if one.shown.type == "ok")
    told = [
        operation
        for operation in history.operations()
        if operation.completion is not None
        and operation.completion.type == "fail"
        and refusal(operation.completion).kind == "lost-race"
        and not _had_passed(operation)
    ]
    for operation in told:
        if problem := _unfounded(history, newest, operation):
            return problem.verdict()
    return Verdict(valid=True, because=f"{len(told)} events lost a race, each to another")


def _unfounded(history: History, newest: Newest, operation: Operation) -> Problem | None:
    assert operation.completion is not None
    taken = _version_taken(refusal(operation.completion).detail)
    words = f"unfounded-refusal: {naming(operation.completion)} was told that it lost a race"
    culprits = (operation.completion.index, operation.invoke.index)
    if taken is None:
        return Problem("unfounded-refusal", f"{words}, but not to which version", culprits)
    before = newest.before(operation.invoke.index)
    if before is not None and before.version >= taken:
        passed = f"{words} for version {taken}, which {naming(before.shown)} had shown before it was sent"
        return Problem("unfounded-refusal", passed, (*culprits, before.shown.index))
    if not any(_may_have_taken(op, history, taken, operation.completion.index) for op in history):
        return Problem("unfounded-refusal", f"{words} for version {taken}, which nobody took", culprits)
    return None


def _had_passed(operation: Operation) -> bool:
    """Whether the event was meant for another version than the one in the way."""
    assert operation.completion is not None
    expected, detail = operation.invoke.value.get("expect"), refusal(operation.completion).detail
    return expected is not None and isinstance(detail, dict) and detail.get("version") != expected


def _version_taken(detail: Any) -> int | None:
    """The version that the winner made: the one after that shown, or the one named."""
    if not isinstance(detail, dict) or not isinstance(detail.get("version"), int):
        return None
    return int(detail["version"]) + ("states" in detail)


def _may_have_taken(op: Op, history: History, version: int, before: int) -> bool:
    """Whether an event, sent before the refusal, made this version or may have."""
    if op.f != "event" or op.type != "invoke" or op.index >= before:
        return False
    end = history.partner(op.index)
    if end is None or end.type == "info":
        return bool(op.value.get("expect", version - 1) == version - 1)
    return end.type == "ok" and end.value.get("version") == version
