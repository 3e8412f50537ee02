"""Workers are killed one after another, in the middle of whatever they do, and started again.

Claim under test: an instance whose worker died goes on with another one; nothing is lost, and nothing is done
twice.
Known to catch: claims that outlive their workers, steps and effects that are repeated.
"""

from dsm_jepsen.checkers import adequacy, stats
from dsm_jepsen.scenarios._base import Scenario, Settings, Workload
from dsm_jepsen.scenarios._queue import FLAWS, final_reads, queue, relay, spread
from dsm_jepsen.scenarios.generators import (
    any_of,
    clients,
    cycle,
    nemesis,
    once,
    sleep,
    sleep_below,
    then,
)

_INSTANCES = 60

_SECONDS = 10

_KILLS = 4


def _workload(_: Settings) -> Workload:
    submissions = (relay(f"i{number:03d}", tick_ms=300) for number in range(_INSTANCES))
    killing = then(
        sleep_below(2, purpose="queue/kill"), once("start-kill-node"), sleep(1), once("stop-kill-node")
    )
    return Workload(
        generator=any_of(clients(spread(_SECONDS, *submissions)), nemesis(cycle(killing, times=_KILLS))),
        final_generator=clients(final_reads()),
        checkers={
            "stats": stats,
            "adequacy": adequacy(
                {"submit": _INSTANCES // 2, "quiet": 1, "records": 1, "effects": 1},
                needs_faults=frozenset({"kill-node"}),
            ),
        },
    )


SCENARIO = Scenario(
    name="queue-workers-killed",
    title="workers are killed in the middle of their ticks, and all instances come to their ends",
    system=queue,
    workload=_workload,
    variants=FLAWS,
    nemeses=("kill-node",),
)
