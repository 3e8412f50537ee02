"""A receiver of effects that remembers in the store what it took: for trials that ask afterwards.

It takes each key once, whoever delivers it and however often, and drops what comes under a key that it knows.
If it is not what was taken, which only two different steps can cause, it is kept as a dispute. All of it
outlives whoever delivers.

| key, below ``/dsm-jepsen/receivers/QUEUE/`` | there once |
|---|---|
| ``taken/SHARD//KEY`` | the effect was taken; the value is the effect |
| ``refused/SHARD//KEY`` | it was refused |
| ``disputed/SHARD//KEY/SESSION`` | another effect came under the same key, from this session's worker |
"""

from collections.abc import Sequence

import msgspec

from dsm_jepsen.dsm.queue.record import SHARDS, Effect, decode_effect, encode, shard_of
from dsm_jepsen.env import Store


class RefusedEffectError(Exception):
    """The receiver does not take an effect now."""


class Receiver:
    """One worker's way to the receiver.

    An effect whose value is an object with ``"refuse": true`` is refused once, whoever delivers it first.

    Args:
        store: a connection.
        name: of the queue.
    """

    def __init__(self, store: Store, *, name: str = "default") -> None:
        self._store = store
        self._root = f"/dsm-jepsen/receivers/{name}/"

    async def take(self, effect: Effect) -> None:
        """Take an effect, unless its key is known.

        Raises:
            RefusedEffectError: it asks for that.
            OutcomeError: the store did not answer; delivered again, it is still taken once.
        """
        await self._refuse(effect)
        key = f"{self._root}taken/{shard_of(effect.id)}//{effect.key}"
        if await self._store.compare_and_set(key, encode(effect), version=None) is not None:
            return
        known = await self._store.get(key)
        if known is not None and known.value != encode(effect):
            disputed = f"{self._root}disputed/{shard_of(effect.id)}//{effect.key}/{effect.by}"
            await self._store.put(disputed, encode(effect))

    async def taken(self) -> Sequence[Effect]:
        """Give all effects that were taken, in the order of their keys in each shard.

        Raises:
            OutcomeError: the store did not answer.
        """
        return await self._list("taken")

    async def disputed(self) -> Sequence[Effect]:
        """Give all that came later under a key that another effect had.

        Raises:
            OutcomeError: the store did not answer.
        """
        return await self._list("disputed")

    async def _list(self, what: str) -> Sequence[Effect]:
        found: list[Effect] = []
        for shard in range(SHARDS):
            entries = await self._store.list(f"{self._root}{what}/{shard:02d}//")
            found += [decode_effect(entry.value) for entry in entries]
        return found

    async def _refuse(self, effect: Effect) -> None:
        value = msgspec.json.decode(effect.value)
        if not isinstance(value, dict) or not value.get("refuse"):
            return
        key = f"{self._root}refused/{shard_of(effect.id)}//{effect.key}"
        if await self._store.compare_and_set(key, b"", version=None) is not None:
            raise RefusedEffectError("refused once, as it asks for")
