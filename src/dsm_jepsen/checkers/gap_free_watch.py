"""Who follows a log by watching sees every version of it, once, in order, or is told that some are gone.

Judges ``append``, ``follow`` and ``catch-up`` of a log whose every value says which version it follows: so a
version left out is seen even if nobody was told that it was written.

Catches: changes left out, repeated or out of order, values that were not written or were refused, two writes
conditional on one version that both took effect, acknowledged writes that are not there in the end, a reader
who is never told anything again, a reader told of a compaction that cannot have been.
Misses: a reader told of a compaction somewhat too early, while writes of unknown outcome may explain it.
Cost: linear in what was told, and in the number of appends for each compaction and each catching up.
Needs: tokens that are unique; catching up after the last append.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple

from dsm_jepsen.checkers._base import Checker, Verdict
from dsm_jepsen.checkers._words import Problem, naming
from dsm_jepsen.history import History, Op, Operation


class _Version(NamedTuple):
    """A version of the log."""

    number: int
    token: int
    follows: int | None


class _Told(NamedTuple):
    """A version that an operation acknowledged or showed; ``anew``: after it was told of a compaction."""

    version: _Version
    op: Op
    anew: bool = False


def gap_free_watch(*, keeps: int) -> Checker:
    """Make a checker of readers that watch.

    Args:
        keeps: how many versions a reader may be behind and must not be told of a compaction.
    """
    if keeps < 1:
        raise ValueError(f"keeps is {keeps}; every log keeps its last version at least")

    def check(history: History) -> Verdict:
        operations = list(history.operations())
        appends = [operation for operation in operations if operation.invoke.f == "append"]
        follows = [operation for operation in operations if operation.invoke.f in {"follow", "catch-up"}]
        written = [_told(op.value, op) for op in _answered(appends)]
        seen: dict[Any, list[_Told]] = defaultdict(list)
        for op in _answered(follows):
            if None in op.value["told"]:
                return _deleted(op).verdict()
            seen[op.process] += [_told(value, op) for value in op.value["told"]]
        for problem in chain(
            _forks(written, seen.values(), appends),
            *(_skips(told, appends, keeps) for told in seen.values()),
            _ends(written, follows),
        ):
            return problem.verdict()
        if not seen:
            return Verdict(valid=None, because="nobody followed the log")
        compactions = sum(one.anew for told in seen.values() for one in told)
        words = f"{len(written)} versions, told to {len(seen)} readers without a gap"
        if compactions:
            words += f"; {compactions} times one was told that some are gone"
        return Verdict(valid=True, because=words, details={"compactions": compactions})

    return check


def _answered(operations: Iterable[Operation]) -> Iterator[Op]:
    return (end for _, end in operations if end is not None and end.type == "ok")


def _told(value: Mapping[str, Any], op: Op) -> _Told:
    version = _Version(value["version"], value["token"], value["follows"])
    return _Told(version, op, bool(value.get("anew")))


def _deleted(op: Op) -> Problem:
    words = f"{naming(op)} was told that the log was deleted, which nobody did"
    return Problem("phantom", f"phantom: {words}", (op.index,))


def _forks(written: list[_Told], seen: Iterable[list[_Told]], appends: list[Operation]) -> Iterator[Problem]:
    """See that all were told of one log: no number twice, none followed by two, each with a write's token."""
    of_token = {operation.invoke.value: operation for operation in appends}
    numbered: dict[int, _Told] = {}
    followed: dict[int | None, _Told] = {}
    for one in sorted(chain(written, *seen), key=lambda told: told.op.index):
        append = of_token.get(one.version.token)
        shown = f"{naming(one.op)} was told that version {one.version.number} is {one.version.token}"
        if append is None:
            yield Problem("phantom", f"phantom: {shown}, which nobody wrote", (one.op.index,))
        elif append.completion is not None and append.completion.type == "fail":
            words = f"dirty-refusal: {shown}, which {naming(append.completion)} was told was not written"
            yield Problem("dirty-refusal", words, (one.op.index, append.completion.index))
        other = numbered.setdefault(one.version.number, one)
        if other.version != one.version:
            lost = one.op.f == other.op.f == "append"
            anomaly = "lost-update" if lost else "wrong-value"
            words = f"{anomaly}: {shown}, but for {naming(other.op)} it was {other.version.token}"
            yield Problem(anomaly, words, (one.op.index, other.op.index))
        other = followed.setdefault(one.version.follows, one)
        if other.version != one.version:
            words = f"lost-update: {naming(one.op)} has version {one.version.number} and {naming(other.op)} "
            words += f"version {other.version.number}, both written on the condition that the last one is "
            words += f"{one.version.follows}"
            yield Problem("lost-update", words, (one.op.index, other.op.index))


def _skips(told: list[_Told], appends: list[Operation], keeps: int) -> Iterator[Problem]:
    """See that one reader was told of each version in its turn, or rightly that some are gone."""
    last: int | None = None
    for one in told:
        number, follows = one.version.number, one.version.follows
        words = f"{naming(one.op)} was told of version {number}"
        if last is not None and number < last + (not one.anew):
            yield Problem("out-of-order", f"out-of-order: {words} after version {last}", (one.op.index,))
        elif one.anew:
            most = _newer(last, one.op, appends)
            if most <= keeps:
                words = f"unfounded-compaction: {naming(one.op)} was told that changes after version {last} "
                words += f"are gone, but there were {most} at most, and {keeps} are kept"
                yield Problem("unfounded-compaction", words, (one.op.index,))
        elif follows != last:
            words += f", which follows {follows}, right after version {last}, and not that some are gone"
            yield Problem("watch-gap", f"watch-gap: {words}", (one.op.index,))
        last = number


def _newer(last: int | None, op: Op, appends: list[Operation]) -> int:
    """How many versions after the last one there can have been when an operation ended."""
    began = [end for invoke, end in appends if invoke.index < op.index]
    return sum(
        end is None or end.type == "info" or (end.type == "ok" and end.value["version"] > (last or 0))
        for end in began
    )


def _ends(written: list[_Told], follows: list[Operation]) -> Iterator[Problem]:
    """See that those who caught up came to the end of the log."""
    for invoke, end in follows:
        if invoke.f != "catch-up" or end is None or end.type != "ok":
            continue
        target = end.value["target"]
        for one in written:
            if one.op.index < invoke.index and one.version.number > target:
                words = f"lost-acknowledgement: {naming(one.op)} was acknowledged as version "
                words += f"{one.version.number}, but then {naming(end)} read version {target}"
                yield Problem("lost-acknowledgement", words, (end.index, one.op.index))
        told = end.value["told"]
        last = (told[-1]["version"] if told else end.value["after"]) or 0
        if last < target:
            words = f"watch-stalled: {naming(end)} read version {target}, but the watch told of none after "
            words += f"version {last} ({end.value['ended']})"
            yield Problem("watch-stalled", words, (end.index,))
