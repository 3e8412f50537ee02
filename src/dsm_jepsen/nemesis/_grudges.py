"""Grudges: pure functions from hosts to the directed links that a partition cuts.

Both processes of a host are on its side. What belongs together keeps all its links.
"""

from collections.abc import Iterable, Sequence

from dsm_jepsen.env import Link, Role
from dsm_jepsen.nemesis._base import between

Links = tuple[Link, ...]


def complete(one_side: Sequence[str], other_side: Sequence[str]) -> Links:
    """Cut two sides from each other, both ways."""
    return between(one_side, other_side) + between(other_side, one_side)


def bridge(order: Sequence[str]) -> Links:
    """Cut the hosts before the middle one from those after it; the middle one keeps all its links."""
    middle = len(order) // 2
    return complete(order[:middle], order[middle + 1 :])


def majorities_ring(order: Sequence[str]) -> Links:
    """Leave each host its nearest neighbours on a ring: a majority, and never the same one.

    The order goes round the ring; a host keeps equally many neighbours on both sides. Of three
    hosts or fewer nobody is cut off.
    """
    count = len(order)
    reach = (count // 2 + 1) // 2

    def far(one: int, other: int) -> bool:
        apart = abs(one - other)
        return min(apart, count - apart) > reach

    return tuple(
        link
        for one in range(count)
        for other in range(count)
        if far(one, other)
        for link in between((order[one],), (order[other],))
    )


def store_cut(hosts: Iterable[str]) -> Links:
    """Cut node processes from the store's members beside them, both ways."""
    return tuple(
        link
        for host in hosts
        for link in (Link(host, Role.NODE, host, Role.STORE), Link(host, Role.STORE, host, Role.NODE))
    )


def touching(hosts: Sequence[str], everybody: Sequence[str]) -> Links:
    """All links between different hosts that begin or end at one of these."""
    return tuple(
        link
        for one in everybody
        for other in everybody
        if one != other and (one in hosts or other in hosts)
        for link in between((one,), (other,))
    )
