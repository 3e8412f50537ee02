"""Transactions that travel together: while one request is under way others gather, and go as one after it.

What a busy worker does to many instances at once costs one request, and a lone transaction waits for none.
All of a request is done or nothing, so each is told no more than it asked: if the request is refused, or was
certainly not done, each is sent alone and gets its own answer. If its fate is unknown, so is that of each.

Whoever sends, sends his own wish, with others or alone. So whoever is told that nothing was done was told so
of a request that held his wish and no other. This does not rest on the order in which a lock is given: while
one that waits is being cancelled, who comes later may overtake it.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from dsm_jepsen.env import Commit, Compare, DefiniteError, IndefiniteError, Put, Store, Write

OPERATIONS_MAX = 100
"""Writes of one request, and compares; etcd takes 128 of each."""

BYTES_MAX = 256 << 10
"""Of the values of one request; etcd takes 1.5 MB, ZooKeeper 1 MB."""


@dataclass(slots=True, eq=False)
class _Wish:
    """One transaction, and what came of it once it was sent.

    Attributes:
        alone: whether its sender has to send it by itself.
    """

    compares: Sequence[Compare]
    writes: Sequence[Write]
    commit: Commit | None = None
    error: IndefiniteError | None = None
    alone: bool = False


class Together:
    """The transactions of one worker or client, on one connection."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[_Wish] = []
        self._lock = asyncio.Lock()

    async def transact(self, compares: Sequence[Compare], writes: Sequence[Write]) -> Commit | None:
        """Do all writes if all compares hold; as the store's own, but others may go with it.

        Raises:
            DefiniteError: nothing was done.
            IndefiniteError: nobody can say.
        """
        wish = _Wish(compares, writes)
        self._waiting.append(wish)
        try:
            async with self._lock:
                if wish in self._waiting:
                    await self._send(self._take(wish))
        finally:
            if wish in self._waiting:
                self._waiting.remove(wish)
        if wish.alone:
            return await self._store.transact(compares, writes)
        if wish.error is not None:
            raise IndefiniteError(wish.error.kind, wish.error.detail) from wish.error
        return wish.commit

    def _take(self, own: _Wish) -> list[_Wish]:
        """Take a wish that waits, and those that can go with it."""
        group = _Group(own)
        for wish in self._waiting:
            if wish is not own:
                group.add(wish)
        self._waiting = [wish for wish in self._waiting if wish not in group.wishes]
        return group.wishes

    async def _send(self, wishes: Sequence[_Wish]) -> None:
        """Send wishes as one request, and leave to each what came of it."""
        compares = tuple({compare: None for wish in wishes for compare in wish.compares})
        writes = tuple(write for wish in wishes for write in wish.writes)
        for wish in wishes:
            # Unless something else comes of it: the sender may be cancelled while the request is under way.
            wish.error = IndefiniteError("cancelled", "who sent it was stopped before there was an answer")
        try:
            commit = await self._store.transact(compares, writes)
        except DefiniteError:
            if len(wishes) == 1:
                raise
            commit = None
        except IndefiniteError as error:
            for wish in wishes:
                wish.error = error
            return
        start = 0
        for wish in wishes:
            wish.error = None
            if commit is None:
                wish.alone = len(wishes) > 1
            else:
                end = start + len(wish.writes)
                wish.commit = Commit(commit.position, commit.versions[start:end])
                start = end


class _Group:
    """Wishes that mean the same together as one after the other: none writes what another names."""

    def __init__(self, first: _Wish) -> None:
        self.wishes = [first]
        self._compared = {compare.key: compare.version for compare in first.compares}
        self._written = {write.key for write in first.writes}
        self._bytes = _size(first)

    def add(self, wish: _Wish) -> None:
        """Take a wish in, if it fits."""
        compared = {compare.key: compare.version for compare in wish.compares}
        written = {write.key for write in wish.writes}
        same = all(self._compared.get(key, version) == version for key, version in compared.items())
        apart = self._written.isdisjoint(written | compared.keys()) and written.isdisjoint(self._compared)
        fits = (
            len(self._compared | compared) <= OPERATIONS_MAX
            and len(self._written) + len(written) <= OPERATIONS_MAX
            and self._bytes + _size(wish) <= BYTES_MAX
        )
        if same and apart and fits:
            self.wishes.append(wish)
            self._compared |= compared
            self._written |= written
            self._bytes += _size(wish)


def _size(wish: _Wish) -> int:
    return sum(len(write.value) for write in wish.writes if isinstance(write, Put))
