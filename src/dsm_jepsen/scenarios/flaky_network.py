"""Links lose some of everything, then are slow, while events go on.

Claim under test: an event whose reply was lost is told as unknown, or as what became of it; never as failed
when it was done.
Known to catch: time-outs that are told as failures, retries that apply an event twice.
"""

from dsm_jepsen.scenarios._base import Scenario, Settings, Workload
from dsm_jepsen.scenarios._ensemble import FLAWS, LEVELS, ensemble, ensemble_checkers
from dsm_jepsen.scenarios._ensemble_phases import busy, fault, settled_reads
from dsm_jepsen.scenarios.generators import clients, phases

_SECONDS = 30


def _workload(_: Settings) -> Workload:
    work = busy(_SECONDS, purpose="flaky-network/f", reads=1)
    return Workload(
        generator=phases(fault("flaky-links", work), fault("slow-links", work)),
        final_generator=clients(settled_reads()),
        settle_s=8,
        checkers=ensemble_checkers(
            {"event": 30, "read": 30, "read-strong": 30}, "flaky-links", "slow-links", during={"event": 10}
        ),
    )


SCENARIO = Scenario(
    name="flaky-network",
    title="links lose messages, then are slow, while events go on",
    system=ensemble,
    workload=_workload,
    variants=FLAWS,
    nemeses=("flaky-links", "slow-links"),
    levels=LEVELS,
)
