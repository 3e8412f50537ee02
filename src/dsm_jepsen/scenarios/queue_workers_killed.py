"""Workers are killed one after another, in the middle of whatever they do, and started again.

Claim under test: an instance whose worker died goes on with another one; nothing is lost, and nothing is done
twice.
That kills hit claims is not taken on trust: one must have been seen held by a dead worker, and taken
over later.
Known to catch: claims that nobody takes over, records that go with their worker, steps and effects that are
repeated.
"""

from dsm_jepsen.scenarios._base import Scenario, Settings, Workload
from dsm_jepsen.scenarios._queue import FLAWS, fault, final_reads, load, queue, queue_checkers, relay
from dsm_jepsen.scenarios.generators import any_of

_INSTANCES = 80

_SECONDS = 12


def _workload(_: Settings) -> Workload:
    ids = [f"i{number:03d}" for number in range(_INSTANCES)]
    # Long ticks are hit by kills; between short ones the instances are given back, and workers compete.
    long, short = (
        (relay(one, tick_ms=300) for one in ids[::2]),
        (relay(one, tick_ms=20, rest_ms=20) for one in ids[1::2]),
    )
    work = load([each for pair in zip(long, short, strict=True) for each in pair], ids, seconds=_SECONDS)
    killing = (fault(name, calm_s=2, acts_s=1, times=4) for name in ("kill-node", "kill-two"))
    return Workload(
        generator=any_of(work, *killing),
        final_generator=final_reads(),
        checkers=queue_checkers({"submit": _INSTANCES // 2}, "kill-node", "kill-two", holder_lives=False),
    )


SCENARIO = Scenario(
    name="queue-workers-killed",
    title="workers are killed in the middle of their ticks, and all instances come to their ends",
    system=queue,
    workload=_workload,
    variants=FLAWS,
    nemeses=("kill-node", "kill-two"),
    concurrency=10,
)
