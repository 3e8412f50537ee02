"""One member of the store after another loses a part of its log, or finds it changed, while events go on.

Claim under test: a member whose log is spoiled says so and does not start, or comes back and has what it lost
from the others; nobody ever hears a wrong answer.
Needs a real store: the simulated one has no disks. One log is spoiled at a time, since a majority that has
lost the same is lost for good.
Known to catch: nodes that cannot do without the member beside them.
"""

from functools import partial

from dsm_jepsen.scenarios._base import Scenario, Settings, Workload
from dsm_jepsen.scenarios._ensemble import FLAWS, LEVELS, ensemble, ensemble_checkers
from dsm_jepsen.scenarios._ensemble_phases import busy, fault, settled_reads
from dsm_jepsen.scenarios.generators import clients, phases

_ROUNDS = 3
_busy = partial(busy, purpose="damaged-log/f")


def _workload(_: Settings) -> Workload:
    spoiled = fault("corrupt-log", _busy(4))
    return Workload(
        generator=phases(_busy(2), *(phases(spoiled, _busy(5)) for _round in range(_ROUNDS))),
        final_generator=clients(settled_reads()),
        settle_s=5,
        checkers=ensemble_checkers(
            {"event": 30, "read": 50, "read-strong": 20}, "corrupt-log", during={"event": 10}
        ),
    )


SCENARIO = Scenario(
    name="damaged-log",
    title="members of the store lose a part of their log, or find it changed, while events go on",
    system=ensemble,
    workload=_workload,
    variants=FLAWS,
    nemeses=("corrupt-log",),
    levels=LEVELS,
)
