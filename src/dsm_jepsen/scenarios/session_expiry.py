"""A node loses its session while it believes to be fine, and events go on.

Claim under test: a node whose session has expired refuses what it cannot know, and catches up.
Known to catch: nodes that answer healthy from old state after a pause, rejoining from a cache.
"""

from dsm_jepsen.scenarios._base import Scenario, Settings, Workload
from dsm_jepsen.scenarios._ensemble import FLAWS, LEVELS, ensemble, ensemble_checkers
from dsm_jepsen.scenarios._ensemble_phases import random_event, reads, settled_reads
from dsm_jepsen.scenarios.generators import (
    any_of,
    clients,
    cycle,
    each_process,
    mix,
    nemesis,
    once,
    phases,
    stagger,
    then,
    time_limit,
)

_BUSY_S = 11
"""Longer than a session, and the time its node needs to join again."""

_TIMES = 3


def _workload(_: Settings) -> Workload:
    load = mix(cycle(once("event", random_event)), cycle(once("read")), purpose="session-expiry/f")
    busy = clients(time_limit(_BUSY_S, each_process(stagger(0.4, load))))
    expiry = nemesis(then(once("start-session-expiry"), once("stop-session-expiry")))
    rounds = (phases(any_of(expiry, busy), clients(reads(2))) for _time in range(_TIMES))
    return Workload(
        generator=phases(clients(reads(1)), *rounds),
        final_generator=clients(settled_reads()),
        settle_s=3,
        checkers=ensemble_checkers({"event": 20, "read": 50}, "session-expiry"),
    )


SCENARIO = Scenario(
    name="session-expiry",
    title="nodes lose their sessions without knowing it, while events go on",
    system=ensemble,
    workload=_workload,
    variants=FLAWS,
    nemeses=("session-expiry",),
    levels=LEVELS,
)
