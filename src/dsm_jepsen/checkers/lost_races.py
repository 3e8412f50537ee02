"""Who lost a race has a winner: another event took the version meanwhile.

Catches: "lost race" told of events that nobody raced, and so refused for no reason at all.
Misses: a winner that only an operation of unknown outcome can have been is taken on trust, once for each
such operation, and whether or not its event was applicable.
Cost: the history's length, and for each race without a known winner the number of versions without one.
Needs: refusals that tell the version in the way. An event meant for a version that has passed already
(``expect``) has lost before it came.
"""

from bisect import bisect_left
from collections.abc import Iterator
from math import inf
from typing import Any

from dsm_jepsen.checkers._base import Verdict
from dsm_jepsen.checkers._sightings import Newest, sightings
from dsm_jepsen.checkers._words import Problem, naming
from dsm_jepsen.checkers.models import refusal
from dsm_jepsen.history import History, Op, Operation


def lost_races(history: History) -> Verdict:
    """Look for a winner of every race that an event was told to have lost."""
    newest = Newest(one for one in sightings(history) if one.shown.type == "ok")
    winners = _Winners(history)
    for version, before in _first_shown(history):
        # Taken if somebody can have: versions out of nowhere are for other checkers to find.
        winners.claim(version, before)
    told = [(operation.invoke, end) for operation in history.operations() if (end := _lost(operation))]
    for invoke, end in sorted(told, key=lambda race: race[1].index):
        if problem := _unfounded(newest, winners, invoke, end):
            return problem.verdict()
    return Verdict(valid=True, because=f"{len(told)} events lost a race, each to another")


class _Winners:
    """Who took the versions: those who were told so, and at most one version each who were told nothing."""

    def __init__(self, history: History) -> None:
        self.known: dict[int, Op] = {}
        self._meant: dict[int, int] = {}
        self._untold: list[int] = []
        self._claimed: dict[int, int] = {}
        for sent, end in history.operations():
            if sent.f != "event":
                continue
            if end is not None and end.type == "ok":
                self.known.setdefault(end.value["version"], sent)
            elif end is None or end.type == "info":
                if (expected := sent.value.get("expect")) is None:
                    self._untold.append(sent.index)
                else:
                    self._meant.setdefault(expected + 1, sent.index)

    def claim(self, version: int, before: int) -> bool:
        """Whether some event, sent before this one of the history, can have taken the version.

        If so it stays claimed: what is left to be told nothing must do for all later claims.
        """
        if version in self.known:
            return self.known[version].index < before
        claimed = {**self._claimed, version: min(before, self._claimed.get(version, before))}
        if not self._enough(claimed):
            return False
        self._claimed = claimed
        return True

    def spent(self) -> list[int]:
        """The versions that need an event that was told nothing and could have taken others as well."""
        return sorted(version for version, before in self._claimed.items() if self._open(version, before))

    def _enough(self, claimed: dict[int, int]) -> bool:
        """Whether each version can have had an event of its own."""
        # An event that was meant for a version can have taken no other one, so there it costs nothing. Any
        # of the rest does for whatever was taken after it was sent: so it is enough to count them.
        needing = sorted(before for version, before in claimed.items() if self._open(version, before))
        return all(bisect_left(self._untold, before) >= rank for rank, before in enumerate(needing, 1))

    def _open(self, version: int, before: int) -> bool:
        return self._meant.get(version, inf) >= before


def _first_shown(history: History) -> Iterator[tuple[int, int]]:
    """Give each version that was taken, and the event by which that was shown first."""
    newest = 0
    for one in sorted(sightings(history), key=lambda one: one.shown.index):
        # Nobody can have taken more versions than there are events.
        for version in range(newest + 1, min(one.version, len(history)) + 1):
            yield version, one.shown.index
        newest = max(newest, one.version)


def _lost(operation: Operation) -> Op | None:
    """The refusal, if the event was told that it lost a race for the version it was meant for."""
    sent, end = operation
    if end is None or end.type != "fail" or refusal(end).kind != "lost-race":
        return None
    expected, taken = sent.value.get("expect"), _version_taken(refusal(end).detail)
    return end if expected is None or taken is None or taken == expected + 1 else None


def _version_taken(detail: Any) -> int | None:
    """The version that the winner made: the one after that shown, or the one named."""
    if not isinstance(detail, dict) or not isinstance(detail.get("version"), int):
        return None
    return int(detail["version"]) + ("states" in detail)


def _unfounded(newest: Newest, winners: _Winners, sent: Op, end: Op) -> Problem | None:
    taken = _version_taken(refusal(end).detail)
    words = f"unfounded-refusal: {naming(end)} was told that it lost a race"
    culprits = (end.index, sent.index)
    if taken is None:
        return Problem("unfounded-refusal", f"{words}, but not to which version", culprits)
    words += f" for version {taken}, which"
    before = newest.before(sent.index)
    if before is not None and before.version >= taken:
        passed = f"{words} {naming(before.shown)} had shown before it was sent"
        return Problem("unfounded-refusal", passed, (*culprits, before.shown.index))
    if winners.claim(taken, end.index):
        return None
    if winner := winners.known.get(taken):
        later = f"{words} nobody had taken: {naming(winner)} came later"
        return Problem("unfounded-refusal", later, (*culprits, winner.index))
    others = ", ".join(str(version) for version in winners.spent() if version != taken)
    spent = f": every event of unknown outcome before it is needed for another version ({others})"
    return Problem("unfounded-refusal", f"{words} nobody took{spent if others else ''}", culprits)
