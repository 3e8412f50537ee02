"""Members of the store and nodes are killed while every node is committing as fast as it can.

Claim under test: a commit whose reply died with the messenger is told as unknown, or as what became of it;
what was acknowledged stays, and what was refused has no effect.
Each round is a second of full load with a kill at a moment drawn from it: so some kill hits a commit.
Known to catch: time-outs that are told as failures, commits torn by a crash.
"""

from dsm_jepsen.checkers import join_equals_live
from dsm_jepsen.dsm.ensemble import FRESH_MS
from dsm_jepsen.scenarios._base import Scenario, Settings, Workload
from dsm_jepsen.scenarios._ensemble import (
    FLAWS,
    LEVELS,
    RESTARTS,
    ensemble,
    ensemble_checkers,
    node_of,
)
from dsm_jepsen.scenarios._ensemble_phases import joined, random_event, settled_reads
from dsm_jepsen.scenarios.generators import (
    Generator,
    any_of,
    clients,
    cycle,
    mix,
    nemesis,
    once,
    phases,
    sleep,
    sleep_below,
    stagger,
    then,
    time_limit,
)

_CONCURRENCY = 15

_FAULTS = ("kill-store", "kill-node", "kill-store-leader") * 2


def _round(fault: str) -> Generator:
    event = cycle(once("event", random_event))
    load = mix(event, event, event, cycle(once("read")), purpose="kill-during-commit/f")
    kill = then(sleep_below(1, purpose="kill-during-commit/at"), once(f"start-{fault}"))
    return phases(
        any_of(nemesis(kill), clients(time_limit(1, stagger(0.01, load)))),
        nemesis(then(sleep(1), once(f"stop-{fault}"))),
        clients(then(sleep(2), joined())),
    )


def _workload(_: Settings) -> Workload:
    return Workload(
        generator=phases(*(_round(fault) for fault in _FAULTS)),
        final_generator=clients(settled_reads()),
        settle_s=3,
        checkers={
            **ensemble_checkers({"event": 50, "read": 50}, *_FAULTS, during={"event": 5}),
            "join-equals-live": join_equals_live(
                node_of(_CONCURRENCY), restarts=RESTARTS, settle_ms=FRESH_MS
            ),
        },
    )


SCENARIO = Scenario(
    name="kill-during-commit",
    title="members of the store and nodes are killed while every node is committing",
    system=ensemble,
    workload=_workload,
    variants=FLAWS,
    nemeses=("kill-store", "kill-node", "kill-store-leader"),
    concurrency=_CONCURRENCY,
    levels=LEVELS,
)
