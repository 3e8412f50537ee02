"""Registers into which no value is written twice: by zones (Gibbons & Korach, 1997).

A value's operations are its write and its reads. Its *zone* lies between the first of their returns and the
last of their calls. If the return comes first, the register holds the value all through the zone
(*forward*): two such zones may not overlap. Otherwise all operations go on at once all through it
(*backward*), and can take effect at any moment there, one after another: one must be free of forward zones.
With reads only of what was written, and none that ends before its write begins, this is also enough:
forward zones in their order, each backward one at its free moment.

A write that never returned counts if its value was read, and is left out otherwise, as are reads that never
returned.
"""

from collections.abc import Hashable
from itertools import pairwise
from typing import Final

from dsm_jepsen.checkers.linearizability.problem import NEVER
from dsm_jepsen.checkers.linearizability.special._intervals import (
    Contradiction,
    Explained,
    Finding,
    Intervals,
    Role,
)

_AT_FIRST: Final = -1
"""Stands for a write of the initial value, long ago."""

_Zone = tuple[int, int, int]
"""First and last moment, and the write."""


def applies(known: Intervals, initial: Hashable) -> bool:
    """Whether no two writes, and none and the initial value, are of the same value."""
    written = [value for role, value in zip(known.roles, known.values, strict=True) if role is Role.PUT]
    return len({initial, *written}) == len(written) + 1


def judge(known: Intervals, initial: Hashable) -> Finding:
    """Find an order, or a contradiction: an impossible read, or two zones."""
    cluster = _clusters(known, initial)
    if isinstance(cluster, Contradiction):
        return cluster
    forward: list[_Zone] = []
    backward: list[_Zone] = []
    for write, members in cluster.items():
        ends = -1 if write == _AT_FIRST else min([known.returns[one] for one in members])
        if not members or ends == NEVER:
            continue
        begins = max([known.calls[one] for one in members])
        if ends < begins:
            forward.append((ends, begins, write))
        else:
            backward.append((begins, ends, write))
    return _placed(sorted(forward), sorted(backward), cluster, known)


def _clusters(known: Intervals, initial: Hashable) -> dict[int, list[int]] | Contradiction:
    """Find each write's operations, in the order of their calls after the write."""
    roles, values, calls, returns = known
    writes = {value: one for one, value in enumerate(values) if roles[one] is Role.PUT}
    cluster = {one: [one] for one in writes.values()}
    cluster[_AT_FIRST] = []
    writes[initial] = _AT_FIRST
    for one, role in enumerate(roles):
        if role is Role.PUT or returns[one] == NEVER:
            continue
        write = writes.get(values[one])
        if write is None:
            return Contradiction([one])
        if write != _AT_FIRST and returns[one] < calls[write]:
            return Contradiction([write, one], by=returns[one])
        cluster[write].append(one)
    return cluster


def _placed(
    forward: list[_Zone],
    backward: list[_Zone],
    cluster: dict[int, list[int]],
    known: Intervals,
) -> Finding:
    """Place zones, in the order of their first moments, in one order."""
    for (_, ends, one), (begins, _, other) in pairwise(forward):
        if begins < ends:
            return Contradiction([*_decisive(one, cluster, known), *_decisive(other, cluster, known)])
    moments = [(begins, write) for begins, _, write in forward]
    ahead = 0
    for begins, ends, write in backward:
        while ahead < len(forward) and forward[ahead][1] < begins:
            ahead += 1
        moment = begins
        if ahead < len(forward) and forward[ahead][0] < begins:
            moment = forward[ahead][1]
            if ends < moment:
                return Contradiction(
                    [*_decisive(forward[ahead][2], cluster, known), *_decisive(write, cluster, known)]
                )
        moments.append((moment, write))
    return Explained([one for _, write in sorted(moments) for one in cluster[write]])


def _decisive(write: int, cluster: dict[int, list[int]], known: Intervals) -> list[int]:
    """The operations that make a zone what it is."""
    members = cluster[write]
    of = {min(members, key=known.returns.__getitem__), max(members, key=known.calls.__getitem__)}
    return sorted(of | ({write} - {_AT_FIRST}))
