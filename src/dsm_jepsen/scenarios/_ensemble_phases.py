"""Phases that the ensemble's scenarios are put together from; the paper's READ, ANY and ALL."""

from collections.abc import Sequence
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
    mix,
    nemesis,
    once,
    phases,
    reserve,
    sleep,
    sleep_below,
    stagger,
    then,
    time_limit,
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


def load(*, purpose: str, events: int = 1, reads: int = 1, strong: int = 0) -> Generator:
    """Random events, reads and strong reads for ever, each drawn anew, as often as these numbers say."""
    event, read, strong_read = once("event", random_event), once("read"), once("read-strong")
    parts = (*(event,) * events, *(read,) * reads, *(strong_read,) * strong)
    return mix(*(cycle(part) for part in parts), purpose=purpose)


def busy(seconds: float, *, purpose: str, events: int = 2, reads: int = 2, strong: int = 1) -> Generator:
    """Every client thread works at ``load``, twenty operations a second together, for so long."""
    return clients(
        time_limit(seconds, stagger(0.05, load(purpose=purpose, events=events, reads=reads, strong=strong)))
    )


def fault(name: str, during: Generator, *, nodes: Sequence[str] | None = None) -> Generator:
    """Begin a fault, on nodes drawn anew or on these, let something happen, end the fault."""
    return phases(nemesis(once(f"start-{name}", nodes)), during, nemesis(once(f"stop-{name}")))


_ARRIVED_S = 0.002
"""An event needs less to reach its node."""

_COMMIT_S = 0.003
"""And not less than this to be committed there."""


def fault_mid_commit(name: str, sending: Generator, *, nodes: Sequence[str] | None = None) -> Generator:
    """Let clients send, and begin a fault while nodes are at what was sent first; its end is up to others."""
    wait = then(sleep(_ARRIVED_S), sleep_below(_COMMIT_S, purpose="mid-commit/after"))
    begin = then(wait, once(f"start-{name}", nodes))
    return any_of(clients(sending), nemesis(begin))


def killed_mid_commit(name: str, *, purpose: str, nodes: Sequence[str] | None = None) -> Generator:
    """Send an event to each node at once, let the kill hit them, go on for a second, end the fault.

    Args:
        name: a fault that kills.
        purpose: of the draws.
        nodes: whom it kills, if they are not to be drawn.
    """
    # H fits every state: whoever sends it makes its node commit.
    volley = reserve((len(NODES), each_process(any_sends("H"))), default=NOTHING)
    after = time_limit(1, stagger(0.01, load(purpose=purpose, events=3)))
    return phases(
        fault_mid_commit(name, then(volley, after), nodes=nodes),
        nemesis(then(sleep(1), once(f"stop-{name}"))),
    )


def joined() -> Generator:
    """Every process makes its node join, until that has worked."""
    return each_process(until_ok(cycle(then(once("join"), sleep(0.2)))))


def settled_reads() -> Generator:
    """The final reads: every node is in the ensemble, and is read often enough to agree."""
    return phases(joined(), reads(2), reads(1, f="read-strong"), reads(1))


def by(thread: int, generator: Generator) -> Generator:
    """Only by one client thread, and so at one node."""
    return reserve((thread, NOTHING), (1, generator), default=NOTHING)
