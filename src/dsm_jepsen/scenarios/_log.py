"""One key as a log that many append to and many follow: a system that is nothing but the store.

Operations:

* ``append`` with a token reads the key and writes it on the condition that it still has the version read.
  The value says which version it follows, so whoever sees it knows whether there was another in between.
* ``follow`` with ``{"for_ms": 300}`` watches for so long, from the last version that this client has seen.
  Who is told that changes are gone takes the value anew (marked so), and ends.
* ``catch-up`` reads the key, and follows until it has seen that version, as long as the store answers reads.

The value of ``follow`` and ``catch-up`` is what was seen, in order, with the version seen before all of it:
``{"after": 6, "told": [{"version": 7, "token": 23, "follows": 6}], "ended": "time"}``.
"""

import asyncio
import json
from typing import Any, Self

from dsm_jepsen.env import (
    Client,
    CompactedError,
    DefiniteError,
    Entry,
    IndefiniteError,
    OutcomeError,
    Program,
    Site,
    Store,
)

_KEY = "/watch-log"

_TRY_MS = 1_000

_TRIES = 8
"""Of catching up: whoever hears nothing so often from a store that answers will hear nothing."""


class LogClient:
    """One client process: a writer, or a reader that knows how far it has read."""

    def __init__(self, store: Store | None = None) -> None:
        self._opened = store
        self._version: int | None = None
        self._position = 0

    async def open(self, site: Site) -> Self:
        """Connect to the store's member at this site."""
        return type(self)(await site.open_store())

    async def close(self) -> None:
        """Close the connection."""
        if self._opened is not None:
            await self._opened.close()

    async def invoke(self, f: str, value: Any) -> Any:
        """Carry out one operation; see ``env.Client``."""
        match f:
            case "append":
                return await self._append(value)
            case "follow":
                return await self._follow(value["for_ms"])
            case "catch-up":
                return await self._catch_up()
        raise ValueError(f"a log's client does not know {f!r}")

    @property
    def _store(self) -> Store:
        assert self._opened is not None, "open the client first"
        return self._opened

    async def _append(self, token: int) -> dict[str, Any]:
        entry = await self._read()
        written = {"token": token, "follows": None if entry is None else entry.version}
        done = await self._store.compare_and_set(
            _KEY, json.dumps(written).encode(), version=written["follows"]
        )
        if done is None:
            # Definite: the store says that the condition did not hold.
            raise DefiniteError("lost-race", written["follows"])
        return {**written, "version": done.version}

    async def _follow(self, for_ms: int) -> dict[str, Any]:
        after, told = self._version, list[dict[str, Any] | None]()
        ended = await self._watch(told, for_ms=for_ms, target=None)
        if not told and ended not in {"time", "compacted"}:
            # Definite: a watch changes nothing, and this one told nothing either.
            raise DefiniteError(ended, after)
        return {"after": after, "told": told, "ended": ended}

    async def _catch_up(self) -> dict[str, Any]:
        after, told = self._version, list[dict[str, Any] | None]()
        entry = await self._read()
        target, ended = (0 if entry is None else entry.version), ""
        for turn in range(_TRIES):
            if (self._version or 0) >= target:
                break
            if turn > 0:
                await self._see_that_it_answers()
            ended = await self._watch(told, for_ms=_TRY_MS, target=target)
            if ended not in {"time", "compacted", "caught-up"}:
                await asyncio.sleep(_TRY_MS / 1000)
        return {"after": after, "told": told, "ended": ended, "target": target}

    async def _see_that_it_answers(self) -> None:
        """See that it is the watch alone that tells nothing.

        Raises:
            IndefiniteError: the store does not answer reads either: nobody knows what a watch would tell. As
                what this client was told is in no operation's value then, it must not go on.
        """
        try:
            await self._store.get(_KEY)
        except OutcomeError as error:
            raise IndefiniteError(error.kind, error.detail) from error

    async def _watch(self, told: list[dict[str, Any] | None], *, for_ms: int, target: int | None) -> str:
        """Add what a watch tells; why it ended."""
        watch = self._store.watch(_KEY, after=self._position)
        try:
            async with asyncio.timeout(for_ms / 1000):
                async for change in watch:
                    told.append(self._see(change.entry))
                    if target is not None and (self._version or 0) >= target:
                        return "caught-up"
                return "closed"
        except TimeoutError:
            return "time"
        except CompactedError:
            return await self._begin_anew(told)
        except OutcomeError as error:
            return error.kind
        finally:
            await watch.aclose()

    async def _begin_anew(self, told: list[dict[str, Any] | None]) -> str:
        try:
            entry = await self._read()
        except DefiniteError as error:
            return error.kind
        seen = self._see(entry)
        told.append(None if seen is None else {**seen, "anew": True})
        return "compacted"

    def _see(self, entry: Entry | None) -> dict[str, Any] | None:
        """Note how far this client has read; ``None`` if it is told that there is no value."""
        if entry is None:
            return None
        self._version, self._position = entry.version, entry.position
        return {"version": entry.version, **json.loads(entry.value)}

    async def _read(self) -> Entry | None:
        try:
            return await self._store.get(_KEY)
        except IndefiniteError as error:
            # Definite: a read changes nothing.
            raise DefiniteError(error.kind, error.detail) from error


class LogSystem:
    """The store and nothing else."""

    name = "log"
    program: Program | None = None

    async def ready(self, site: Site) -> bool:
        """Whether the store's member beside a node answers."""
        async with await site.open_store() as store:
            try:
                await store.get(_KEY)
            except OutcomeError:
                return False
        return True

    def client(self) -> Client:
        """A client, not yet opened."""
        return LogClient()
