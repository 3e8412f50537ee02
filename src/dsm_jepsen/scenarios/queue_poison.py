"""Instances that go wrong in every way there is, among others that are well, are killed over and redriven.

Claim under test: what cannot be done ends in dead-letter with its reason, where it can be found and redriven,
and takes no worker down and holds up nobody: unknown types, records that cannot be read, ticks that raise,
exit, hang, fail or lead nowhere, effects that are not taken at first.
Known to catch: dead-letter that nobody finds, workers that die of what they tick, effects given up.
"""

from dsm_jepsen.scenarios._base import Scenario, Settings, Workload
from dsm_jepsen.scenarios._queue import (
    FLAWS,
    HARMS,
    fault,
    final_reads,
    load,
    poison,
    queue,
    queue_checkers,
    relay,
    unheard_of,
)
from dsm_jepsen.scenarios.generators import Generator, any_of, clients, once, phases, sleep, stagger, then

_EACH = 3

_SECONDS = 8


def _workload(_: Settings) -> Workload:
    work: list[Generator] = []
    dead: list[str] = []
    ids: list[str] = []
    for number in range(_EACH):
        well, unknown, garbage = (f"{kind}{number}" for kind in ("well", "unknown", "garbage"))
        work += [relay(well, tick_ms=100), unheard_of(unknown), once("spoil", {"id": garbage})]
        work += [poison(f"{harm}-{number}", harm) for harm in HARMS]
        ids += [well, unknown, garbage, *(f"{harm}-{number}" for harm in HARMS)]
        dead += [unknown, *(f"{harm}-{number}" for harm, end in HARMS.items() if end == "dead")]
    redrives = stagger(0.2, then(*(once("redrive", {"id": one}) for one in dead)), purpose="queue/redrive")
    return Workload(
        generator=phases(
            any_of(load(work, ids, seconds=_SECONDS), fault("kill-node", calm_s=1, acts_s=1, times=2)),
            sleep(3),
            clients(redrives),
        ),
        final_generator=final_reads(),
        checkers=queue_checkers({"submit": 6 * _EACH, "spoil": 1, "redrive": _EACH}, "kill-node"),
    )


SCENARIO = Scenario(
    name="queue-poison",
    title="instances that go wrong in every way end in dead-letter and take no worker with them",
    system=queue,
    workload=_workload,
    variants=FLAWS,
    nemeses=("kill-node",),
    concurrency=10,
)
