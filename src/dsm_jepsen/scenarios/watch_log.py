"""Writers append to one key, far past the end of its ring, and readers follow it by watching.

Claim under test: who watches sees every version once and in order, however the ring has wrapped, or is told
that it fell too far behind; of the writers that compete for a version one gets it.
Each write is conditional on the version before it. Some readers watch all the time; others rest for longer
than the ring lasts, and then watch on from where they were. There is no node program: the clients use the
store themselves.
Faults: a member of the store is killed, with who reads and writes there.
Known to catch: watches that leave out changes, a ring without a wrap, without a notice of compaction, or
without a version check.
"""

from dsm_jepsen.checkers import adequacy, gap_free_watch, stats
from dsm_jepsen.env import System
from dsm_jepsen.scenarios._base import Scenario, Settings, Workload
from dsm_jepsen.scenarios._log import LogSystem
from dsm_jepsen.scenarios.generators import (
    Ask,
    Generator,
    any_of,
    clients,
    cycle,
    each_process,
    nemesis,
    once,
    phases,
    reserve,
    sleep,
    sleep_below,
    stagger,
    then,
    time_limit,
    until,
    until_ok,
)

_RING = 32

_VERSIONS = 6 * _RING
"""In each of two phases; a ring lasts for about half a second."""


def _token(ask: Ask) -> int:
    return ask.rng.below(1 << 48, purpose="watch-log/token")


def _follow(for_ms: int, *, rest_s: float) -> Generator:
    rest = then(sleep(0.02), sleep_below(rest_s, purpose="watch-log/rest"))
    return each_process(cycle(then(rest, once("follow", {"for_ms": for_ms}))))


def _appended(times: int) -> Generator:
    """Writers and readers, until so many versions were acknowledged."""
    writers = stagger(0.01, cycle(once("append", _token)))
    fast, slow = _follow(400, rest_s=0.02), _follow(50, rest_s=2)
    load = reserve((4, writers), (3, fast), default=slow)
    return clients(time_limit(60, until(lambda op: op.type == "ok" and op.f == "append", load, times=times)))


def _workload(_: Settings) -> Workload:
    killed = nemesis(then(sleep(0.3), once("start-kill-store"), sleep(1), once("stop-kill-store")))
    caught_up = each_process(until_ok(cycle(then(once("catch-up"), sleep(0.2)))))
    return Workload(
        generator=phases(_appended(_VERSIONS), any_of(killed, _appended(_VERSIONS))),
        final_generator=clients(time_limit(30, caught_up)),
        settle_s=1,
        checkers={
            "gap-free-watch": gap_free_watch(keeps=_RING),
            "stats": stats,
            "adequacy": adequacy(
                {"append": 2 * _VERSIONS, "follow": 30, "catch-up": 10},
                needs_faults=frozenset({"kill-store"}),
            ),
        },
    )


def _log(_variant: str | None) -> System:
    return LogSystem()


SCENARIO = Scenario(
    name="watch-log",
    title="readers watch a key far past the end of its ring, some of them too slow for it",
    system=_log,
    workload=_workload,
    nemeses=("kill-store",),
    concurrency=10,
)
