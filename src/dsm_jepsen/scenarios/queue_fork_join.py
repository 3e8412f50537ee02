"""Instances fork, branches fork again, fail or are cancelled, while workers and the store are killed.

Claim under test: a join comes after all its branches, and once; a branch that fails has the consequences that
its fork says; whatever is cancelled stops with all its branches.
The instances come all at once, and branches end at the same moments, so that they compete for the counter.
Known to catch: counters that are brought down apart from the branch's end, branches that nobody waits for.
"""

from dsm_jepsen.scenarios._base import Scenario, Settings, Workload
from dsm_jepsen.scenarios._queue import (
    FLAWS,
    braid,
    fault,
    final_reads,
    load,
    order,
    queue,
    queue_checkers,
)
from dsm_jepsen.scenarios.generators import Generator, any_of, once

_EACH = 12

_SECONDS = 10


def _workload(_: Settings) -> Workload:
    work: list[Generator] = []
    cancels: list[Generator] = []
    for number in range(_EACH):
        work += [
            braid(f"b{number:02d}", tick_ms=300),
            braid(f"r{number:02d}", tick_ms=200, failing="right"),
            braid(f"s{number:02d}", tick_ms=200, failing="strand"),
            braid(f"c{number:02d}", tick_ms=800),
            order(f"o{number:02d}"),
            order(f"d{number:02d}", card="declined"),
        ]
        cancels.append(once("cancel", {"id": f"c{number:02d}"}))
    ids = [f"{kind}{number:02d}" for number in range(_EACH) for kind in "brscod"]
    killing = (fault(name, calm_s=1, acts_s=1, times=2) for name in ("kill-node", "kill-store"))
    return Workload(
        generator=any_of(load([*work, *cancels], ids, seconds=_SECONDS, within_s=0), *killing),
        final_generator=final_reads(),
        checkers=queue_checkers({"submit": 3 * _EACH, "cancel": 1}, "kill-node", "kill-store", forks=True),
    )


SCENARIO = Scenario(
    name="queue-fork-join",
    title="branches of branches end, fail and are cancelled while workers and the store are killed",
    system=queue,
    workload=_workload,
    variants=FLAWS,
    nemeses=("kill-node", "kill-store"),
    concurrency=10,
)
