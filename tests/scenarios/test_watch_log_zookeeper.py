"""The ring adapter on five real ZooKeeper servers: without its wrap, notice or check a scenario is red.

The clients of this scenario use the adapter in the harness' own process, so parts of it can be switched off
here.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from dsm_jepsen.checkers import Verdict
from dsm_jepsen.dsm.stores import ring, zookeeper, zookeeper_commit
from dsm_jepsen.env import CompactedError
from dsm_jepsen.scenarios import Options, find_scenario, run

pytestmark = [pytest.mark.zookeeper, pytest.mark.slow, pytest.mark.usefixtures("zookeeper")]

Flaw = Callable[[pytest.MonkeyPatch], None]


def judged(folder: Path) -> Verdict:
    """Run the scenario, and judge its watches."""
    options = Options(seed=1, cluster="local", store="zookeeper", out=folder)
    return run(find_scenario("watch-log"), options, phase=print).verdicts["gap-free-watch"]


def no_wrap(patch: pytest.MonkeyPatch) -> None:
    """Commits go on past the ring's end instead of to its beginning."""
    patch.setattr(ring.Record, "slot", property(lambda record: record.number))
    patch.setattr(ring.Record, "reuses_slot", property(lambda _: False))


def no_notice(patch: pytest.MonkeyPatch) -> None:
    """Who fell too far behind goes on with the newest change."""
    replay = ring.replay

    def silently(
        head: ring.Head, slots: Mapping[int, tuple[ring.Record, int]], *, after: int
    ) -> list[ring.Step]:
        try:
            return replay(head, slots, after=after)
        except CompactedError:
            return [ring.Step(head.position, head.record)]

    patch.setattr(zookeeper, "replay", silently)


def no_compare(patch: pytest.MonkeyPatch) -> None:
    """The version that a commit is conditional on is not compared."""
    patch.setattr(zookeeper, "holds", lambda *_: True)


def no_fence(patch: pytest.MonkeyPatch) -> None:
    """A commit takes effect even if the key has changed since it was read."""
    patch.setattr(zookeeper_commit, "conditions", lambda _: (ring.ANY,))


def test_the_ring_as_it_is_is_valid_and_its_slow_readers_were_told(tmp_path: Path) -> None:
    verdict = judged(tmp_path)
    assert verdict.valid, verdict.because
    assert verdict.details["compactions"] > 0


@pytest.mark.parametrize(
    ("flaw", "anomalies"),
    [
        # Slot 0 is missing then: a reader that needs it alone is told of a compaction, others get no further.
        pytest.param(no_wrap, {"watch-stalled", "unfounded-compaction"}, id="wrap"),
        pytest.param(no_notice, {"watch-gap"}, id="compaction notice"),
        pytest.param(no_compare, {"lost-update"}, id="version compared"),
        pytest.param(no_fence, {"lost-update"}, id="version fenced"),
    ],
)
def test_a_ring_without_it_goes_red(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flaw: Flaw, anomalies: set[str]
) -> None:
    flaw(monkeypatch)
    verdict = judged(tmp_path)
    assert verdict.valid is False, verdict.because
    assert verdict.anomaly in anomalies, verdict.because
