"""Whether the store's members hold the same data: each is read by itself, and all at one point of their log.

Every run ends with it, so that a store that lost something is not taken for a flaw of the system under test.

A *mark* is written through the log. Who shows it has applied all that was committed before. So a member that
was read once it showed a mark, and before the next one was written, was read between these two points of the
log, however busy the cluster is and however far the member lags. Three marks make three such rounds, and the
rule: what one member showed in the first round and, unchanged, in the third, each must have shown in the
second. Members that show the same in any round agree at once. All it takes is a linearizable put and stale
reads, so it is the same on every store. Keys are compared with their versions and positions: where a member
lost one write and went on, they differ in all keys that were written later.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any

from dsm_jepsen.env import PLAIN, Entry, OutcomeError, RefusedError, Site, Store

MARK = f"dsm-jepsen{PLAIN}members"
"""The key of the marks."""

ROUNDS = 3

BOUND_S = 30.0
"""How long each round may take: for its mark to be written, and for all members to show it and be read."""

_REST_S = 0.05

_SHOWN_MAX = 5
"""Keys named of each member that differs."""

Data = Mapping[str, Entry]


async def compare_members(sites: Sequence[Site]) -> dict[str, Any]:
    """Compare what the members hold, for the history.

    Returns:
        ``members``: how many were read; ``keys``: how many were compared; ``rounds``: of reading;
        ``differs``: member to ``from``, the member it was compared with, ``keys``, how many differ, and
        ``shown``, for some of them ``[key, here, there]``, each with version and value or ``None``;
        ``unknown``: why it cannot be told, else ``None``.
    """
    async with AsyncExitStack() as stack:
        try:
            stores = {site.node: await stack.enter_async_context(await site.open_store()) for site in sites}
        except (OutcomeError, RefusedError) as error:
            return _told(unknown=f"a member could not be connected to: {error}")
        rounds: list[dict[str, Data]] = []
        for mark in range(1, ROUNDS + 1):
            rounds.append(await _read(stores, mark))
            if missing := sorted(stores.keys() - rounds[-1].keys()):
                words = f"{', '.join(missing)} did not show a new write within {BOUND_S:.0f} s"
                return _told(rounds, unknown=words)
            first, *others = rounds[-1].values()
            if all(other == first for other in others):
                return _told(rounds, keys=len(first))
        return _compare(rounds)


async def _read(stores: Mapping[str, Store], mark: int) -> dict[str, Data]:
    """Make one round; gives what was read of those members that showed the mark in time."""
    read: dict[str, Data] = {}
    in_turn = asyncio.Lock()  # all at once take as long, and may time out
    with suppress(TimeoutError):
        async with asyncio.timeout(BOUND_S):
            await _write(stores.values(), mark)
            await asyncio.gather(*(_own_data(node, stores[node], mark, in_turn, read) for node in stores))
    return {node: read[node] for node in stores if node in read}


async def _write(stores: Iterable[Store], mark: int) -> None:
    """Write a mark through whichever member takes it; again if that is uncertain, which does no harm."""
    while True:
        for store in stores:
            with suppress(OutcomeError):
                await store.put(MARK, b"%d" % mark)
                return
        await asyncio.sleep(_REST_S)


async def _own_data(node: str, store: Store, mark: int, in_turn: asyncio.Lock, read: dict[str, Data]) -> None:
    """Read all that a member knows once it shows the mark."""
    while node not in read:
        with suppress(OutcomeError):
            shown = await store.get(MARK, stale_ok=True)
            if shown is not None and int(shown.value) >= mark:
                async with in_turn:
                    read[node] = {entry.key: entry for entry in await store.list("", stale_ok=True)}
                return
        await asyncio.sleep(_REST_S)


def _compare(rounds: Sequence[Mapping[str, Data]]) -> dict[str, Any]:
    before, between, after = rounds
    steady = {
        node: {key: entry for key, entry in data.items() if after[node].get(key) == entry}
        for node, data in before.items()
    }
    conflicts = {
        (here, there): keys
        for here in between
        for there in steady
        if (keys := [key for key, entry in steady[there].items() if between[here].get(key) != entry])
    }
    if not conflicts:
        seen = len(set().union(*steady.values()))
        return _told(rounds, keys=seen, unknown=None if seen else "no key kept its value long enough")
    # Whoever is at odds with the fewest stands for the others: who differs is told, not who is right.
    judge = min(between, key=lambda node: sum(node in pair for pair in conflicts))
    differs = {}
    for node in between:
        if odd := sorted({*conflicts.get((node, judge), ()), *conflicts.get((judge, node), ())}):
            shown = [
                [key, _words(between[node].get(key)), _words(between[judge].get(key))]
                for key in odd[:_SHOWN_MAX]
            ]
            differs[node] = {"from": judge, "keys": len(odd), "shown": shown}
    return _told(rounds, keys=len(steady[judge]), differs=differs)


def _words(entry: Entry | None) -> str | None:
    if entry is None:
        return None
    value = entry.value[:40].decode(errors="replace")
    return f"version {entry.version}: {value!r}{'...' if len(entry.value) > 40 else ''}"


def _told(
    rounds: Sequence[Mapping[str, Data]] = (),
    *,
    keys: int = 0,
    differs: Mapping[str, Any] | None = None,
    unknown: str | None = None,
) -> dict[str, Any]:
    read = len(rounds[-1]) if rounds else 0
    return {
        "members": read,
        "keys": keys,
        "rounds": len(rounds),
        "differs": dict(differs or {}),
        "unknown": unknown,
    }
