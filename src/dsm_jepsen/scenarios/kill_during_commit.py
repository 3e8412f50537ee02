"""Members of the store and nodes are killed while every node is committing.

Claim under test: a commit whose reply died with the messenger is told as unknown, or as what became of it;
what was acknowledged stays, and what was refused has no effect.
In each round an event is sent to each node at once, and the kill comes some milliseconds later, so that it
hits commits; then the load goes on.
Known to catch: time-outs that are told as failures, commits torn by a crash.
"""

from dsm_jepsen.checkers import commits_hit, join_equals_live
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
from dsm_jepsen.scenarios._ensemble_phases import joined, killed_mid_commit, settled_reads
from dsm_jepsen.scenarios.generators import Generator, clients, phases, sleep, then

_CONCURRENCY = 10

_KILLS = ("kill-store", "kill-node", "kill-store-leader")

_ROUNDS = 2


def _round(kill: str) -> Generator:
    return phases(
        killed_mid_commit(kill, purpose="kill-during-commit/f"),
        clients(then(sleep(2), joined())),
    )


def _workload(_: Settings) -> Workload:
    return Workload(
        generator=phases(*(_round(kill) for kill in _KILLS * _ROUNDS)),
        final_generator=clients(settled_reads()),
        settle_s=3,
        checkers={
            **ensemble_checkers({"event": 50, "read": 50}, *_KILLS, during={"event": 5}),
            "commits-hit": commits_hit(node_of(_CONCURRENCY), *_KILLS),
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
    nemeses=_KILLS,
    concurrency=_CONCURRENCY,
    levels=LEVELS,
)
