"""A test client of the queue, beside one node: operations to calls, answers to outcomes.

| operation | value | value when ok |
|---|---|---|
| ``submit`` | ``{"id": "i007", "machine": "relay", "payload": {...}}`` | the same |
| ``spoil`` | ``{"id": "p003"}``: put what is no record where a ready one would be | the same |
| ``cancel`` | ``{"id": "i007"}`` | ``{"id", "status", "ending"}``: what it has become |
| ``redrive`` | ``{"id": "p001"}`` | ``{"id", "status", "ending"}`` |
| ``look`` | ``{"id": "i007"}`` | ``{"id", "records": [RECORD of it and its branches]}``, maybe none |
| ``look`` | none | ``{"records": [RECORD of all that go on or are dead]}`` |
| ``quiet`` | none | ``{"dead": [ids]}``: nothing else goes on; ``busy`` while something does |
| ``records`` | none | ``{"records": [RECORD of all instances and branches], "dead": [ids]}`` |
| ``effects`` | none | ``{"taken": [EFFECT], "disputed": [EFFECT], "waiting": [EFFECT]}`` |

``dead`` is the list of dead-letter. The id is in the invocation, so that an operation of unknown outcome is
found again in later readings.

RECORD::

    {"id": "i007/1.left", "machine": "braid", "status": "waiting", "state": "left-split", "seq": 1,
     "token": 3, "pending": 2, "ending": null, "error": null,
     "branches": {"one": {"id": "...", "status": null}},
     "notes": [NOTE]}

``status`` is ready, running, waiting, dead, done, failed or cancelled; of what cannot be read it is dead, and
``machine`` is empty.

NOTE, in the order of numbers, which begin at 1 unless the record has forgotten the first ones::

    {"number": 4, "what": "advance", "by": "n3/SESSION", "at_ms": 1000, "token": 3, "seq": 1,
     "source": "left", "state": "left-split", "error": null}

``at_ms`` is wall time, in milliseconds, of whoever made the change. ``what`` is submit, fork, claim, advance,
release, retry, die, redrive, stop, wait, branch-ended, join or end. A claim is held from its ``claim`` to the
next note that is none of advance, stop and branch-ended; the advance into a state that forks gives it back.

EFFECT::

    {"key": "i007-2-0", "id": "i007", "seq": 2, "index": 0, "by": SESSION, "value": {...}}

``by`` made the step. ``taken``: by the receiver; ``disputed``: came later, under a key that another effect
had; ``waiting``: lies in the outbox.
"""

from collections.abc import Mapping
from itertools import count
from typing import Any, Self

import msgspec

from dsm_jepsen.dsm.machines.order import ORDER
from dsm_jepsen.dsm.machines.steak import STEAK
from dsm_jepsen.dsm.machines.trial import BRAID, POISON, RELAY, UNHEARD_OF
from dsm_jepsen.dsm.queue.machine import AnyMachine, Machine, registry
from dsm_jepsen.dsm.queue.queue import Queue
from dsm_jepsen.dsm.queue.receiver import Receiver
from dsm_jepsen.dsm.queue.record import Effect, Keys, Note, Record, decode_effect, shard_of
from dsm_jepsen.env import DefiniteError, Put, Rng, Site, Store

NAME = "default"

MACHINES: Mapping[str, AnyMachine] = registry((STEAK, ORDER, RELAY, BRAID, POISON))
"""What workers know."""

_SUBMITTED: Mapping[str, AnyMachine] = registry(
    (
        *MACHINES.values(),
        Machine(name=UNHEARD_OF, payload=dict, initial="a", edges={"a": ("b",), "b": ()}, tick=RELAY.tick),
    )
)


