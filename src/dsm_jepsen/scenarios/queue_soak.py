"""Instances of all kinds, a crowd of them at the start, while faults of all kinds come and go.

Claim under test: whatever happens to workers, to the store and to the network between them, every instance
comes to its end, each step once, each effect once.
Faults: one after another, drawn anew each time, also of the store's leader and of clocks.
Known to catch: most of the planted flaws, given enough seeds; it is the one to leave running.
"""

from dsm_jepsen.scenarios._base import Scenario, Settings, Workload
from dsm_jepsen.scenarios._queue import FLAWS, braid, final_reads, load, order, queue, queue_checkers, relay
from dsm_jepsen.scenarios.generators import (
    Generator,
    any_of,
    cycle,
    nemesis,
    once,
    one_of,
    phases,
    sleep_below,
    then,
    time_limit,
)

_FAULTS = (
    "kill-node",
    "kill-two",
    "kill-store",
    "kill-store-leader",
    "kill-both",
    "pause-node",
    "session-expiry",
    "isolate-one",
    "halves",
    "clock-skew",
)

_CROWD = 100

_FLOW = 100

_SECONDS = 22

_KINDS = 2


def _fault(name: str) -> Generator:
    wait, last = (sleep_below(4, purpose=f"queue-soak/{part}") for part in ("calm", "fault"))
    return then(wait, once(f"start-{name}"), last, once(f"stop-{name}"))


def _kinds(first: int, count: int, *, tick_ms: int) -> tuple[list[Generator], list[str]]:
    ids = [f"i{number:03d}" for number in range(first, first + count)]
    kinds = (
        lambda one: relay(one, tick_ms=tick_ms),
        lambda one: relay(one, tick_ms=tick_ms, rest_ms=200),
        lambda one: braid(one, tick_ms=tick_ms),
        order,
    )
    return [kinds[number % len(kinds)](one) for number, one in enumerate(ids)], ids


def _workload(_: Settings) -> Workload:
    crowd, early = _kinds(0, _CROWD, tick_ms=50)
    flow, late = _kinds(_CROWD, _FLOW, tick_ms=200)
    # The first two from different halves, so that no run has all its faults of one kind.
    one, other = (
        one_of(*map(_fault, some), purpose="queue-soak/fault") for some in (_FAULTS[:5], _FAULTS[5:])
    )
    faults = then(one, other, cycle(one_of(*map(_fault, _FAULTS), purpose="queue-soak/fault")))
    work = phases(
        load(crowd, early, seconds=2, within_s=0), load(flow, [*early, *late], seconds=_SECONDS - 2)
    )
    return Workload(
        generator=any_of(work, time_limit(_SECONDS, nemesis(faults))),
        final_generator=final_reads(),
        settle_s=2,
        checkers=queue_checkers({"submit": _CROWD}, forks=True, min_kinds=_KINDS),
    )


SCENARIO = Scenario(
    name="queue-soak",
    title="a crowd of instances, then a stream of them, while faults of all kinds come and go",
    system=queue,
    workload=_workload,
    variants=FLAWS,
    nemeses=_FAULTS,
    concurrency=10,
)
