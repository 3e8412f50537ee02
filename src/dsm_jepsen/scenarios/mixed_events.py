"""Random events on all nodes at once, while nodes leave, join, are killed and restarted: 200 commits.

Claim under test: whatever happens to nodes, events and strong reads are linearizable, every commit is a
transition of the chart, and all nodes agree in the end. (The paper's own implementation dies at its 33rd
commit.)
Faults: a node process is killed every few seconds and restarted; clients make nodes leave and join.
Known to catch: commits without a version check, replicas that replay events, stale linearizable reads.
"""

from dsm_jepsen.history import Op
from dsm_jepsen.scenarios._base import Scenario, Settings, Workload
from dsm_jepsen.scenarios._ensemble import FLAWS, LEVELS, ensemble, ensemble_checkers
from dsm_jepsen.scenarios._ensemble_phases import load, settled_reads
from dsm_jepsen.scenarios.generators import (
    any_of,
    clients,
    cycle,
    each_process,
    nemesis,
    once,
    reserve,
    sleep,
    stagger,
    then,
    time_limit,
    until,
)

_COMMITS = 200


def _is_commit(event: Op) -> bool:
    return event.type == "ok" and event.f == "event"


def _workload(_: Settings) -> Workload:
    often = load(purpose="mixed-events/f", events=4, strong=1)
    membership = each_process(stagger(3, cycle(then(sleep(8), once("leave"), once("join")))))
    faults = cycle(then(sleep(3), once("start-kill-node"), sleep(1), once("stop-kill-node")))
    # Two clients for every node: one sends events and reads, one makes the node leave and join.
    work = any_of(
        clients(reserve((5, stagger(0.04, often)), default=membership)),
        nemesis(faults),
    )
    return Workload(
        generator=time_limit(120, until(_is_commit, work, times=_COMMITS)),
        final_generator=clients(settled_reads()),
        settle_s=5,
        checkers=ensemble_checkers(
            {"event": _COMMITS, "read": 20, "read-strong": 20}, "kill-node", during={"event": 3}
        ),
    )


SCENARIO = Scenario(
    name="mixed-events",
    title="200 commits of concurrent random events while nodes leave, join, crash and restart",
    system=ensemble,
    workload=_workload,
    variants=FLAWS,
    nemeses=("kill-node",),
    concurrency=10,
    levels=LEVELS,
)
