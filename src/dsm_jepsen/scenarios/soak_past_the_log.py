"""Ten times as many commits as the circular log has slots, without any fault.

Claim under test: nothing happens at the ring's end, nor at any later one.
Known to catch: comparing the ring's index instead of the version (the paper's own implementation dies at its
33rd commit), replay that does not wrap.
"""

from dsm_jepsen.checkers import availability
from dsm_jepsen.scenarios._base import Scenario, Settings, Workload
from dsm_jepsen.scenarios._ensemble import FLAWS, LEVELS, PROMPT_MS, ensemble, ensemble_checkers, node_of
from dsm_jepsen.scenarios._ensemble_phases import load, settled_reads
from dsm_jepsen.scenarios.generators import clients, stagger, time_limit, until

_RING = 32

_COMMITS = 10 * _RING


def _workload(_: Settings) -> Workload:
    work = stagger(0.04, load(purpose="soak/f", events=3))
    commits = until(lambda op: op.type == "ok" and op.f == "event", work, times=_COMMITS)
    return Workload(
        generator=clients(time_limit(120, commits)),
        final_generator=clients(settled_reads()),
        settle_s=1,
        checkers={
            **ensemble_checkers({"event": _COMMITS, "read": 100}, prompt_ms=PROMPT_MS),
            "availability": availability(node_of(5), least_share=0.9, recover_ms=3_000),
        },
    )


SCENARIO = Scenario(
    name="soak-past-the-log",
    title="320 commits: ten times as many as the circular log has slots",
    system=ensemble,
    workload=_workload,
    variants=FLAWS,
    levels=LEVELS,
)
