"""Ensembles with one planted flaw each, to see that the checkers catch it; never used unless named.

Each flaw is one method or two of the correct ensemble replaced. Most are weaknesses that the paper's
implementation has, or invites (see ``docs/explanation/ensemble.md``).
"""

import asyncio
from contextlib import suppress

from msgspec import structs

from dsm_jepsen.dsm.chart import Event, step
from dsm_jepsen.dsm.ensemble.context import Context, decode, encode
from dsm_jepsen.dsm.ensemble.ensemble import FRESH_MS, Ensemble, Replica
from dsm_jepsen.env import DefiniteError, Entry, IndefiniteError, OutcomeError


class NoVersionCheck(Ensemble):
    """Commits without comparing the version: of two concurrent events one is lost, though acknowledged."""

    async def commit(self, following: Context, current: Replica) -> Entry | None:
        """Put without a condition."""
        return await self.env.store.put(self.key, encode(following))


class ReplayEvents(Ensemble):
    """Replicas replay the committed event on their own state instead of taking over the outcome.

    The paper's own way: a replica that missed a commit, or meets its own, ends in another state and
    commits transitions from there.
    """

    def adopt(self, read: Replica) -> None:
        """Replay the last event of a newer context that another node committed."""
        before = self.replica
        super().adopt(read)
        event = read.context.event
        if before is None or self.replica is before or event is None or read.context.node == self.env.node:
            return
        replayed = step(self.chart, before.context.configuration, before.context.variables, event)
        own = structs.replace(
            read.context, configuration=replayed.configuration, variables=replayed.variables
        )
        self.replica = Replica(own, read.stored)

    def install(self, read: Replica) -> None:
        """Joining alone is a state transfer, as in the paper."""
        self.replica = None
        super().install(read)


class RingIndex(Ensemble):
    """Compares the index in the ring instead of the version: from commit 33 on every sender goes in error."""

    RING = 32

    async def _fire(self, event: Event, expect: int | None) -> Context:
        context = await super()._fire(event, expect)
        if context.version > self.RING:
            self.leave()
        return context


class SilentLosers(Ensemble):
    """Losers of a race hear "accepted": there is no way for a client to learn the outcome of its event."""

    async def _fire(self, event: Event, expect: int | None) -> Context:
        try:
            return await super()._fire(event, expect)
        except DefiniteError as error:
            if error.kind == "lost-race" and self.replica is not None:
                return self.replica.context
            raise


class CriesLostRace(Ensemble):
    """Tells the sender of an event that is not applicable that it lost a race."""

    async def _fire(self, event: Event, expect: int | None) -> Context:
        try:
            return await super()._fire(event, expect)
        except DefiniteError as error:
            if error.kind == "not-applicable":
                raise DefiniteError("lost-race", error.detail) from error
            raise


class NotIdempotent(Ensemble):
    """Ignores the version an event is meant for: sent to all nodes, it is applied as often as it fits."""

    async def fire(self, event: Event, *, expect: int | None = None) -> Context:
        """Fire whatever the version."""
        return await super().fire(event)


class TimeoutIsFailure(Ensemble):
    """Tells clients that an event failed when its commit timed out, though it may have been, or will be."""

    async def _settle(self, following: Context) -> Context:
        raise DefiniteError("unavailable", "the commit timed out")


class StaleHealthy(Ensemble):
    """Never doubts its replica: a node cut off from its store answers healthy from old state for ever."""

    @property
    def healthy(self) -> bool:
        """Healthy once joined."""
        return self.replica is not None and self.joined

    async def refresh(self) -> None:
        """Wait for the store as little as possible, and go on with what is there."""
        with suppress(OutcomeError):
            await super().refresh()


class WallClockFreshness(Ensemble):
    """Tells by the wall clock how fresh its replica is: a clock that is put back makes old state fresh."""

    _seen_fresh_ns: int | None = None

    @property
    def healthy(self) -> bool:
        """Healthy if confirmed within ``FRESH_MS``, as the wall clock has it."""
        if not self.joined or self._seen_fresh_ns is None:
            return False
        return self.env.clock.wall_ns() - self._seen_fresh_ns <= FRESH_MS * 1_000_000

    async def refresh(self) -> None:
        """Remember the wall clock's time of the confirmation."""
        began_ns = self.env.clock.wall_ns()
        await super().refresh()
        self._seen_fresh_ns = began_ns


class CachedRejoin(Ensemble):
    """Joins from what the member beside it happens to know, not by a linearizable read, and trusts it."""

    async def _read_or_create(self) -> Entry:
        return await self.env.store.get(self.key, stale_ok=True) or await super()._read_or_create()

    async def refresh(self) -> None:
        """Trust the watch, and confirm by a stale read."""
        began_ns = self.env.clock.monotonic_ns()
        entry = await self.env.store.get(self.key, stale_ok=True)
        if entry is not None:
            self.adopt(Replica(decode(entry.value), entry.version))
        self._confirmed_ns = began_ns


class CleanState(Ensemble):
    """Wipes the committed state when it finds no members, as after a crash of all nodes."""

    async def _take_part(self) -> None:
        members = await self.env.store.list(self.member_key.rpartition("/")[0] + "/")
        if not members:
            await self.env.store.delete(self.key)
        await super()._take_part()


class LosersAction(Ensemble):
    """The action of an event that lost its race stays in the node's variables."""

    async def _fire(self, event: Event, expect: int | None) -> Context:
        try:
            return await super()._fire(event, expect)
        except DefiniteError as error:
            if error.kind == "lost-race" and self.replica is not None:
                before = self.replica.context
                taken = step(self.chart, before.configuration, before.variables, event)
                kept = structs.replace(before, variables=taken.variables)
                self.replica = Replica(kept, self.replica.stored)
            raise


class ForgetfulWriter(Ensemble):
    """The last writer loses its variables when it joins again, and its next commit spreads the loss."""

    def install(self, read: Replica) -> None:
        """Take over the context, without the variables if it was this node's own."""
        super().install(read)
        if read.context.node == self.env.node:
            self.replica = Replica(structs.replace(read.context, variables=()), read.stored)


class Wedged(Ensemble):
    """A store that is away for half a second ends the executor for good: every later event is refused."""

    PATIENCE_S = 0.5

    _wedged = False

    async def _fire(self, event: Event, expect: int | None) -> Context:
        if self._wedged:
            raise DefiniteError("unavailable", "the executor has ended")
        return await super()._fire(event, expect)

    async def refresh(self) -> None:
        """Confirm as usual, but break for good when it fails or takes long."""
        try:
            async with asyncio.timeout(self.PATIENCE_S):
                await super().refresh()
        except TimeoutError as error:
            self._wedged = True
            raise IndefiniteError("timeout") from error
        except OutcomeError:
            self._wedged = True
            raise


VARIANTS: dict[str, type[Ensemble]] = {
    "cached-rejoin": CachedRejoin,
    "clean-state": CleanState,
    "cries-lost-race": CriesLostRace,
    "forgetful-writer": ForgetfulWriter,
    "losers-action": LosersAction,
    "no-version-check": NoVersionCheck,
    "not-idempotent": NotIdempotent,
    "replay-events": ReplayEvents,
    "ring-index": RingIndex,
    "silent-losers": SilentLosers,
    "stale-healthy": StaleHealthy,
    "timeout-is-failure": TimeoutIsFailure,
    "wall-clock-freshness": WallClockFreshness,
    "wedged": Wedged,
}
"""Flaw by name."""
