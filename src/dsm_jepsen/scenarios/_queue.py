"""What the queue's scenarios share: the system, its flaws, its load, its end and its checkers."""

from dsm_jepsen.dsm.queue.flawed import VARIANTS
from dsm_jepsen.dsm.queue.system import QueueSystem
from dsm_jepsen.env import System
from dsm_jepsen.scenarios.generators import (
    Ask,
    Generator,
    cycle,
    once,
    phases,
    sleep,
    stagger,
    then,
    time_limit,
    until_ok,
)

FLAWS = {name: (kind.__doc__ or "").partition("\n")[0] for name, kind in VARIANTS.items()}
"""The queue's variants, each with what is wrong with it."""

_QUIET_S = 45
"""How long after the heal everything may take to come to its end."""

_READ_S = 20


def queue(variant: str | None) -> System:
    """Give the queue with its trial machines."""
    return QueueSystem(variant=variant)


def relay(instance: str, *, tick_ms: int) -> Generator:
    """Submit an instance of the relay; its ticks last up to twice so long."""

    def value(ask: Ask) -> dict[str, object]:
        drawn = ask.rng.below(2 * tick_ms + 1, purpose="queue/tick-ms")
        return {"id": instance, "machine": "relay", "payload": {"tick_ms": drawn}}

    return once("submit", value)


def final_reads() -> Generator:
    """Wait until nothing goes on, within a bound; then read everything."""
    return phases(
        time_limit(_QUIET_S, until_ok(cycle(then(once("quiet"), sleep(0.5))))),
        *(time_limit(_READ_S, until_ok(cycle(then(once(f), sleep(0.2))))) for f in ("records", "effects")),
    )


def spread(seconds: float, *submissions: Generator) -> Generator:
    """Submissions one after the other, evenly over so many seconds on average."""
    return stagger(seconds / len(submissions), then(*submissions), purpose="queue/submit")
