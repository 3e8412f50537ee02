"""Kill the store's member that leads, later start it again with its data.

Finds: writes that were under way and are neither kept nor told to be unknown, repeated writes, clients
that wait for ever for the next leader.
Needs: KILL.
"""

from dsm_jepsen.env import Control, Rng, Role
from dsm_jepsen.nemesis._choice import store_leader
from dsm_jepsen.nemesis._processes import Kill


class KillStoreLeader(Kill, name="kill-store-leader"):
    """Kill the leader; skipped where there is none, or where it is none of the wanted hosts."""

    roles = (Role.STORE,)

    async def choose(self, control: Control, rng: Rng, wanted: tuple[str, ...]) -> tuple[str, ...]:
        """Choose the leader."""
        return (await store_leader(control, wanted),)
