"""Every effect of a step that was taken is applied once, and nothing else is.

Judges the last reading of what the receiver of effects took, beside the last one of all records.

Catches: effects applied twice because they came under two keys, applied for steps that were never taken,
or not applied though their step was; two different effects under one key; effects that stay in the outbox.
Misses: repeats that the receiver knew by their key, as these are meant to be.
Cost: linear in effects and notes.
Needs: a last reading after the queue has come to rest.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from dsm_jepsen.checkers._base import Checker, Verdict
from dsm_jepsen.checkers._queue_readings import final
from dsm_jepsen.checkers._words import Problem, naming
from dsm_jepsen.history import History, Op

_Step = tuple[str, int]


def effects_once(machines: Collection[str]) -> Checker:
    """Make a checker of effects.

    Args:
        machines: the names of those that have an effect in every step.
    """

    def check(history: History) -> Verdict:
        records, effects = final(history, "records"), final(history, "effects")
        if records is None or effects is None:
            return Verdict(valid=None, because="records or effects were never read")
        for problem in _problems(records, effects, machines):
            return problem.verdict()
        count = len(effects.value["taken"])
        return Verdict(
            valid=True if count else None, because=f"{count} effects, each of one step and applied once"
        )

    return check


def _problems(records: Op, effects: Op, machines: Collection[str]) -> Iterator[Problem]:
    def problem(anomaly: str, words: str) -> Problem:
        return Problem(anomaly, f"{anomaly}: {naming(effects)}: {words}", (effects.index, records.index))

    by_id = {record["id"]: record for record in records.value["records"]}
    applied: dict[tuple[str, int, int], Mapping[str, Any]] = {}
    for effect in effects.value["taken"]:
        place = (effect["id"], effect["seq"], effect["index"])
        first = applied.setdefault(place, effect)
        step = f"step {effect['seq']} of {effect['id']}"
        if first is not effect:
            yield problem("repeated-effect", f"{step} was applied as {first['key']} and as {effect['key']}")
        record = by_id.get(effect["id"])
        if record is None or effect["seq"] > record["seq"]:
            reached = "is not there" if record is None else f"has {record['seq']} steps"
            yield problem("phantom-effect", f"{effect['key']} was applied, but {effect['id']} {reached}")
    for effect in effects.value["disputed"]:
        yield problem(
            "disputed-effect", f"{effect['key']} came with {effect['value']} from {effect['by']}, too"
        )
    done = {(instance, seq) for instance, seq, _ in applied}
    for effect in effects.value["waiting"]:
        yield problem("lost-effect", f"{effect['key']} is still in the outbox")
    for instance, seq in _steps(by_id.values(), machines):
        if (instance, seq) not in done:
            yield problem("lost-effect", f"step {seq} of {instance} was taken, and no effect of it applied")


def _steps(records: Collection[Mapping[str, Any]], machines: Collection[str]) -> Iterator[_Step]:
    for record in records:
        if record["machine"] in machines:
            for seq in range(1, record["seq"] + 1):
                yield record["id"], seq
