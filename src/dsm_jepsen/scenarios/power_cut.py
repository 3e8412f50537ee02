"""Hosts lose power in mid-commit: all at once, then whoever is drawn.

Claim under test: what was acknowledged had been synced by a majority, so that it is there when all come back
with what their disks have kept; and each of them starts with that.
In each round there is load, then an event is sent to each node at once, and the power fails some
milliseconds later. The kernel writes back by itself what is some seconds old; a store that does not sync
loses the rest.
Known to catch: etcd with --unsafe-no-fsync, ZooKeeper with forceSync=no.
"""

from collections.abc import Sequence

from dsm_jepsen.checkers import come_back, commits_hit
from dsm_jepsen.cluster import NODES
from dsm_jepsen.scenarios._base import Scenario, Settings, Workload
from dsm_jepsen.scenarios._ensemble import FLAWS, LEVELS, ensemble, ensemble_checkers, node_of
from dsm_jepsen.scenarios._ensemble_phases import busy, joined, killed_mid_commit, settled_reads
from dsm_jepsen.scenarios.generators import Generator, clients, phases, sleep, then, time_limit

_CONCURRENCY = 10
_PURPOSE = "power-cut/f"
_ROUNDS: tuple[Sequence[str] | None, ...] = (NODES, None, NODES, None)
_BACK_S = 30
"""A member that has not come back by then will not."""


def _round(nodes: Sequence[str] | None) -> Generator:
    return phases(
        busy(2, purpose=_PURPOSE),
        killed_mid_commit("power-cut", purpose=_PURPOSE, nodes=nodes),
        clients(then(sleep(1), time_limit(_BACK_S, joined()))),
    )


def _workload(_: Settings) -> Workload:
    return Workload(
        generator=phases(*(_round(nodes) for nodes in _ROUNDS)),
        final_generator=clients(time_limit(2 * _BACK_S, settled_reads())),
        settle_s=3,
        checkers={
            **ensemble_checkers({"event": 30, "read": 50, "read-strong": 10}, "power-cut"),
            "commits-hit": commits_hit(node_of(_CONCURRENCY), "power-cut"),
            "come-back": come_back(node_of(_CONCURRENCY), "power-cut"),
        },
    )


SCENARIO = Scenario(
    name="power-cut",
    title="hosts lose power in mid-commit, also all at once, and nothing that was acknowledged is lost",
    system=ensemble,
    workload=_workload,
    variants=FLAWS,
    nemeses=("power-cut",),
    concurrency=_CONCURRENCY,
    levels=LEVELS,
)
