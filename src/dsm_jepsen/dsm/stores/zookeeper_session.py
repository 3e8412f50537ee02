"""A session on ZooKeeper: a connection of its own, confirmed again and again until it is closed or lost.

kazoo says that a session is lost only once it is connected again, perhaps long after the ensemble dropped
it. So the holder counts for itself. What it must not count on are answers of its member alone: a follower
that has just lost its leader answers reads for a while, but no longer tells the leader which sessions it
hears from, and it is the leader who drops them. A heartbeat here is a ``sync``, which the leader answers.
It proves that the *previous* heartbeat has reached the leader: followers report the sessions they heard
from at least every half tick, no session is granted less than two ticks, and heartbeats are a quarter of
a session apart. So the session counts as alive for its ttl from the moment the last heartbeat but one was
sent. (A leader that was just deposed without noticing may still confirm heartbeats; no client can tell.)
"""

import asyncio
from collections.abc import Callable

from dsm_jepsen.dsm.stores.countdown import Countdown
from dsm_jepsen.dsm.stores.zookeeper_link import Link
from dsm_jepsen.env import IndefiniteError, OutcomeError

_HEARTBEATS = 4
_HEARTBEATS_MISSED_MAX = 2


class ZooKeeperSession(Countdown):
    """A link whose ephemeral znodes are the keys bound to the session."""

    def __init__(
        self, link: Link, *, root: str, ttl_s: float, sent_s: float, log: Callable[[str], None]
    ) -> None:
        """Take over a link that was connected, as asked for when the loop's time was ``sent_s``."""
        super().__init__(until_s=sent_s + ttl_s)
        self.link = link
        self.id = f"{link.session & (1 << 64) - 1:016x}"
        self._root = root
        self._ttl_s = ttl_s
        self._sent_s = sent_s
        self._log = log
        self._heart = asyncio.create_task(self._beat())

    @classmethod
    async def open(
        cls, host: str, port: int, *, root: str, ttl_s: float, timeout_s: float, log: Callable[[str], None]
    ) -> "ZooKeeperSession":
        """Begin a session.

        Raises:
            DefiniteError: the member refuses connections.
            IndefiniteError: it did not say in time whether there is a session.
        """
        sent_s = asyncio.get_running_loop().time()
        until_s = sent_s + timeout_s
        session: ZooKeeperSession | None = None
        gone = asyncio.Event()

        def lost() -> None:
            gone.set()
            if session is not None:
                session.end()

        link = Link(host, port, ttl_s=ttl_s, log=log, lost=lost)
        try:
            await link.connect(until_s=until_s)
            await _sync(link, root, until_s=until_s)
            ttl_s = _granted_s(link, asked_s=ttl_s)
        except OutcomeError as error:
            await link.close()
            if error.kind == "connection-refused":
                raise
            # The member may have begun a session all the same; nothing is bound to it.
            raise IndefiniteError(error.kind, error.detail) from error
        except BaseException:
            await link.close()
            raise
        session = cls(link, root=root, ttl_s=ttl_s, sent_s=sent_s, log=log)
        if gone.is_set():  # between the last answer and now
            session.end()
        return session

    def end(self) -> None:
        """Count as lost from now on."""
        self._lost.set()
        self._heart.cancel()

    async def close(self) -> None:
        """End the session; if the member is out of reach it ends by its ttl."""
        self.end()
        if not await self.link.end_session(timeout_s=self._ttl_s):
            self._log(f"session {self.id}: not closed in good order; it ends by its ttl")

    async def abandon(self) -> None:
        """Confirm no more, because the connection closes; the session ends by its ttl."""
        self._heart.cancel()
        await self.link.close()

    async def _beat(self) -> None:
        """Confirm until lost."""
        while self.alive:
            await asyncio.sleep(self._ttl_s / _HEARTBEATS)
            sent_s = self._loop.time()
            try:
                await _sync(
                    self.link, self._root, until_s=sent_s + self._ttl_s * _HEARTBEATS_MISSED_MAX / _HEARTBEATS
                )
            except OutcomeError as error:
                self._log(f"session {self.id}: not confirmed ({error})")
                continue
            if self.alive:
                self._limit_s = self._sent_s + self._ttl_s
                self._sent_s = sent_s


def _granted_s(link: Link, *, asked_s: float) -> float:
    """The time-out that was granted, or what was asked for if that is less.

    Raises:
        IndefiniteError: none was, so the session would be lost from the start.
    """
    if link.negotiated_s <= 0:
        raise IndefiniteError(
            "unusable-session",
            f"a time-out of {link.negotiated_s} s was granted, {asked_s} s were asked for; more than 0 is "
            "needed: look at maxSessionTimeout in the ensemble's configuration",
        )
    return min(asked_s, link.negotiated_s)


async def _sync(link: Link, path: str, *, until_s: float) -> None:
    """Ask the leader, through the member, for an answer."""
    await link.read(lambda client: client.sync_async(path), until_s=until_s)
