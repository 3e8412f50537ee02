"""The network splits two against three for longer than a lease, and workers go on ticking on both sides.

Claim under test: with the store's leader on either side (chosen by ``--leader``) workers of the minority
commit nothing that those of the majority have taken over, and nothing is lost that anybody was told of.
That workers lost claims is not taken on trust: one must have been seen held by a worker that was cut off, and
taken over before the heal.
Known to catch: commits without a fence, lost replies that are taken for refusals.
"""

from dsm_jepsen.scenarios._base import Scenario, Settings, Workload
from dsm_jepsen.scenarios._queue import FLAWS, final_reads, load, queue, queue_checkers, relay
from dsm_jepsen.scenarios.generators import any_of, nemesis, once, sleep, then

_INSTANCES = 150

_CUT_S = 36

_CALM_S = 5


def _workload(settings: Settings) -> Workload:
    name = f"leader-in-{settings['leader']}"
    ids = [f"i{number:03d}" for number in range(_INSTANCES)]
    work = load([relay(one, tick_ms=1500) for one in ids], ids, seconds=_CALM_S + _CUT_S)
    cut = nemesis(then(sleep(_CALM_S), once(f"start-{name}"), sleep(_CUT_S), once(f"stop-{name}")))
    return Workload(
        generator=any_of(work, cut),
        final_generator=final_reads(),
        settle_s=2,
        checkers=queue_checkers({"submit": _INSTANCES // 4}, name, holder_lives=True),
    )


SCENARIO = Scenario(
    name="queue-partition",
    title="the network splits 2|3 for longer than a lease while workers tick on both sides",
    system=queue,
    workload=_workload,
    settings={"leader": ("majority", "minority")},
    variants=FLAWS,
    nemeses=("leader-in-majority", "leader-in-minority"),
    concurrency=10,
)
