"""The disk of one member of the store after another is full, then all of them are, while events go on.

Claim under test: a member that cannot write refuses, or dies; it never takes for written what is not, and is
back once there is room again. With one such member the others go on, with all of them nothing is lost.
Known to catch: nodes that cannot do without the member beside them.
"""

from collections.abc import Sequence

from dsm_jepsen.checkers import come_back
from dsm_jepsen.cluster import NODES
from dsm_jepsen.scenarios._base import Scenario, Settings, Workload
from dsm_jepsen.scenarios._ensemble import FLAWS, LEVELS, ensemble, ensemble_checkers, node_of
from dsm_jepsen.scenarios._ensemble_phases import busy, fault, joined, settled_reads
from dsm_jepsen.scenarios.generators import Generator, clients, phases, sleep, then, time_limit

_PURPOSE = "full-disk/f"
_ROUNDS: tuple[Sequence[str] | None, ...] = (None, None, NODES)
_BACK_S = 30
"""A member that has not come back by then will not."""


def _round(nodes: Sequence[str] | None) -> Generator:
    return phases(
        fault("full-disk", busy(4, purpose=_PURPOSE), nodes=nodes),
        clients(then(sleep(1), time_limit(_BACK_S, joined()))),
        busy(2, purpose=_PURPOSE),
    )


def _workload(_: Settings) -> Workload:
    return Workload(
        generator=phases(busy(2, purpose=_PURPOSE), *(_round(nodes) for nodes in _ROUNDS)),
        final_generator=clients(time_limit(2 * _BACK_S, settled_reads())),
        settle_s=3,
        checkers={
            **ensemble_checkers(
                {"event": 30, "read": 50, "read-strong": 20}, "full-disk", during={"event": 5}
            ),
            "come-back": come_back(node_of(5), "full-disk"),
        },
    )


SCENARIO = Scenario(
    name="full-disk",
    title="the disks of the store's members are full, and they come back with all that they had",
    system=ensemble,
    workload=_workload,
    variants=FLAWS,
    nemeses=("full-disk",),
    levels=LEVELS,
)
