"""Whom a fault meets: hosts drawn by name of the fault, and the host whose store member leads."""

from collections.abc import Sequence

from dsm_jepsen.env import Control, Rng


class SkippedError(Exception):
    """What a fault needs is missing, so it is not begun; the message is the ``why`` of its report."""


def drawn(rng: Rng, hosts: Sequence[str], count: int, *, purpose: str) -> tuple[str, ...]:
    """Draw so many different hosts, in a drawn order."""
    rest = list(hosts)
    return tuple(rest.pop(rng.below(len(rest), purpose=purpose)) for _ in range(count))


def minority_size(hosts: Sequence[str]) -> int:
    """The most hosts that are no majority: 2 of 5."""
    return (len(hosts) - 1) // 2


async def store_leader(control: Control, wanted: Sequence[str] = ()) -> str:
    """The host whose store member leads.

    Raises:
        SkippedError: there is none now, or it is none of the wanted hosts.
    """
    leader = await control.leader()
    if leader is None:
        raise SkippedError("no member of the store leads now")
    if wanted and leader not in wanted:
        raise SkippedError(f"{leader} leads, and the fault is for {', '.join(wanted)}")
    return leader
