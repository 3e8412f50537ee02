"""Freeze the store's member that leads, later let it go on and find that another one leads.

Finds: reads and leases granted by a leader that is none any more, calls without a time-out, writes that take
effect after their client gave up.
Needs: PAUSE.
"""

from dsm_jepsen.env import Control, Rng, Role
from dsm_jepsen.nemesis._choice import store_leader
from dsm_jepsen.nemesis._processes import Pause


class PauseStoreLeader(Pause, name="pause-store-leader"):
    """Freeze the leader; skipped where there is none, or where it is none of the wanted hosts."""

    roles = (Role.STORE,)

    async def choose(self, control: Control, rng: Rng, wanted: tuple[str, ...]) -> tuple[str, ...]:
        """Choose the leader."""
        return (await store_leader(control, wanted),)
