"""One tick: from a record to an instance with a typed payload, and from its result to what is written."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from dsm_jepsen.dsm.queue.machine import EFFECTS_MAX, Advance, AnyMachine, Ending, Instance, RetryError
from dsm_jepsen.dsm.queue.record import Record, RecordError


@dataclass(frozen=True, slots=True)
class Step:
    """A result that was found to be in order, as JSON."""

    state: str
    payload: bytes
    effects: Sequence[bytes]
    after_ms: int


def instance_of(record: Record, machine: AnyMachine) -> Instance[Any]:
    """Give the instance that a tick is given.

    Raises:
        RecordError: the machine has no such state to tick, or the payload is not of its type.
    """
    if record.state not in machine.edges or machine.is_final(record.state):
        raise RecordError(f"machine {machine.name!r} has no edge from a state {record.state!r}")
    try:
        return Instance(
            id=record.id,
            state=record.state,
            payload=msgspec.json.decode(record.payload, type=machine.payload),
            seq=record.seq,
            attempt=record.attempt,
            branches={
                name: Ending(
                    status=branch.status or "",
                    state=branch.state,
                    payload=msgspec.json.decode(branch.payload, type=machine.payload),
                    error=branch.error,
                )
                for name, branch in record.branches.items()
            },
        )
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RecordError(f"the payload is no {machine.payload.__name__}: {error}") from error


async def tick(machine: AnyMachine, instance: Instance[Any]) -> Step:
    """Run a tick within its deadline.

    Raises:
        RetryError, FailError: so the tick decided; or it took too long.
        Exception: whatever else it raised, or what is wrong with its result.
    """
    try:
        async with asyncio.timeout(machine.deadline_ms / 1000):
            advance = await machine.tick(instance)
    except TimeoutError as error:
        raise RetryError(f"no result within {machine.deadline_ms} ms {error}".strip()) from error
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling() > 0:
            raise
        raise RetryError("the tick was cancelled, by itself") from error
    if not isinstance(advance, Advance):
        raise TypeError(f"the tick returned {advance!r:.200}; it must return an Advance")
    targets = machine.edges[instance.state]
    if advance.state not in targets:
        raise ValueError(f"there is no edge from {instance.state!r} to {advance.state!r}, only to {targets}")
    if len(advance.effects) > EFFECTS_MAX:
        raise ValueError(f"a step has {len(advance.effects)} effects; it may have {EFFECTS_MAX}")
    payload = msgspec.json.encode(advance.payload)
    msgspec.json.decode(payload, type=machine.payload)
    effects = [msgspec.json.encode(effect) for effect in advance.effects]
    return Step(advance.state, payload, effects, advance.after_ms)
