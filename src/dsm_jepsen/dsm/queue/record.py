"""What the store holds of an instance, and under which keys.

The record is the truth. All other keys that stand for it are an index, a pure function of the record, and are
written in the same transaction: so what is written is always the difference of two records (``rewrite``).

| key, below the queue's | there while |
|---|---|
| ``live/SHARD//ID`` | the instance has not ended |
| ``ended/SHARD//ID`` | it has |
| ``ready/SHARD//MILLISECONDS/ID`` | it waits for a worker, until then or longer; the value is the delay |
| ``running//SESSION/ID`` | a worker has claimed it |
| ``dead/SHARD//ID`` | it is in dead-letter; the value is the error |
| ``kept/SHARD//MILLISECONDS/ID`` | it has ended, at that time |
| ``outbox/SHARD//ID-SEQ-INDEX`` | an effect is not yet known to be delivered |
| ``outbox/later//MILLISECONDS/ID-SEQ-INDEX`` | it was refused; it is delivered again at that time |
| ``undelivered/SHARD//ID-SEQ-INDEX`` | it was refused too often |
| ``workers//SESSION`` | the worker lives: its only key that is bound to its session |

All are plain keys (see ``env.store``), as there is no end of them.

A branch is an instance too, called ``PARENT/SEQ.NAME``: the step that forked is part of its name, so no id is
ever used twice. It shares the shard of the instance that it belongs to.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeVar

import msgspec

from dsm_jepsen.dsm.queue.machine import OnFailure
from dsm_jepsen.env import Delete, Put, Write

SHARDS = 16
"""How many parts keys are in, so that no listing is long; never changed once there are instances."""

HISTORY_MAX = 48
"""How many notes a record keeps, the last ones."""

Status = Literal["ready", "running", "waiting", "dead", "done", "failed", "cancelled"]
EndedStatus = Literal["done", "failed", "cancelled"]
StopStatus = Literal["failed", "cancelled"]
E = TypeVar("E", bound="Effect")
ENDED: tuple[Status, ...] = ("done", "failed", "cancelled")


class RecordError(ValueError):
    """The store holds something that is no record of an instance."""


class Note(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One change of a record: what happened, who did it and when.

    Attributes:
        number: of the change, counted from 1 without gaps.
        what: ``submit``, ``claim``, ``advance``, ``retry``, ``release``, ``die``, ``end``, ``redrive``,
            ``cancel``, ``branch-ended`` ...
        by: ``NODE/SESSION`` of a worker, or a client's name.
        at_ms: wall time where it was done.
        token: the fencing token that was valid then.
        seq: how many steps were committed with it.
        source: the state before an advance.
        state: the state after it.
        error: why, where something failed.
    """

    number: int
    what: str
    by: str
    at_ms: int
    token: int
    seq: int
    state: str
    source: str | None = None
    error: str | None = None


