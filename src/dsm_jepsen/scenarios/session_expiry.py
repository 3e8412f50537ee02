"""A node loses its session while it believes to be fine, and events go on.

Claim under test: a node whose session has expired refuses what it cannot know, and catches up.
Known to catch: nodes that answer healthy from old state after a pause, rejoining from a cache.
"""

from dsm_jepsen.checkers import join_equals_live, no_lost_acknowledgement
from dsm_jepsen.dsm.ensemble import FRESH_MS
from dsm_jepsen.scenarios._base import Scenario, Settings, Workload
from dsm_jepsen.scenarios._ensemble import FLAWS, LEVELS, ensemble, ensemble_checkers, web_machine
from dsm_jepsen.scenarios._ensemble_phases import fault, random_event, reads, settled_reads
from dsm_jepsen.scenarios.generators import (
    clients,
    cycle,
    each_process,
    mix,
    once,
    phases,
    stagger,
    time_limit,
)

_EXPIRY_S = 9
"""Longer than the session's ttl."""

_TIMES = 3


def _workload(_: Settings) -> Workload:
    load = mix(cycle(once("event", random_event)), cycle(once("read")), purpose="session-expiry/f")
    busy = clients(time_limit(_EXPIRY_S, each_process(stagger(0.4, load))))
    expiry = phases(fault("session-expiry", busy), clients(reads(2)))
    return Workload(
        generator=phases(clients(reads(1)), *(expiry for _time in range(_TIMES))),
        final_generator=clients(settled_reads()),
        settle_s=3,
        checkers={
            **ensemble_checkers({"event": 20, "read": 50}, "session-expiry", settle_ms=FRESH_MS),
            "join-equals-live": join_equals_live(web_machine()),
            "no-lost-acknowledgement": no_lost_acknowledgement(web_machine()),
        },
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
