"""A variable set through one node is seen on all five: the paper's scenario C.6.3.

Claim under test: within a second of an accepted J every node shows the variable it set.
Phases as in the paper: v1 to v8 one after another, each by whichever node comes first, with reads between.
Known to catch: variables that are not replicated, or only at joining.
"""

from dsm_jepsen.scenarios._base import Scenario, Settings, Workload
from dsm_jepsen.scenarios._ensemble import FLAWS, VALUES, VARIABLE, ensemble, ensemble_checkers
from dsm_jepsen.scenarios._ensemble_phases import any_sends, reads
from dsm_jepsen.scenarios.generators import clients, phases


def _workload(_: Settings) -> Workload:
    parts = [reads(3)]
    for value in VALUES:
        parts += [any_sends("J", parameters={VARIABLE: value}), reads(3)]
    return Workload(
        generator=clients(phases(*parts)),
        checkers=ensemble_checkers({"event": len(VALUES), "read": 9 * 15}),
    )


SCENARIO = Scenario(
    name="extended-variables",
    title="a variable set through one node is seen on all five nodes (paper C.6.3)",
    system=ensemble,
    workload=_workload,
    variants=FLAWS,
    levels=VALUES,
    variable=VARIABLE,
)
