"""Everything crashes at once, first all nodes and then the whole store with them.

Claim under test: what was acknowledged is still there when all come back.
Known to catch: set-up code that wipes the state when it finds no members, state kept in memory.
"""

from dsm_jepsen.checkers import join_equals_live
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
from dsm_jepsen.scenarios._ensemble_phases import any_sends, fault, joined, reads, settled_reads
from dsm_jepsen.scenarios.generators import clients, phases, sleep

_SESSION_S = 8
"""Longer than a session: when the nodes come back, the members of before are gone."""


def _workload(_: Settings) -> Workload:
    return Workload(
        generator=phases(
            clients(any_sends("J", parameters={VARIABLE: "v1"})),
            clients(any_sends("C")),
            clients(reads(2)),
            fault("crash-all", clients(sleep(_SESSION_S))),
            clients(phases(sleep(2), joined(), reads(2), any_sends("I"), reads(2))),
            fault("crash-everything", clients(sleep(_SESSION_S))),
            clients(sleep(5)),
        ),
        final_generator=clients(phases(settled_reads(), any_sends("K"), settled_reads())),
        settle_s=5,
        checkers={
            **ensemble_checkers({"event": 4, "read": 40}, "crash-all", "crash-everything"),
            "join-equals-live": join_equals_live(node_of(5), restarts=RESTARTS, settle_ms=FRESH_MS),
        },
    )


SCENARIO = Scenario(
    name="crash-all",
    title="all nodes crash at once, then the whole store with them, and nothing is lost",
    system=ensemble,
    workload=_workload,
    variants=FLAWS,
    nemeses=("crash-all", "crash-everything"),
    levels=LEVELS,
)
