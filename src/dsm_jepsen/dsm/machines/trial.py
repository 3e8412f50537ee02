"""Machines for trials of the queue: one that takes its time, one that forks in forks, one that goes wrong.

Their ticks last as long as the payload says, so that workers die, stand still and are cut off in the middle.
Every step has an effect, and so leaves a trace with whoever receives it.
"""

import asyncio
from itertools import pairwise
from typing import Literal

import msgspec

from dsm_jepsen.dsm.queue.machine import Advance, FailError, Fork, Instance, Machine


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    """How long each tick lasts, how long after it the next may begin, and which branch is to fail."""

    tick_ms: int = 0
    rest_ms: int = 0
    failing: str | None = None


_RELAY = ("START", "FIRST", "SECOND", "THIRD", "FINISH")


async def _run(runner: Instance[Leg]) -> Advance[Leg]:
    await asyncio.sleep(runner.payload.tick_ms / 1000)
    following = _RELAY[_RELAY.index(runner.state) + 1]
    return Advance(
        state=following, payload=runner.payload, effects=({"to": following},), after_ms=runner.payload.rest_ms
    )


RELAY = Machine(
    name="relay",
    payload=Leg,
    initial="START",
    edges={state: (following,) for state, following in pairwise(_RELAY)} | {"FINISH": ()},
    tick=_run,
)

_BRAID = {
    "loose": "parted",
    "parted": "tied",
    "left": "left-split",
    "left-split": "left-end",
    "strand": "strand-end",
    "right": "right-turn",
    "right-turn": "right-end",
}
"""The one way through: from state to state."""


async def _plait(hair: Instance[Leg]) -> Advance[Leg]:
    await asyncio.sleep(hair.payload.tick_ms / 1000)
    if hair.payload.failing == hair.state:
        raise FailError(f"it was to fail in {hair.state}")
    following = _BRAID[hair.state]
    ended = {name: ending.status for name, ending in hair.branches.items()}
    return Advance(state=following, payload=hair.payload, effects=({"to": following, "ended": ended},))


BRAID = Machine(
    name="braid",
    payload=Leg,
    initial="loose",
    edges={state: (following,) for state, following in _BRAID.items()}
    | dict.fromkeys(("tied", "left-end", "strand-end", "right-end"), ()),
    forks={
        "parted": Fork(branches={"left": "left", "right": "right"}, on_failure="wait"),
        "left-split": Fork(
            branches={"one": "strand", "two": "strand", "three": "strand"}, on_failure="fail-all"
        ),
    },
    tick=_plait,
)

Harm = Literal["raise", "raise-once", "exit", "fail", "hang", "nowhere", "refused-effect"]


class Poison(msgspec.Struct, frozen=True, kw_only=True):
    """What goes wrong, in the second of three states."""

    harm: Harm


async def _poisoned(victim: Instance[Poison]) -> Advance[Poison]:
    if victim.state == "well":
        return Advance(state="sick", payload=victim.payload, effects=({"to": "sick"},))
    state = "over"
    effect: dict[str, str | bool] = {"to": "over"}
    match victim.payload.harm:
        case "raise":
            raise RuntimeError("it was to raise")
        case "raise-once" if victim.attempt == 0:
            raise RuntimeError("it was to raise once")
        case "exit":
            raise SystemExit(3)
        case "fail":
            raise FailError("it was to fail")
        case "hang":
            await asyncio.sleep(3_600)
        case "nowhere":
            state = "nowhere"
        case "refused-effect":
            effect["refuse"] = True
    return Advance(state=state, payload=victim.payload, effects=(effect,))


POISON = Machine(
    name="poison",
    payload=Poison,
    initial="well",
    edges={"well": ("sick",), "sick": ("over",), "over": ()},
    tick=_poisoned,
    deadline_ms=500,
    attempts=2,
)

UNHEARD_OF = "unheard-of"
"""The name of a machine that no worker knows."""