class QueueClient:
    """One client process, with a connection to the store of its node."""

    def __init__(self, queue: Queue | None = None, store: Store | None = None) -> None:
        self._opened = queue, store
        self._numbers = count()

    async def open(self, site: Site) -> Self:
        """Connect to the store, under a name that no other client has."""
        by, store = f"client-{next(self._numbers)}", await site.open_store()
        # Every instance is given an id: nothing is drawn.
        queue = Queue(store, clock=site.clock, rng=Rng(by), machines=_SUBMITTED, name=NAME, by=by)
        return type(self)(queue, store)

    async def close(self) -> None:
        """Let go of the connection."""
        if self._opened[1] is not None:
            await self._opened[1].close()

    async def invoke(self, f: str, value: Any) -> Any:
        """Carry out one operation; see ``env.Client``."""
        match f:
            case "submit":
                await self._queue.submit(value["machine"], value["payload"], instance=value["id"])
                return value
            case "spoil":
                await self._spoil(value["id"])
                return value
            case "cancel":
                return _brief(await self._queue.cancel(value["id"]))
            case "redrive":
                return _brief(await self._queue.redrive(value["id"]))
            case "look":
                return await self._look(value)
            case "quiet":
                return await self._quiet()
            case "records":
                return await self._everything()
            case "effects":
                receiver = Receiver(self._store, name=NAME)
                return {
                    "taken": [_plain_effect(effect) for effect in await receiver.taken()],
                    "disputed": [_plain_effect(effect) for effect in await receiver.disputed()],
                    "waiting": [_plain_effect(effect) for effect in await self._waiting()],
                }
        raise ValueError(f"a queue's client does not know {f!r}")

    @property
    def _queue(self) -> Queue:
        assert self._opened[0] is not None
        return self._opened[0]

    @property
    def _store(self) -> Store:
        assert self._opened[1] is not None
        return self._opened[1]

    async def _spoil(self, instance: str) -> None:
        keys, shard = Keys.of(NAME), shard_of(instance)
        garbage = (
            Put(keys.live(instance), b'{"id": "half of a rec'),
            Put(f"{keys.ready(shard)}{0:013d}/{instance}", b"0"),
        )
        await self._store.transact((), garbage)

    async def _look(self, value: Mapping[str, Any] | None) -> dict[str, Any]:
        if value is None:
            return {"records": [plain(record) async for record in self._queue.instances("live")]}
        record = await self._queue.get(value["id"])
        found = [] if record is None else [record, *await self._queue.branches(value["id"])]
        return {"id": value["id"], "records": [plain(each) for each in found]}

    async def _quiet(self) -> dict[str, Any]:
        live = [record async for record in self._queue.instances("live")]
        dead = {record.id for record in live if record.status == "dead"}
        going = [record.id for record in live if not _at_rest(record, dead)]
        waiting = [effect.key for effect in await self._waiting()]
        if going or waiting:
            # Definite: a read has no effect.
            raise DefiniteError("busy", {"going": going[:20], "waiting": waiting[:20]})
        return {"dead": sorted(dead)}

    async def _everything(self) -> dict[str, Any]:
        """All records, each once, and what is listed as dead-letter.

        Who ends in between is found where it was, or where it came to.
        """
        found: dict[str, Record] = {}
        for place in ("live", "ended"):
            found |= {record.id: record async for record in self._queue.instances(place)}
        dead = [record.id async for record in self._queue.instances("dead")]
        return {"records": [plain(found[instance]) for instance in sorted(found)], "dead": sorted(dead)}

    async def _waiting(self) -> list[Effect]:
        return [decode_effect(entry.value) for entry in await self._store.list(Keys.of(NAME).outboxes)]


def _at_rest(record: Record, dead: set[str]) -> bool:
    """Whether nothing will happen to an instance until somebody redrives or cancels it, or a branch of it."""
    stuck = any(instance.startswith(f"{record.id}/") for instance in dead)
    return record.status == "dead" or (record.status == "waiting" and stuck)


def plain(record: Record) -> dict[str, Any]:
    """Give a record as it stands in histories; see RECORD above."""
    return {
        "id": record.id,
        "machine": record.type,
        "status": record.status,
        "state": record.state,
        "seq": record.seq,
        "token": record.token,
        "pending": record.pending,
        "ending": record.ending,
        "error": record.error,
        "branches": {
            name: {"id": branch.id, "status": branch.status} for name, branch in record.branches.items()
        },
        "notes": [_plain_note(note) for note in record.history],
    }


def _plain_note(note: Note) -> dict[str, Any]:
    return msgspec.structs.asdict(note)


def _plain_effect(effect: Effect) -> dict[str, Any]:
    return {**msgspec.structs.asdict(effect), "value": msgspec.json.decode(effect.value)}


def _brief(record: Record) -> dict[str, Any]:
    return {"id": record.id, "status": record.status, "ending": record.ending}
