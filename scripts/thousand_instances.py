"""1,000 instances of the work queue and five workers that are killed at random for a minute.

    dsm-jepsen run scripts/thousand_instances.py --cluster local     # or docker, or simulated

Claim under test: every instance comes to its end, each step once, each effect once.
"""

from dsm_jepsen.dsm.queue.worker import SESSION_TTL_MS, SLOTS, SWEEP_MS
from dsm_jepsen.scenarios._base import Scenario, Settings, Workload
from dsm_jepsen.scenarios._queue import FLAWS, fault, final_reads, load, queue, queue_checkers, relay
from dsm_jepsen.scenarios.generators import any_of, time_limit

_INSTANCES = 1_000

_SECONDS = 60

_TICK_MS = 600
"""On average."""

_WORK_S = _INSTANCES * 4 * _TICK_MS / 1000 / (5 * SLOTS)
"""What five workers that are never killed take for it, as a relay has four steps: half a minute."""

_QUIET_S = 3 * _WORK_S + 2 * (SESSION_TTL_MS + SWEEP_MS) / 1000
"""How long after the last kill all may take to end, even if nothing was done before: the work thrice, where
members and workers share a busy machine, and twice the time until a dead worker's claim is seen to be one."""


def _workload(_: Settings) -> Workload:
    ids = [f"i{number:03d}" for number in range(_INSTANCES)]
    work = load([relay(one, tick_ms=_TICK_MS) for one in ids], ids, seconds=_SECONDS, within_s=0)
    killing = (fault(name, calm_s=1, acts_s=1, times=_SECONDS) for name in ("kill-node", "kill-two"))
    return Workload(
        generator=any_of(work, *(time_limit(_SECONDS, kills) for kills in killing)),
        final_generator=final_reads(quiet_s=_QUIET_S),
        checkers=queue_checkers({"submit": _INSTANCES // 2}, "kill-node", "kill-two"),
    )


SCENARIO = Scenario(
    name="thousand-instances",
    title="1,000 instances, and workers that are killed at random for a minute",
    system=queue,
    workload=_workload,
    variants=FLAWS,
    nemeses=("kill-node", "kill-two"),
    concurrency=10,
)
