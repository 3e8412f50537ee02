"""Counters to which always the same is added: by counting no more than must have been counted.

A read then tells how many adds came before it. Going forward over calls and returns, an add is counted when
it returns, if it was not before, and when a read returns that found more counted; then first those which
will return first, for that leaves the others for later. A smaller count is never worse: it can be raised at
any time by the same adds, passing on the way everything that open reads may have found. So a read can be
explained if, when it was called, no more than it found had to be counted, and enough has been called when
it returns.

Adds that never returned are counted last, and only if a read found so many; reads that never returned are
left out.
"""

from heapq import heappop, heappush

from dsm_jepsen.checkers.linearizability.problem import NEVER
from dsm_jepsen.checkers.linearizability.special._intervals import (
    Contradiction,
    Explained,
    Finding,
    Intervals,
    Role,
)


def applies(known: Intervals) -> bool:
    """Whether always the same is added, and it is not nothing."""
    added = {value for role, value in zip(known.roles, known.values, strict=True) if role is Role.PUT}
    return len(added) <= 1 and 0 not in added


def judge(known: Intervals, initial: int) -> Finding:
    """Find an order, or the first return that cannot be explained: everything before bears on it."""
    roles, values, calls, returns = known
    step = next((value for role, value in zip(roles, values, strict=True) if role is Role.PUT), 1)
    events = [(call, one) for one, call in enumerate(calls)]
    events += [(end, ~one) for one, end in enumerate(returns) if end != NEVER]
    counted: list[int] = []
    done = bytearray(len(calls))
    open_adds: list[tuple[int, int]] = []
    at_call: dict[int, int] = {}
    found: list[tuple[int, int]] = []
    for at, event in sorted(events):
        one = event if event >= 0 else ~event
        if event >= 0:
            if roles[one] is Role.PUT:
                heappush(open_adds, (returns[one], one))
            else:
                at_call[one] = len(counted)
            continue
        many = len(counted) + 1
        if roles[one] is Role.PUT:
            if done[one]:
                continue
        else:
            many, rest = divmod(values[one] - initial, step)
            if rest or many < at_call.pop(one) or many > len(counted) + len(open_adds):
                return Contradiction([other for other, call in enumerate(calls) if call < at], by=at)
            found.append((many, one))
        while len(counted) < many:
            _, add = heappop(open_adds)
            done[add] = 1
            counted.append(add)
    return Explained(_merged(counted, sorted(found)))


def _merged(counted: list[int], found: list[tuple[int, int]]) -> list[int]:
    """Put reads, by how many they found, between adds."""
    order: list[int] = []
    done = 0
    for many, one in found:
        order += counted[done:many]
        done = max(done, many)
        order.append(one)
    return order + counted[done:]
