"""Freeze one node's process for longer than its session lasts, then let it go on as if nothing had been.

Finds: claims that outlive their session, writes without a fence after a long pause, nodes that do not
notice that they were dropped, or never join again.
Needs: PAUSE.
"""

import asyncio

from dsm_jepsen.env import Control, Rng, Role
from dsm_jepsen.nemesis._base import Outcome, Report
from dsm_jepsen.nemesis._processes import Pause


class SessionExpiry(Pause, name="session-expiry"):
    """Freeze the node process of one host; ``start`` returns when its session must have expired.

    A store may drop a session late, though never early. A nemesis sees but that the process stands still;
    that its session went, a scenario has to look for in the store, as ``session-expiry`` does.

    Attributes:
        ttl_ms: how long a session lasts without renewal; as long as the longest of the systems under test.
        late_ms: how late a store drops it, as a rule.
    """

    roles = (Role.NODE,)
    ttl_ms = 6_000
    late_ms = 2_000

    async def start(self, control: Control, rng: Rng, wanted: tuple[str, ...] = ()) -> Report:
        """Freeze the process, wait, and look whether it still stands still."""
        begun = await super().start(control, rng, wanted)
        if begun["outcome"] != Outcome.INSTALLED:
            return begun
        paused_ms = self.ttl_ms + self.late_ms
        await asyncio.sleep(paused_ms / 1000)
        return await self.look(control, ttl_ms=self.ttl_ms, paused_ms=paused_ms)
