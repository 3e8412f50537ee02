"""Nodes are killed and started again, one after another: the paper's scenario C.6.5, and what it left out.

Claim under test: a node that joins again shows what the others show, whatever happened while it was down.
Phases: C on all nodes; eight times a node drawn anew is killed, restarted and read, as in the paper; then
with events while a node is down, with the last writer killed, with a kill in the middle of a commit, and
with two nodes down at once; K on all nodes at the end.
Known to catch: rejoining from a cache, a last writer that forgets its variables, commits torn by a crash.
"""

from dsm_jepsen.checkers import commits_hit, join_equals_live
from dsm_jepsen.cluster import NODES
from dsm_jepsen.dsm.ensemble import FRESH_MS
from dsm_jepsen.scenarios._base import Scenario, Settings, Workload
from dsm_jepsen.scenarios._ensemble import (
    FLAWS,
    LEVELS,
    RESTARTS,
    VARIABLE,
    ensemble,
    ensemble_checkers,
    node_of,
)
from dsm_jepsen.scenarios._ensemble_phases import (
    TIMING,
    all_send,
    any_sends,
    by,
    fault,
    fault_mid_commit,
    pick,
    reads,
    settled_reads,
)
from dsm_jepsen.scenarios.generators import (
    Generator,
    clients,
    cycle,
    nemesis,
    once,
    phases,
    sleep,
    then,
    until,
    until_ok,
)

_CRASHES = 8
_EVENTS_MAX = 30


def _crash_mid_commit(thread: int) -> Generator:
    # One after the other until one is hit: on hosts that are reached by commands a kill takes longer than
    # a commit.
    events = until(lambda event: event.type in {"fail", "info"}, cycle(any_sends("H"), times=_EVENTS_MAX))
    return phases(
        fault_mid_commit("kill-node", by(thread, events), nodes=[NODES[thread]]),
        nemesis(once("stop-kill-node")),
    )


def _taken(event: str) -> Generator:
    """Send an event to one node after the other, until one that is up takes it."""
    return until_ok(cycle(then(any_sends(event), sleep(0.1)), times=10))


def _workload(settings: Settings) -> Workload:
    down, calm = pick(settings, short=1, paper=5), pick(settings, short=3, paper=5)
    crash = phases(fault("kill-node", clients(sleep(down))), clients(reads(2)))
    main = phases(
        clients(reads(calm)),
        clients(any_sends("J", parameters={VARIABLE: "v1"})),
        clients(all_send("C", expect=1)),
        clients(reads(calm)),
        *(crash for _crash in range(_CRASHES)),
        fault("kill-node", clients(phases(_taken("H"), reads(1), _taken("I"), reads(1)))),
        clients(reads(2)),
        # The last writer: it alone has set the variable.
        clients(by(2, any_sends("H"))),
        fault("kill-node", clients(reads(1)), nodes=["n3"]),
        clients(reads(2)),
        *(_crash_mid_commit(thread) for thread in range(5)),
        fault("kill-two", clients(phases(reads(1), _taken("B")))),
        clients(reads(2)),
    )
    return Workload(
        generator=main,
        final_generator=clients(phases(settled_reads(), any_sends("K"), reads(calm + 1))),
        settle_s=1,
        checkers={
            **ensemble_checkers({"event": 5, "read": 100}, "kill-node", "kill-two", during={"event": 3}),
            "commits-hit": commits_hit(node_of(5), "kill-node"),
            "join-equals-live": join_equals_live(node_of(5), restarts=RESTARTS, settle_ms=FRESH_MS),
        },
    )


SCENARIO = Scenario(
    name="stop-start",
    title="nodes crash and join again, also the last writer, in mid-commit and two at once (paper C.6.5)",
    system=ensemble,
    workload=_workload,
    settings=TIMING,
    variants=FLAWS,
    nemeses=("kill-node", "kill-two"),
    levels=LEVELS,
)
