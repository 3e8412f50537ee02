"""Grilling a steak: the smallest useful machine of the work queue, six states in a row.

What a cook would hear is an effect of each step.
"""

import msgspec

from dsm_jepsen.dsm.queue.machine import Advance, Instance, Machine

_NEXT = {
    "INIT": ("SEASONED", "season it"),
    "SEASONED": ("GRILLHOT", "heat the grill"),
    "GRILLHOT": ("SIDEONE", "grill the first side"),
    "SIDEONE": ("COOKED", "turn it"),
    "COOKED": ("DONE", "serve it"),
}


class Steak(msgspec.Struct, frozen=True, kw_only=True):
    """A steak: its cut, and what has been done to it."""

    cut: str = "ribeye"
    steps: tuple[str, ...] = ()


async def tick(steak: Instance[Steak]) -> Advance[Steak]:
    """Do the next step of the recipe."""
    state, words = _NEXT[steak.state]
    payload = msgspec.structs.replace(steak.payload, steps=(*steak.payload.steps, words))
    return Advance(state=state, payload=payload, effects=(words,))


STEAK = Machine(
    name="steak",
    payload=Steak,
    initial="INIT",
    edges={state: (following,) for state, (following, _) in _NEXT.items()} | {"DONE": ()},
    tick=tick,
)
