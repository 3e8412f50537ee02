"""Phases that the ensemble's scenarios are put together from; the paper's READ, ANY and ALL."""

from typing import Any

from dsm_jepsen.cluster import NODES
from dsm_jepsen.scenarios._base import Settings
from dsm_jepsen.scenarios.generators import (
    NOTHING,
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
    then,
    until_ok,
)

TIMING = {"timing": ("short", "paper")}
"""The setting that keeps the paper's waits; short ones tell the same story in a fraction of the time."""


def pick(settings: Settings, *, short: int, paper: int) -> int:
    """Choose a number by the timing."""
    return paper if settings["timing"] == "paper" else short


EVENTS = "ABCDEFGHIJK"
"""The web chart's alphabet."""


def reads(times: int, *, f: str = "read") -> Generator:
    """The paper's READ: every process reads so many times, each time after a second."""
    return each_process(cycle(then(sleep(1), once(f)), times=times))


def any_sends(event: str, **fields: Any) -> Generator:
    """The paper's ANY: one process, whichever comes first, sends the event."""
    return once("event", {"event": event, **fields})


def all_send(event: str, *, expect: int, within_s: float = 0.0) -> Generator:
    """The paper's ALL: every process sends the event, meant for one version; at once or within a time."""
    send = any_sends(event, expect=expect)
    wait = sleep_below(within_s, purpose="all-send/after") if within_s else NOTHING
    return each_process(then(wait, send))


def random_event(ask: Ask) -> dict[str, Any]:
    """Draw an event; J with one of eight values."""
    name = ask.rng.choice(EVENTS, purpose="event/name")
    if name != "J":
        return {"event": name}
    value = f"v{ask.rng.between(1, 8, purpose='event/variable')}"
    return {"event": "J", "parameters": {"testVariable": value}}


def fault(name: str, during: Generator) -> Generator:
    """Begin a fault, let something happen, end the fault."""
    return phases(nemesis(once(f"start-{name}")), during, nemesis(once(f"stop-{name}")))


def joined() -> Generator:
    """Every process makes its node join, until that has worked."""
    return each_process(until_ok(cycle(then(once("join"), sleep(0.2)))))


def settled_reads() -> Generator:
    """The final reads: every node is in the ensemble, and is read often enough to agree."""
    return phases(joined(), reads(2), reads(1, f="read-strong"), reads(1))


def by(thread: int, generator: Generator) -> Generator:
    """Only by one client thread, and so at one node."""
    return reserve((thread, NOTHING), (1, generator), default=NOTHING)


def kill_during_commit(thread: int, event: str) -> Generator:
    """Send an event to a node and kill the node before or while it commits; later start it again."""
    node = NODES[thread % len(NODES)]
    kill = then(sleep_below(0.006, purpose="kill-during-commit/after"), once("start-kill-node", [node]))
    return phases(
        any_of(clients(by(thread, any_sends(event))), nemesis(kill)),
        nemesis(once("stop-kill-node")),
    )
