"""What the queue's scenarios share: the system and its flaws, submissions, final reads and checkers.

Here two rooms meet that do not know each other: the machines' definitions become the charts of the checkers.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from dsm_jepsen.checkers import (
    Chart,
    Checker,
    adequacy,
    effects_once,
    instances_end,
    joins_once,
    legal_steps,
    lost_claims,
    stats,
    steps_once,
)
from dsm_jepsen.dsm.machines.trial import UNHEARD_OF
from dsm_jepsen.dsm.queue.client import MACHINES
from dsm_jepsen.dsm.queue.flawed import VARIANTS
from dsm_jepsen.dsm.queue.system import QueueSystem
from dsm_jepsen.env import System
from dsm_jepsen.scenarios.generators import (
    Ask,
    Generator,
    any_of,
    clients,
    cycle,
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

FLAWS = {name: (kind.__doc__ or "").partition("\n")[0] for name, kind in VARIANTS.items()}
"""The queue's variants, each with what is wrong with it."""

CHARTS = {
    name: Chart(
        machine.initial,
        machine.edges,
        {state: fork.branches for state, fork in machine.forks.items()},
    )
    for name, machine in MACHINES.items()
}

HARMS = {
    "raise": "dead",
    "raise-once": "done",
    "exit": "dead",
    "fail": "failed",
    "hang": "dead",
    "nowhere": "dead",
    "refused-effect": "done",
}
"""What the machine of poison can be told to do wrong, and what becomes of such an instance."""

_QUIET_S = 60
"""How long after the heal everything may take to come to its end; a session lasts 10 s of that."""

_READ_S = 30

_LOOKERS = 3
"""Client threads that do nothing but look at instances, while the others submit; two nodes may be cut off."""


def queue(variant: str | None) -> System:
    """Give the queue with its trial machines."""
    return QueueSystem(variant=variant)


def relay(instance: str, *, tick_ms: int, rest_ms: int = 0) -> Generator:
    """Submit a relay: four steps in a row; a tick lasts up to twice so long."""
    return _submit(instance, "relay", tick_ms=tick_ms, rest_ms=rest_ms)


def braid(instance: str, *, tick_ms: int, failing: str | None = None) -> Generator:
    """Submit a braid: two branches, one of which has three; a branch or the whole of it fails in a state."""
    return _submit(instance, "braid", tick_ms=tick_ms, failing=failing)


def poison(instance: str, harm: str) -> Generator:
    """Submit an instance that goes wrong in this way."""
    return once("submit", {"id": instance, "machine": "poison", "payload": {"harm": harm}})


def unheard_of(instance: str) -> Generator:
    """Submit an instance of a machine that no worker knows."""
    return once("submit", {"id": instance, "machine": UNHEARD_OF, "payload": {}})


def order(instance: str, *, card: str = "good") -> Generator:
    """Submit an order; one whose card is declined fails."""
    payload = {"item": "boots", "card": card}
    return once("submit", {"id": instance, "machine": "order", "payload": payload})


def _submit(instance: str, machine: str, *, tick_ms: int, **fields: Any) -> Generator:
    def value(ask: Ask) -> dict[str, Any]:
        drawn = ask.rng.below(2 * tick_ms + 1, purpose="queue/tick-ms")
        return {"id": instance, "machine": machine, "payload": {"tick_ms": drawn, **fields}}

    return once("submit", value)


def load(
    work: Sequence[Generator], ids: Sequence[str], *, seconds: float, within_s: float | None = None
) -> Generator:
    """Clients do these operations, and look at instances, at one of them or at all that go on.

    Args:
        work: the operations.
        ids: of the instances to look at one by one.
        seconds: how long to look.
        within_s: over how long the operations are spread; ``None``: as long as that, 0: all at once.
    """
    mean_s = (seconds if within_s is None else within_s) / len(work)
    doing = then(*work)
    spread = stagger(mean_s, doing, purpose="queue/submit") if mean_s else doing
    one = cycle(then(sleep_below(0.3, purpose="queue/rest"), once("look", _any_of(ids))))
    everything = cycle(then(sleep(0.5), once("look")))
    return clients(reserve((_LOOKERS, time_limit(seconds, any_of(one, everything))), default=spread))


def _any_of(ids: Sequence[str]) -> Any:
    return lambda ask: {"id": ask.rng.choice(ids, purpose="queue/look")}


def fault(name: str, *, calm_s: float, acts_s: float, times: int = 1) -> Generator:
    """A fault, some times: after a time of calm, drawn each time, it acts so long."""
    calm = sleep_below(2 * calm_s, purpose=f"queue/{name}")
    return nemesis(cycle(then(calm, once(f"start-{name}"), sleep(acts_s), once(f"stop-{name}")), times=times))


def final_reads(*, quiet_s: float = _QUIET_S) -> Generator:
    """Wait until nothing goes on, so long at most; then read everything."""
    return clients(
        phases(
            time_limit(quiet_s, _until_answered("quiet", pause_s=0.5)),
            *(time_limit(_READ_S, _until_answered(f, pause_s=0.2)) for f in ("records", "effects")),
        )
    )


def _until_answered(f: str, *, pause_s: float) -> Generator:
    """One thread after the other asks; with ``then`` several would ask at once."""
    return until_ok(cycle(phases(once(f), sleep(pause_s))))


def expected(submitted: Mapping[str, Any]) -> frozenset[str]:
    """How an instance may end that nobody cancels."""
    machine, payload = submitted.get("machine"), submitted.get("payload", {})
    if machine in (None, UNHEARD_OF):
        return frozenset({"dead"})
    if machine == "poison":
        return frozenset({HARMS[payload["harm"]]})
    if machine == "order":
        return frozenset({"failed" if payload["card"] == "declined" else "done"})
    # Branches that fail are waited for; the braid itself fails only in its own states.
    return frozenset({"failed" if payload.get("failing") in ("loose", "parted") else "done"})


def queue_checkers(
    min_ok: Mapping[str, int],
    *faults: str,
    forks: bool = False,
    holder_lives: bool | None = None,
    min_kinds: int = 0,
) -> dict[str, Checker]:
    """The checkers of every queue scenario.

    Args:
        min_ok: how many operations of a name must have ended ok for the run to mean anything.
        faults: names of nemeses that must have acted.
        forks: whether there are instances that fork.
        holder_lives: whether workers outlive the faults, which must have cost one of them a claim;
            ``None``: they need not have.
        min_kinds: how many different faults must have acted, and each time have ended.
    """
    return {
        "steps-once": steps_once,
        "legal-steps": legal_steps(CHARTS),
        **({"joins-once": joins_once(CHARTS)} if forks else {}),
        "instances-end": instances_end(expected),
        "effects-once": effects_once(frozenset({"relay", "braid", "poison"})),
        **({} if holder_lives is None else {"lost-claims": lost_claims(*faults, holder_lives=holder_lives)}),
        "stats": stats,
        "adequacy": adequacy(
            {**min_ok, "look": 10, "records": 1, "effects": 1},
            needs_faults=frozenset(faults),
            min_kinds=min_kinds,
        ),
    }