class Branch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an instance knows of one of its branches; ``status`` is ``None`` while it goes on."""

    id: str
    status: EndedStatus | None = None
    state: str = ""
    payload: msgspec.Raw = msgspec.Raw(b"null")
    error: str | None = None


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """What a step does to the world, as it lies in the outbox.

    Attributes:
        key: ``ID-SEQ-INDEX``; the same at every delivery.
        by: session of the worker that made the step, and delivers it as long as it lives.
        value: what the tick returned.
    """

    key: str
    id: str
    seq: int
    index: int
    by: str
    value: msgspec.Raw


class Refused(Effect, frozen=True, kw_only=True):
    """An effect that was not taken when it was made, as it lies in the outbox or as undelivered.

    Attributes:
        attempt: how often it was delivered since.
        error: why it was not taken the last time.
    """

    attempt: int = 0
    error: str = ""


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An instance.

    Attributes:
        chart: version of the machine's definition that it began with.
        payload: JSON; of an ended instance it is the result.
        seq: how many steps were committed.
        attempt: how many ticks of the next step have failed.
        ready_ms: of a ready one, wall time before which nobody need look at it.
        delay_ms: how long that was ahead when it was written.
        owner: session of the worker that has claimed it.
        token: fencing token; every claim adds one.
        pending: the join counter: branches that have not ended.
        branches: by name, those of the fork it is in.
        ending: how it is to end once its branches are gone.
        on_failure: of a branch, what its failure means for the others.
        error: of the last failed tick, or why it failed or died.
    """

    id: str
    type: str
    chart: int
    status: Status
    state: str
    payload: msgspec.Raw
    seq: int = 0
    attempt: int = 0
    ready_ms: int = 0
    delay_ms: int = 0
    owner: str | None = None
    token: int = 0
    pending: int = 0
    branches: Mapping[str, Branch] = {}
    ending: StopStatus | None = None
    on_failure: OnFailure | None = None
    error: str | None = None
    history: tuple[Note, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether nothing will ever change it again."""
        return self.status in ENDED


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Record)
_effect_decoder = msgspec.json.Decoder(Effect)
_refused_decoder = msgspec.json.Decoder(Refused)


def encode(value: Record | Effect) -> bytes:
    """Give the bytes to store: JSON, so that a person can read it with the store's own tools."""
    return _encoder.encode(value)


def decode(value: bytes, instance: str) -> Record:
    """Read the stored record of an instance.

    Raises:
        RecordError: it is none.
    """
    try:
        record = _decoder.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RecordError(f"{value[:80]!r} is no record of an instance: {error}") from error
    if record.id != instance:
        raise RecordError(f"the record of {record.id!r} lies under the key of {instance!r}")
    return record


def decode_effect(value: bytes) -> Effect:
    """Read an effect of the outbox, as it was made.

    Raises:
        RecordError: it is none.
    """
    return _decode_effect(_effect_decoder, value)


def decode_refused(value: bytes) -> Refused:
    """Read an effect of the outbox, with what was tried so far.

    Raises:
        RecordError: it is none.
    """
    return _decode_effect(_refused_decoder, value)


def _decode_effect(decoder: msgspec.json.Decoder[E], value: bytes) -> E:
    try:
        return decoder.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RecordError(f"{value[:80]!r} is no effect: {error}") from error


def parent_of(instance: str) -> str | None:
    """The instance that a branch belongs to."""
    return instance.rpartition("/")[0] or None


def branch_name(instance: str) -> str:
    """The name that a branch has in its fork."""
    return instance.rpartition("/")[2].partition(".")[2]


@lru_cache(maxsize=4096)
def stable_hash(text: str) -> int:
    """A number that is the same on every machine and in every process."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


def shard_of(instance: str) -> str:
    """The part of the keys that an instance and all its branches are in."""
    return f"{stable_hash(instance.partition('/')[0]) % SHARDS:02d}"


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one queue.

    Attributes:
        root: what all begin with; ends with a slash.
    """

    root: str

    @classmethod
    def of(cls, name: str) -> "Keys":
        """The keys of the queue with this name."""
        if not name or "/" in name:
            raise ValueError(f"a queue is called {name!r}; a name must not be empty or contain a slash")
        return cls(f"/dsm-jepsen/queues/{name}/")

    def live(self, instance: str) -> str:
        """Where the record is until it ends."""
        return f"{self.root}live/{shard_of(instance)}//{instance}"

    def ended(self, instance: str) -> str:
        """Where it is from then on."""
        return f"{self.root}ended/{shard_of(instance)}//{instance}"

    def ready(self, shard: str) -> str:
        """What the keys of a shard's ready instances begin with, those that wait longest first."""
        return f"{self.root}ready/{shard}//"

    def dead(self, instance: str) -> str:
        """What says that an instance is in dead-letter."""
        return f"{self.root}dead/{shard_of(instance)}//{instance}"

    def running(self, session: str, instance: str) -> str:
        """What says who has claimed an instance."""
        return f"{self.root}running//{session}/{instance}"

    def worker(self, session: str) -> str:
        """What says that a worker lives."""
        return f"{self.root}workers//{session}"

    @property
    def outboxes(self) -> str:
        """What the keys of all effects begin with that are to be delivered."""
        return f"{self.root}outbox/"

    def outbox(self, effect: Effect) -> str:
        """Where an effect waits."""
        return f"{self.outboxes}{shard_of(effect.id)}//{effect.key}"

    def later(self, effect: Effect, at_ms: int) -> str:
        """Where it waits after it was refused."""
        return f"{self.outboxes}later//{at_ms:013d}/{effect.key}"

    def undelivered(self, instance: str) -> str:
        """What the keys of an instance's effects begin with that were refused too often."""
        return f"{self.root}undelivered/{shard_of(instance)}//{instance}-"

    def kept(self, shard: str) -> str:
        """What the keys of a shard's ended instances begin with that say when, the oldest first."""
        return f"{self.root}kept/{shard}//"

    def home(self, record: Record) -> str:
        """Where a record is."""
        return self.ended(record.id) if record.ended else self.live(record.id)

    def index(self, record: Record) -> dict[str, bytes]:
        """All other keys that stand for a record, with their values."""
        match record.status:
            case "ready":
                place = f"{self.ready(shard_of(record.id))}{record.ready_ms:013d}/{record.id}"
                return {place: b"%d" % record.delay_ms}
            case "running":
                return {self.running(record.owner or "", record.id): b""}
            case "dead":
                return {self.dead(record.id): (record.error or "").encode()}
            case "waiting":
                return {}
            case "done" | "failed" | "cancelled":
                at_ms = max(0, record.history[-1].at_ms)
                return {f"{self.kept(shard_of(record.id))}{at_ms:013d}/{record.id}": b""}

    def rewrite(self, old: Record | None, new: Record) -> list[Write]:
        """What turns all keys of one record into those of the next."""
        # A record is never what it was: every change adds a note. So it need not be encoded to compare it.
        before = {} if old is None else {self.home(old): None, **self.index(old)}
        after = {self.home(new): encode(new), **self.index(new)}
        return [
            *(Put(key, value) for key, value in after.items() if before.get(key) != value),
            *(Delete(key) for key in before if key not in after),
        ]
