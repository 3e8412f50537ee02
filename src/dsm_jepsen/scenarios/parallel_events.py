"""The same event to all five nodes takes one step: the paper's scenario C.6.2.

Claim under test: of five nodes that are sent the same event for the same version exactly one commits it,
the four others are told that they lost, and one step is taken; also when the sends come one after the
other, so that the slower nodes know of the first one's commit already.
Phases as in the paper: I, C, I, K at one moment each, with reads between; then the same four apart.
Known to catch: losers that hear nothing, the same event applied twice.
"""

from dsm_jepsen.checkers import single_winner
from dsm_jepsen.scenarios._base import Scenario, Settings, Workload
from dsm_jepsen.scenarios._ensemble import FLAWS, LEVELS, PROMPT_MS, ensemble, ensemble_checkers
from dsm_jepsen.scenarios._ensemble_phases import TIMING, all_send, pick, reads
from dsm_jepsen.scenarios.generators import clients, phases

_EVENTS = "ICIKICIK"

_WITHIN_S = 1.0


def _workload(settings: Settings) -> Workload:
    times = pick(settings, short=3, paper=5)
    parts = [reads(times)]
    for version, event in enumerate(_EVENTS):
        parts += [all_send(event, expect=version, within_s=0.0 if version < 4 else _WITHIN_S), reads(times)]
    return Workload(
        generator=clients(phases(*parts, reads(2))),
        checkers={
            **ensemble_checkers({"event": len(_EVENTS), "read": 9 * 15}, prompt_ms=PROMPT_MS),
            "single-winner": single_winner,
        },
    )


SCENARIO = Scenario(
    name="parallel-events",
    title="the same event sent to all five nodes at once takes exactly one step (paper C.6.2)",
    system=ensemble,
    workload=_workload,
    settings=TIMING,
    variants=FLAWS,
    levels=LEVELS,
)
