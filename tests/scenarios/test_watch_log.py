"""Watching past the end of a ring: a simulated store whose ring fails goes red, as real ones do."""

from collections.abc import Callable, Sequence

import pytest

from dsm_jepsen.checkers import Verdict
from dsm_jepsen.cluster.sim.store import SimStore
from dsm_jepsen.env import Change, Commit, Compare, Write
from dsm_jepsen.scenarios import Result, find_scenario, simulate

Flaw = Callable[[pytest.MonkeyPatch], None]

SCENARIO = find_scenario("watch-log")

SEEDS = 50


def notices(result: Result) -> int:
    """How often a reader was told that changes are gone."""
    return int(result.verdicts["gap-free-watch"].details["compactions"])


def test_slow_readers_of_a_ring_are_told_and_those_of_etcd_miss_nothing() -> None:
    assert notices(simulate(SCENARIO, seed=1, store="zookeeper")) > 5
    assert notices(simulate(SCENARIO, seed=1, store="etcd")) == 0


def test_some_slow_readers_are_within_the_ring() -> None:
    history = simulate(SCENARIO, seed=1, store="zookeeper").history
    slow = [op for op in history if op.f == "follow" and op.type == "ok" and op.process in {7, 8, 9}]
    told = [op.value["told"] for op in slow]
    assert any(len(one) > 16 and not one[-1].get("anew") for one in told)


dropped, changes, transact = SimStore.dropped, SimStore.changes, SimStore.transact


def no_notice(patch: pytest.MonkeyPatch) -> None:
    """A watch goes on with what is left, and says nothing of what is gone."""

    def those_left(store: SimStore, key: str, *, after: int, upto: int) -> list[Change]:
        return changes(store, key, after=max(after, dropped(store, key, upto=upto)), upto=upto)

    patch.setattr(SimStore, "dropped", lambda *_, **__: 0)
    patch.setattr(SimStore, "changes", those_left)


def no_wrap(patch: pytest.MonkeyPatch) -> None:
    """Past the ring's end only the last change can be read."""

    def all_but_the_last(store: SimStore, key: str, *, upto: int) -> int:
        return store.log.before(key, 1, upto=upto) if dropped(store, key, upto=upto) > 0 else 0

    patch.setattr(SimStore, "dropped", all_but_the_last)


def no_version_check(patch: pytest.MonkeyPatch) -> None:
    """Conditions are taken to hold."""

    def unconditionally(store: SimStore, _: Sequence[Compare], writes: Sequence[Write]) -> Commit | None:
        return transact(store, (), writes)

    patch.setattr(SimStore, "transact", unconditionally)


@pytest.mark.parametrize(
    ("flaw", "anomaly"),
    [
        pytest.param(no_wrap, "unfounded-compaction", id="wrap"),
        pytest.param(no_notice, "watch-gap", id="compaction notice"),
        pytest.param(no_version_check, "lost-update", id="version check"),
    ],
)
def test_a_simulated_ring_without_it_goes_red_and_the_same_seed_again(
    monkeypatch: pytest.MonkeyPatch, flaw: Flaw, anomaly: str
) -> None:
    def verdict(seed: int) -> Verdict:
        return simulate(SCENARIO, seed=seed, store="zookeeper").verdicts["gap-free-watch"]

    assert verdict(0).valid
    flaw(monkeypatch)
    found = next((seed for seed in range(SEEDS) if verdict(seed).valid is False), None)
    assert found is not None, f"not found within {SEEDS} seeds"
    assert verdict(found).anomaly == anomaly
    assert verdict(found) == verdict(found)
