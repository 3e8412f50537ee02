"""All nodes, then all members of the store, are restarted one after another under load.

Claim under test: a rolling restart loses nothing and never stops the ensemble for longer than one restart.
Known to catch: set-up code that wipes state, rejoining from a cache.
"""

from dsm_jepsen.checkers import availability, join_equals_live
from dsm_jepsen.cluster import NODES
from dsm_jepsen.dsm.ensemble import FRESH_MS
from dsm_jepsen.scenarios._base import Scenario, Settings, Workload
from dsm_jepsen.scenarios._ensemble import FLAWS, LEVELS, RESTARTS, ensemble, ensemble_checkers, node_of
from dsm_jepsen.scenarios._ensemble_phases import load, settled_reads
from dsm_jepsen.scenarios.generators import (
    any_of,
    clients,
    each_process,
    nemesis,
    once,
    sleep,
    stagger,
    then,
    time_limit,
)

_DOWN_S = 1.0

_UP_S = 4.0


def _workload(_: Settings) -> Workload:
    restarts = [
        part
        for name in ("kill-node", "kill-store")
        for node in NODES
        for part in (once(f"start-{name}", [node]), sleep(_DOWN_S), once(f"stop-{name}"), sleep(_UP_S))
    ]
    work = load(purpose="rolling-restart/f")
    seconds = 10 * (_DOWN_S + _UP_S)
    return Workload(
        generator=any_of(
            nemesis(then(*restarts)), clients(time_limit(seconds, each_process(stagger(0.3, work))))
        ),
        final_generator=clients(settled_reads()),
        settle_s=3,
        checkers={
            **ensemble_checkers({"event": 50, "read": 100}, "kill-node", "kill-store", during={"event": 10}),
            "availability": availability(node_of(5), least_share=0.9, recover_ms=3_000),
            "join-equals-live": join_equals_live(node_of(5), restarts=RESTARTS, settle_ms=FRESH_MS),
        },
    )


SCENARIO = Scenario(
    name="rolling-restart",
    title="all nodes, then all members of the store, are restarted one after another under load",
    system=ensemble,
    workload=_workload,
    variants=FLAWS,
    nemeses=("kill-node", "kill-store"),
    levels=LEVELS,
)
