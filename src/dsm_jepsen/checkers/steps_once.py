"""Every step of an instance is taken once: numbers grow by one, tokens never go down, nothing follows an end.

Judges the notes in the records of a work queue, in all readings, and who made the steps whose effects were
taken: two workers who took the same step are told by one note and one effect, or by two effects, though only
one of them is left in the record.

Catches: steps skipped or repeated, taken by two workers or by one without the claim, tokens that
go down, changes after the end, instances that come back to life, readings that go back, notes that vanish.
Misses: a change that was overwritten before anybody read it, and had no effect.
Cost: linear in the notes of all readings.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from dsm_jepsen.checkers._base import Verdict
from dsm_jepsen.checkers._queue_readings import ENDED, Reading, final, readings, told
from dsm_jepsen.checkers._words import Problem, naming
from dsm_jepsen.history import History

_BY_HOLDER = frozenset({"advance", "retry", "release", "die", "wait"})
"""What only the worker that has claimed an instance does to it."""

Note = Mapping[str, Any]


def steps_once(history: History) -> Verdict:
    """Judge the steps of all instances."""
    seen = readings(history)
    if not seen:
        return Verdict(valid=None, because="no record was read")
    for instance, shown in seen.items():
        for problem in (*_within(instance, shown), *_between(instance, shown)):
            return problem.verdict()
    for problem in _makers(history, seen):
        return problem.verdict()
    steps = sum(shown[-1].record["seq"] for shown in seen.values())
    return Verdict(valid=True, because=f"{steps} steps of {len(seen)} instances, each taken once")


def _within(instance: str, shown: list[Reading]) -> Iterator[Problem]:
    """See that each record tells a story that can have been."""
    judged: set[int] = set()
    for reading in shown:
        notes = reading.record["notes"]
        saying = f"{naming(reading.op)} showed of {instance}"
        holder = None
        for before, note in pairwise(notes):
            holder = note["by"] if note["what"] == "claim" else holder
            if note["number"] not in judged and (wrong := _wrong(before, note, holder)):
                anomaly, words = wrong
                yield Problem(anomaly, f"{anomaly}: {saying} {told(note)}, {words}", (reading.op.index,))
            judged.add(note["number"])
        if notes and any(reading.record[field] != notes[-1][field] for field in ("seq", "token", "state")):
            words = f"{saying} seq {reading.record['seq']}, token {reading.record['token']} and state "
            words += f"{reading.record['state']}, but its last change is {told(notes[-1])}"
            yield Problem("wrong-record", f"wrong-record: {words}", (reading.op.index,))


def _wrong(before: Note, note: Note, holder: str | None) -> tuple[str, str] | None:
    what = note["what"]
    step = note["seq"] - before["seq"]
    if note["number"] != before["number"] + 1:
        return "lost-note", f"right after note {before['number']}"
    if before["what"] == "end":
        return "step-after-end", "after its end"
    if step != (what == "advance"):
        name = "skipped-step" if step > 1 else "repeated-step"
        return name, f"after step {before['seq']}"
    if note["token"] < before["token"]:
        return "token-went-down", f"after token {before['token']}"
    if note["token"] != before["token"] + (what == "claim"):
        return "wrong-token", f"after token {before['token']}; a claim adds one, and nothing else does"
    if what in _BY_HOLDER and holder is not None and note["by"] != holder:
        return "unfenced-step", f"but {holder} holds the claim"
    return None


def _between(instance: str, shown: list[Reading]) -> Iterator[Problem]:
    """See that the readings are of one story, which goes on."""
    numbered: dict[int, tuple[Note, Reading]] = {}
    newest = shown[0]
    for reading in shown:
        for note in reading.record["notes"]:
            known, other = numbered.setdefault(note["number"], (note, reading))
            if known != note:
                words = f"{naming(other.op)} showed of {instance} {told(known)}, and {naming(reading.op)} "
                words += f"{told(note)}"
                yield Problem(
                    "rewritten-history", f"rewritten-history: {words}", (reading.op.index, other.op.index)
                )
        if reading.last < newest.last and newest.op.index < reading.began:
            back = newest.record["status"] in ENDED
            anomaly = "revived" if back else "went-back"
            words = f"{anomaly}: {naming(reading.op)} showed {instance} with {reading.last} changes, "
            words += f"{reading.record['status']}, after {naming(newest.op)} had shown {newest.last}, "
            words += f"{newest.record['status']}"
            yield Problem(anomaly, words, (reading.op.index, newest.op.index))
        newest = max(newest, reading, key=lambda one: one.last)


def _makers(history: History, seen: Mapping[str, list[Reading]]) -> Iterator[Problem]:
    """See that whoever made the effects of a step is who took it."""
    effects = final(history, "effects")
    if effects is None:
        return
    makers: dict[tuple[str, int], str] = {}
    for instance, shown in seen.items():
        for note in shown[-1].record["notes"]:
            if note["what"] == "advance":
                makers[instance, note["seq"]] = note["by"].rpartition("/")[2]
    for effect in (*effects.value["taken"], *effects.value["disputed"]):
        maker = makers.setdefault((effect["id"], effect["seq"]), effect["by"])
        if maker != effect["by"]:
            words = (
                f"double-step: step {effect['seq']} of {effect['id']} was taken in session {maker}, and the "
            )
            words += f"effect {effect['key']} comes from session {effect['by']} ({naming(effects)})"
            yield Problem("double-step", words, (effects.index,))
