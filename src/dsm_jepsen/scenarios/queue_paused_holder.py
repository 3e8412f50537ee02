"""A worker stands still with its hands full, for longer than its lease, and then goes on as if nothing was.

Claim under test: what it held is taken over by others, and whatever it still finishes is dropped.
That it lost claims is not taken on trust: one must have been seen held while it stood still, and taken over
before it went on.
The instances come at once, just before, so that it has as many in hand as it can.
Known to catch: writes without a condition, without a fence, on what was read before the claim.
"""

from dsm_jepsen.scenarios._base import Scenario, Settings, Workload
from dsm_jepsen.scenarios._queue import FLAWS, final_reads, load, queue, queue_checkers, relay
from dsm_jepsen.scenarios.generators import any_of, nemesis, once, sleep, sleep_below, then

_INSTANCES = 80

_PAUSE_S = 36
"""A session lasts 10 s, a store may drop it late, and others look for what was left every 5 s or so."""


def _workload(_: Settings) -> Workload:
    ids = [f"i{number:03d}" for number in range(_INSTANCES)]
    burst = load([relay(one, tick_ms=900) for one in ids], ids, seconds=_PAUSE_S + 5, within_s=1)
    wait = then(sleep(1), sleep_below(2, purpose="queue/pause-node"))
    pause = nemesis(then(wait, once("start-pause-node"), sleep(_PAUSE_S), once("stop-pause-node")))
    return Workload(
        generator=any_of(burst, pause),
        final_generator=final_reads(),
        settle_s=2,
        checkers=queue_checkers({"submit": _INSTANCES // 2}, "pause-node", holder_lives=True),
    )


SCENARIO = Scenario(
    name="queue-paused-holder",
    title="a worker stands still for longer than its lease with its hands full, and then goes on",
    system=queue,
    workload=_workload,
    variants=FLAWS,
    nemeses=("pause-node",),
    concurrency=10,
)
