"""The wall clocks of nodes and of ZooKeeper jump ahead and back, each its own way, while events go on.

Claim under test: nothing that is answered depends on what time it is said to be. Clocks are skewed and set
right again, also while a node's member of the store is down, so that the node must notice that it is stale.
etcd's own clock cannot be skewed; the report says so.
Known to catch: freshness that is told by the wall clock.
"""

from functools import partial

from dsm_jepsen.scenarios._base import Scenario, Settings, Workload
from dsm_jepsen.scenarios._ensemble import FLAWS, LEVELS, ensemble, ensemble_checkers
from dsm_jepsen.scenarios._ensemble_phases import busy, fault, settled_reads
from dsm_jepsen.scenarios.generators import clients, phases

_ROUNDS = 3
_busy = partial(busy, purpose="clock-skew/f")


def _workload(_: Settings) -> Workload:
    skewed = fault("clock-skew", _busy(4))
    alone = fault("kill-store", phases(_busy(1), fault("clock-skew", _busy(6)), _busy(2)))
    return Workload(
        generator=phases(*(phases(skewed, _busy(1), alone, _busy(2)) for _round in range(_ROUNDS))),
        final_generator=clients(settled_reads()),
        settle_s=5,
        checkers=ensemble_checkers(
            {"event": 30, "read": 50, "read-strong": 20}, "clock-skew", "kill-store", during={"event": 10}
        ),
    )


SCENARIO = Scenario(
    name="clock-skew",
    title="the wall clocks of nodes and of ZooKeeper jump ahead and back while events go on",
    system=ensemble,
    workload=_workload,
    variants=FLAWS,
    nemeses=("clock-skew", "kill-store"),
    levels=LEVELS,
)
