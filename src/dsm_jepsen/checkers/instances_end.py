"""Every submitted instance comes to the end that it should, or is in dead-letter; none is lost or made up.

Judges the last reading of all records of a work queue, which has to be made when all faults are over and the
queue has had time to come to rest.

Catches: instances lost, stuck, in dead-letter by their record but not in its list, ended otherwise than their
payload says, there though they were refused or though nobody submitted them; a cancel that was acknowledged
and did not stop anything.
Misses: how long it took; an end that is right by accident.
Cost: linear in the instances.
Needs: a bound on the time before the last reading, as what goes on after it counts as stuck.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from dsm_jepsen.checkers._base import Checker, Verdict
from dsm_jepsen.checkers._queue_readings import ENDED, answered, final, submissions
from dsm_jepsen.checkers._words import Problem, naming
from dsm_jepsen.history import History, Op, Operation

Expected = Callable[[Mapping[str, Any]], Collection[str]]
"""From what was submitted to the statuses that it may come to: ``done``, ``failed``, ``dead``."""


def instances_end(expected: Expected) -> Checker:
    """Make a checker of ends.

    Args:
        expected: how what was submitted may end if nobody cancels it.
    """

    def check(history: History) -> Verdict:
        op = final(history, "records")
        if op is None:
            return Verdict(valid=None, because="the records were never read")
        for problem in _problems(history, op, expected):
            return problem.verdict()
        counted: dict[str, int] = {}
        for record in op.value["records"]:
            counted[record["status"]] = counted.get(record["status"], 0) + 1
        words = ", ".join(f"{count} {status}" for status, count in sorted(counted.items()))
        return Verdict(valid=True, because=f"every instance has come to an end: {words}", details=counted)

    return check


def _problems(history: History, op: Op, expected: Expected) -> Iterator[Problem]:
    submitted = submissions(history)
    records = {record["id"]: record for record in op.value["records"]}
    asked = _cancels(history)
    for instance, operation in submitted.items():
        if instance in records:
            yield from _end(op, records, operation, expected, asked.get(instance))
        elif operation.completion is not None and operation.completion.type == "ok":
            words = f"lost-instance: {naming(operation.completion)} submitted {instance}, and {naming(op)} "
            yield Problem("lost-instance", f"{words}does not show it", (op.index, operation.completion.index))
    for instance in records:
        root = instance.partition("/")[0]
        if root not in submitted:
            words = f"phantom-instance: {naming(op)} shows {instance}, which nobody submitted"
            yield Problem("phantom-instance", words, (op.index,))
    listed = set(op.value["dead"])
    for record in records.values():
        if (record["status"] == "dead") != (record["id"] in listed):
            words = f"lost-dead-letter: {naming(op)} shows {record['id']} as {record['status']}, and "
            words += "in" if record["id"] in listed else "not in"
            yield Problem("lost-dead-letter", f"{words} the list of dead-letter", (op.index,))


def _end(
    op: Op,
    records: Mapping[str, Any],
    operation: Operation,
    expected: Expected,
    cancelled: Operation | None,
) -> Iterator[Problem]:
    invoke, completion = operation
    record = records[invoke.value["id"]]
    status, saying = record["status"], f"{naming(op)} shows {record['id']} as {record['status']}"
    if completion is not None and completion.type == "fail":
        words = f"dirty-refusal: {saying}, but {naming(completion)}, which submitted it, was refused"
        yield Problem("dirty-refusal", words, (op.index, completion.index))
    for instance, other in records.items():
        if instance.partition("/")[0] == record["id"] and _stuck(other, records):
            words = (
                f"stuck-instance: {naming(op)} shows {instance} as {other['status']} in {other['state']}, "
            )
            words += f"neither at an end nor in dead-letter; its error is {other['error']!r}"
            yield Problem("stuck-instance", words, (op.index,))
    resting = "dead" if status == "waiting" else status
    allowed = {*expected(invoke.value), *(() if cancelled is None else ("cancelled",))}
    if cancelled is not None and cancelled.completion is not None and cancelled.completion.type == "ok":
        allowed = {"cancelled"}
    if resting not in allowed:
        words = (
            f"wrong-end: {saying} ({record['error']}), but it can come to {' or '.join(sorted(allowed))} only"
        )
        yield Problem("wrong-end", words, (op.index, invoke.index))


def _stuck(record: Mapping[str, Any], records: Mapping[str, Any]) -> bool:
    """Whether a record is neither at an end, nor in dead-letter, nor waits for a branch that is."""
    if record["status"] == "waiting":
        below = (other for name, other in records.items() if name.startswith(f"{record['id']}/"))
        return all(other["status"] != "dead" for other in below)
    return record["status"] not in ENDED and record["status"] != "dead"


def _cancels(history: History) -> Mapping[str, Operation]:
    """The cancels that may have had an effect, by id; one that was acknowledged before all others."""
    found: dict[str, Operation] = {}
    for operation in history.operations():
        completion = operation.completion
        if operation.invoke.f == "cancel" and (completion is None or completion.type != "fail"):
            found.setdefault(operation.invoke.value["id"], operation)
    for invoke, completion in answered(history, "cancel"):
        found[invoke.value["id"]] = Operation(invoke, completion)
    return found
