"""Of one event sent several times for one expected version, one wins, and all others learn that they lost.

Catches: an event applied once for each node that took it, two nodes told that they made one version, losers
that are not told or are told something else, a race that nobody won.
Misses: a loser that was told it lost and had its effect all the same (``no-effect-of-refused``).
Cost: linear in the history.
Needs: several events that are equal, ``expect`` included; without any it does not know. Operations of
unknown outcome may have won: then at most one is accepted. A node that was unavailable did not compete.
"""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from dsm_jepsen.checkers._base import Verdict
from dsm_jepsen.checkers._words import Problem, brief, naming
from dsm_jepsen.checkers.models import refusal
from dsm_jepsen.history import History, Op, Operation


class _Race(NamedTuple):
    """Equal events, by what their senders were told."""

    invoke: Op
    won: list[Op]
    lost: list[Op]
    refused: list[Op]
    unknown: list[Op]


def single_winner(history: History) -> Verdict:
    """Judge each race by itself."""
    events = [operation for operation in history.operations() if operation.invoke.f == "event"]
    races = _races(events)
    if not races:
        return Verdict(valid=None, because="no event was sent several times for one expected version")
    for race in races:
        if problem := _two_winners(race) or _wrong_answer(race) or _no_winner(race, events):
            return problem.verdict()
    undecided = sum(not race.won for race in races)
    words = f"{len(races) - undecided} races had one winner each"
    if undecided:
        words += f", {undecided} had one of unknown outcome or none that competed"
    return Verdict(valid=True, because=words, details={"races": len(races), "without_winner": undecided})


def _races(events: Iterable[Operation]) -> list[_Race]:
    groups: dict[bytes, list[Operation]] = {}
    for operation in events:
        if "expect" in operation.invoke.value:
            key = msgspec.json.encode(operation.invoke.value, order="deterministic")
            groups.setdefault(key, []).append(operation)
    return [_race(group) for group in groups.values() if len(group) > 1]


def _race(group: list[Operation]) -> _Race:
    race = _Race(group[0].invoke, [], [], [], [])
    for invoke, completion in group:
        if completion is None or completion.type == "info":
            race.unknown.append(invoke)
        elif completion.type == "ok":
            race.won.append(completion)
        elif (kind := refusal(completion).kind) == "lost-race":
            if not _too_early(invoke, completion):
                race.lost.append(completion)
        elif kind == "not-applicable":
            race.refused.append(completion)
    return race


def _too_early(invoke: Op, completion: Op) -> bool:
    """Whether the version it was meant for had not come yet: nobody can have won that."""
    detail = refusal(completion).detail
    return isinstance(detail, dict) and detail.get("version", 0) < invoke.value["expect"]


def _two_winners(race: _Race) -> Problem | None:
    if len(race.won) < 2:
        return None
    told = " and ".join(f"{naming(op)}, as version {op.value['version']}" for op in race.won[:2])
    words = f"two-winners: {brief(race.invoke.value)} was accepted {len(race.won)} times: {told}"
    return Problem("two-winners", words, tuple(op.index for op in race.won))


def _wrong_answer(race: _Race) -> Problem | None:
    """See that the winner took one step, and that no loser was told of another reason."""
    if not race.won:
        return None
    winner, next_version = race.won[0], race.invoke.value["expect"] + 1
    if winner.value["version"] != next_version:
        words = f"{naming(winner)} with {brief(race.invoke.value)} made version {winner.value['version']}"
        anomaly, culprits = "wrong-step", (winner.index,)
        return Problem(anomaly, f"{anomaly}: {words}, expected {next_version}", culprits)
    if race.refused:
        loser = race.refused[0]
        words = f"{naming(loser)} with {brief(race.invoke.value)} was answered not-applicable, but it was "
        words += f"applicable for {naming(winner)}; expected lost-race"
        return Problem("wrong-refusal", f"wrong-refusal: {words}", (loser.index, winner.index))
    return None


def _no_winner(race: _Race, events: Iterable[Operation]) -> Problem | None:
    """See that somebody can have won, where there were losers."""
    expect = race.invoke.value["expect"]
    if race.won or race.unknown or not race.lost or any(_may_have_made(event, expect) for event in events):
        return None
    words = (
        f"no-winner: {brief(race.invoke.value)} lost {len(race.lost)} times, as for {naming(race.lost[0])}, "
    )
    words += f"and no other event can have made version {expect + 1}"
    return Problem("no-winner", words, tuple(op.index for op in race.lost))


def _may_have_made(event: Operation, expect: int) -> bool:
    """Whether an event can be what followed the expected version."""
    invoke, completion = event
    if completion is None or completion.type == "info":
        return bool(invoke.value.get("expect", expect) == expect)
    return bool(completion.type == "ok" and completion.value["version"] == expect + 1)
