"""The receiver of effects: each key once, whoever delivers it and whatever became of the reply."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsm_jepsen.cluster.sim import SimCluster
from dsm_jepsen.dsm.queue import Effect
from dsm_jepsen.dsm.queue.receiver import Receiver, RefusedEffectError
from dsm_jepsen.env import Entry, IndefiniteError, OutcomeError, Rng, Store

TRIES = 100


class Lossy:
    """A store that loses three of ten requests, and three of ten replies."""

    def __init__(self, store: Store, rng: Rng) -> None:
        self._store = store
        self._rng = rng

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def compare_and_set(self, key: str, value: bytes, *, version: int | None) -> Entry | None:
        if self._rng.chance(300, purpose="request"):
            raise IndefiniteError("timeout")
        done = await self._store.compare_and_set(key, value, version=version)
        if self._rng.chance(300, purpose="reply"):
            raise IndefiniteError("timeout")
        return done


def on_a_store(story: Callable[[Store], Awaitable[None]]) -> None:
    with SimCluster(seed=1) as cluster:

        async def act() -> None:
            await cluster.start(None)
            await story(await cluster.site("n1").open_store())

        cluster.run(act())


def effect(key: str, by: str = "s1", value: Any = 1) -> Effect:
    instance, seq, index = key.rsplit("-", 2)
    raw = msgspec.Raw(msgspec.json.encode(value))
    return Effect(key=key, id=instance, seq=int(seq), index=int(index), by=by, value=raw)


def keys(effects: Sequence[Effect]) -> list[str]:
    return sorted(one.key for one in effects)


def test_an_effect_is_taken_once_however_often_it_comes_and_through_whom() -> None:
    async def story(store: Store) -> None:
        one, other = Receiver(store), Receiver(store)
        for receiver in (one, other, one):
            await receiver.take(effect("i-1-0"))
        assert list(await other.taken()) == [effect("i-1-0")]
        assert list(await other.disputed()) == []

    on_a_store(story)


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(effect("i-1-0", value=2), id="another value"),
        pytest.param(effect("i-1-0", by="s2"), id="another worker's step"),
    ],
)
def test_two_different_effects_under_one_key_are_a_dispute_and_the_first_stays(second: Effect) -> None:
    async def story(store: Store) -> None:
        receiver = Receiver(store)
        for one in (effect("i-1-0"), second, second):
            await receiver.take(one)
        assert list(await receiver.taken()) == [effect("i-1-0")]
        assert list(await receiver.disputed()) == [second]

    on_a_store(story)


def test_what_asks_to_be_refused_is_refused_once_whoever_delivers_it() -> None:
    async def story(store: Store) -> None:
        asking = effect("i-1-0", value={"refuse": True})
        with pytest.raises(RefusedEffectError, match="refused once, as it asks for"):
            await Receiver(store).take(asking)
        assert list(await Receiver(store).taken()) == []
        await Receiver(store).take(asking)
        assert list(await Receiver(store).taken()) == [asking]

    on_a_store(story)


def test_receivers_of_two_queues_know_nothing_of_each_other() -> None:
    async def story(store: Store) -> None:
        await Receiver(store, name="one").take(effect("i-1-0"))
        assert list(await Receiver(store, name="other").taken()) == []

    on_a_store(story)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    coming=st.lists(st.sampled_from(["i-1-0", "i-1-1", "i-2-0", "j-1-0"]), min_size=1, max_size=12),
)
def test_delivered_again_until_there_is_an_answer_each_effect_is_taken_once(
    seed: int, coming: list[str]
) -> None:
    async def story(store: Store) -> None:
        receiver = Receiver(cast("Store", Lossy(store, Rng(seed))))
        for key in coming:
            for _ in range(TRIES):
                try:
                    await receiver.take(effect(key))
                except OutcomeError:
                    continue
                break
        sure = Receiver(store)
        assert keys(await sure.taken()) == sorted(set(coming))
        assert list(await sure.disputed()) == []

    on_a_store(story)
