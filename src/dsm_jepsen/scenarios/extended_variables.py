"""A variable set through one node is seen on all five: the paper's scenario C.6.3.

Claim under test: within a second of an accepted J every node shows the variable it set.
Phases as in the paper: v1 to v8 one after another, each by whichever node comes first, with reads between.
Known to catch: variables that are not replicated, or only at joining.
"""

from dsm_jepsen.scenarios._base import Scenario, Settings, Workload
from dsm_jepsen.scenarios._ensemble import FLAWS, PROMPT_MS, VALUES, VARIABLE, ensemble, ensemble_checkers
from dsm_jepsen.scenarios._ensemble_phases import TIMING, any_sends, pick, reads
from dsm_jepsen.scenarios.generators import clients, phases


def _workload(settings: Settings) -> Workload:
    times = pick(settings, short=3, paper=5)
    parts = [reads(times)]
    for value in VALUES:
        parts += [any_sends("J", parameters={VARIABLE: value}), reads(times)]
    return Workload(
        generator=clients(phases(*parts, reads(2))),
        checkers=ensemble_checkers({"event": len(VALUES), "read": 9 * 15}, prompt_ms=PROMPT_MS),
    )


SCENARIO = Scenario(
    name="extended-variables",
    title="a variable set through one node is seen on all five nodes (paper C.6.3)",
    system=ensemble,
    workload=_workload,
    settings=TIMING,
    variants=FLAWS,
    levels=VALUES,
    variable=VARIABLE,
)
