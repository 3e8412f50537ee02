"""Five nodes set a variable at the same moment: what the paper's title for C.6.3 promised.

Claim under test: whoever commits, every node shows the same variables for the same version, and the last
acknowledged value is the one that stays.
Known to catch: losers whose action sticks, commits without a version check.
"""

from typing import Any

from dsm_jepsen.scenarios._base import Scenario, Settings, Workload
from dsm_jepsen.scenarios._ensemble import FLAWS, PROMPT_MS, VALUES, VARIABLE, ensemble, ensemble_checkers
from dsm_jepsen.scenarios._ensemble_phases import reads
from dsm_jepsen.scenarios.generators import Ask, clients, each_process, once, phases

_ROUNDS = 8


def _own_value(ask: Ask) -> dict[str, Any]:
    """Each thread has a value of its own."""
    return {"event": "J", "parameters": {VARIABLE: VALUES[int(ask.threads[0])]}}


def _workload(_: Settings) -> Workload:
    parts = [reads(1)]
    for _round in range(_ROUNDS):
        parts += [each_process(once("event", _own_value)), reads(2)]
    return Workload(
        generator=clients(phases(*parts, reads(2))),
        checkers=ensemble_checkers({"event": _ROUNDS, "read": 17 * 5}, prompt_ms=PROMPT_MS),
    )


SCENARIO = Scenario(
    name="concurrent-variables",
    title="five nodes set a variable at the same moment, and agree on what became of it",
    system=ensemble,
    workload=_workload,
    variants=FLAWS,
    levels=VALUES,
    variable=VARIABLE,
)
