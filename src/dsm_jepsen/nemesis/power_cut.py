"""Take the power from hosts: one, the one whose member leads, or all at once; later start them again.

Finds: writes that were acknowledged before they were synced, files that were made or renamed without syncing
their folder, members that do not start with what a power cut leaves of their data, and all that
`crash-everything` finds.
Needs: KILL, POWER.
"""

from collections.abc import Sequence
from typing import Any

from dsm_jepsen.env import Capability, Control, Rng, Role
from dsm_jepsen.nemesis._base import Report
from dsm_jepsen.nemesis._choice import store_leader
from dsm_jepsen.nemesis._processes import Kill

_WHOM = ("one", "the leader", "all")


class PowerCut(Kill, name="power-cut", needs=frozenset({Capability.KILL, Capability.POWER})):
    """Kill what runs on a host, and take from the member's disk what it had not synced.

    The wanted hosts lose power at once; where none are wanted it is drawn whether one does, the leader, or
    all. The report tells what was done to each disk.
    """

    roles = (Role.STORE, Role.NODE)

    def __init__(self) -> None:
        super().__init__()
        self._disks: dict[str, str] = {}

    async def choose(self, control: Control, rng: Rng, wanted: tuple[str, ...]) -> Sequence[str]:
        """Choose hosts.

        Raises:
            SkippedError: it was drawn to be the leader or another one, and there is none.
        """
        whom = "all" if wanted else rng.choice(_WHOM, purpose="power-cut/whom")
        if whom == "all":
            return wanted or control.nodes
        if whom == "the leader":
            return (await store_leader(control),)
        return await super().choose(control, rng, wanted)

    async def harm(self, control: Control, node: str, role: Role) -> None:
        """Take the power from a member, or just end a program, which has no disk."""
        if role is Role.STORE:
            self._disks[node] = await control.cut_power(node)
        else:
            await control.kill(node, role)

    async def look(self, control: Control, **evidence: Any) -> Report:
        """Say what was done to the disks, and whether all processes are dead."""
        return await super().look(control, disks=dict(self._disks), **evidence)

    async def stop(self, control: Control) -> Report:
        """Start the processes again."""
        ended = await super().stop(control)
        self._disks = {}
        return ended
