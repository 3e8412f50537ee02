"""Random events on all nodes while random faults come and go, long.

Claim under test: whatever combination of partitions, crashes and pauses hits nodes and store, events and
strong reads are linearizable, healthy nodes are fresh, and all agree when it is over.
Faults: one after another, drawn anew each time, some seconds each.
Known to catch: most of the planted flaws, given enough seeds; it is the one to leave running.
"""

from dsm_jepsen.scenarios._base import Scenario, Settings, Workload
from dsm_jepsen.scenarios._ensemble import FLAWS, LEVELS, ensemble, ensemble_checkers
from dsm_jepsen.scenarios._ensemble_phases import load, settled_reads
from dsm_jepsen.scenarios.generators import (
    Generator,
    any_of,
    clients,
    cycle,
    nemesis,
    once,
    one_of,
    sleep_below,
    stagger,
    then,
    time_limit,
)

_FAULTS = (
    "isolate-one",
    "halves",
    "majorities-ring",
    "bridge",
    "one-way",
    "store-cut",
    "kill-node",
    "kill-store",
    "kill-store-leader",
    "kill-both",
    "pause-node",
    "pause-store-leader",
)

_SECONDS = 90

_KINDS = 5
"""How many different ones of them must have acted for a run to count as mixed."""


def _fault(name: str) -> Generator:
    wait, last = (sleep_below(6, purpose=f"mixed-faults/{part}") for part in ("calm", "fault"))
    return then(wait, once(f"start-{name}"), last, once(f"stop-{name}"))


def _workload(_: Settings) -> Workload:
    work = load(purpose="mixed-faults/f", events=2, strong=1)
    faults = cycle(one_of(*(_fault(name) for name in _FAULTS), purpose="mixed-faults/fault"))
    return Workload(
        generator=time_limit(_SECONDS, any_of(nemesis(faults), clients(stagger(0.1, work)))),
        final_generator=clients(settled_reads()),
        settle_s=10,
        checkers=ensemble_checkers(
            {"event": 30, "read": 30, "read-strong": 30}, during={"event": 5}, min_kinds=_KINDS
        ),
    )


SCENARIO = Scenario(
    name="mixed-faults",
    title="random events on all nodes while random partitions, crashes and pauses come and go",
    system=ensemble,
    workload=_workload,
    variants=FLAWS,
    nemeses=_FAULTS,
    levels=LEVELS,
)
