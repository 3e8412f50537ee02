"""A node loses its session while it believes to be fine, and events go on.

Claim under test: a node whose session has expired refuses what it cannot know, and catches up.
That sessions do expire is not taken on trust: the run is valid only if the store was seen to have dropped the
session of a node that stood still, and that node to be back with another.
Known to catch: nodes that answer healthy from old state after a pause, rejoining from a cache.
"""

from dsm_jepsen.checkers import lost_sessions
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
    sleep,
    stagger,
    time_limit,
)

_BUSY_S = 12
"""Longer than a session, and the time its node needs to join again."""

_LOOK_S = 1
"""How long the node stands still when its session must have gone, to be looked for by the others."""

_TIMES = 3


def _workload(_: Settings) -> Workload:
    event, read, members = cycle(once("event", random_event)), cycle(once("read")), cycle(once("members"))
    load = mix(event, read, members, purpose="session-expiry/f")
    busy = clients(time_limit(_BUSY_S, each_process(stagger(0.4, load))))
    expiry = nemesis(phases(once("start-session-expiry"), sleep(_LOOK_S), once("stop-session-expiry")))
    look = clients(each_process(once("members")))
    rounds = (phases(any_of(expiry, busy), clients(reads(2)), look) for _time in range(_TIMES))
    return Workload(
        generator=phases(clients(reads(1)), look, *rounds),
        final_generator=clients(settled_reads()),
        settle_s=3,
        checkers={
            **ensemble_checkers({"event": 20, "read": 50}, "session-expiry"),
            "lost-sessions": lost_sessions("session-expiry", least=1),
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
