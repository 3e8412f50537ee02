"""An event sent to one node moves all five: the paper's scenario C.6.1.

Claim under test: within a second of an accepted event every node shows the state it led to.
Phases as in the paper's code: five reads a second apart on every node, then one event by whichever node
comes first, eight times: I, C, I, K, I, C, I, K.
Known to catch: nothing but total failure to replicate; it is the first thing to run, not the last.
"""

from dsm_jepsen.scenarios._base import Scenario, Settings, Workload
from dsm_jepsen.scenarios._ensemble import FLAWS, LEVELS, PROMPT_MS, ensemble, ensemble_checkers
from dsm_jepsen.scenarios.generators import clients, cycle, each_process, once, phases, sleep, then

_EVENTS = "ICIKICIK"

_READS = each_process(cycle(then(sleep(1), once("read")), times=5))


def _workload(_: Settings) -> Workload:
    steps = [part for event in _EVENTS for part in (once("event", {"event": event}), _READS)]
    return Workload(
        generator=clients(phases(_READS, *steps)),
        checkers=ensemble_checkers({"event": len(_EVENTS), "read": 9 * 25}, prompt_ms=PROMPT_MS),
    )


SCENARIO = Scenario(
    name="isolated-events",
    title="one event at a time, each by one node, moves all five nodes (paper C.6.1)",
    system=ensemble,
    workload=_workload,
    settings={"timing": ("paper",)},
    variants=FLAWS,
    levels=LEVELS,
)
