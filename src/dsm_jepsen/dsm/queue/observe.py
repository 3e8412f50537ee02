"""What a worker tells of its work: the seam for tests, charts and logs.

| ``what`` | when | besides id, token, seq and state |
|---|---|---|
| ``claim`` | a claim was committed | |
| ``tick`` | a tick is about to run | |
| ``advance`` | a step was committed | ``source``: the state before; ``status`` after it |
| ``retry``, ``die``, ``end``, ``release``, ``wait``, ``stop`` | such a change was committed | ``error`` |
| ``drop`` | a result was dropped, because the claim or the session was lost | ``error`` |
| ``unknown`` | nobody can say whether a change was committed | ``error`` |
| ``apply`` | an effect is about to be delivered, not for the first time perhaps | ``effect``: its key |
| ``applied`` | its receiver has taken it | ``effect`` |
"""

from collections.abc import Callable

import msgspec


class Observation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that a worker did; times are wall time, in milliseconds."""

    what: str
    by: str
    at_ms: int
    id: str
    token: int = 0
    seq: int = 0
    state: str = ""
    source: str | None = None
    status: str | None = None
    error: str | None = None
    effect: str | None = None


Observer = Callable[[Observation], None]

MARK = "queue: "
"""What the line of an observation begins with in a worker's log; JSON follows."""


def line_of(seen: Observation) -> str:
    """Write an observation as a line of a log."""
    return MARK + msgspec.json.encode(seen).decode()


def observation_in(line: str) -> Observation | None:
    """Find an observation in a line of a log, whatever stands before it."""
    _, mark, rest = line.partition(MARK)
    try:
        return msgspec.json.decode(rest, type=Observation) if mark else None
    except msgspec.MsgspecError:
        return None
