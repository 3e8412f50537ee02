"""Leave no room on the disk of one member of the store, later give it back and start the member if it died.

Finds: members that go on as if what they could not write were written, or that do not come back; clients that
cannot do without the member beside them.
Needs: KILL, SPACE.
"""

from typing import Any

from dsm_jepsen.env import Capability, Control, ProcessState, Role
from dsm_jepsen.nemesis._base import Outcome, Report, report
from dsm_jepsen.nemesis._processes import ProcessFault, words

_BLOCK = 4096


class FullDisk(ProcessFault, name="full-disk", needs=frozenset({Capability.KILL, Capability.SPACE})):
    """Fill disks. It acts if not even one block is free on any of them: how many bytes are is the evidence.

    What becomes of the members is up to the store, and may take until they next write: the report of the end
    tells of each whether it ``died`` or ``went on``.
    """

    roles = (Role.STORE,)

    def __init__(self) -> None:
        super().__init__()
        self._free: dict[str, int] = {}
        self._fates: dict[str, str] = {}

    async def harm(self, control: Control, node: str, role: Role) -> None:
        """Fill one disk."""
        self._free[node] = await control.fill_disk(node)

    async def look(self, control: Control, **evidence: Any) -> Report:
        """Say whether all disks are full, and what the members do about it so far."""
        states = await self._states(control)
        acts = all(count < _BLOCK for count in self._free.values())
        outcome = Outcome.INSTALLED if acts else Outcome.INDETERMINATE
        evidence |= {"free_bytes": dict(self._free), "processes": words(states)}
        return report(outcome, self._hosts, **evidence)

    async def restore(self, control: Control, node: str, role: Role) -> None:
        """Give the room back, and start the member if it died."""
        try:
            died = await control.state(node, role) is ProcessState.DEAD
            self._fates.setdefault(node, "died" if died else "went on")
        finally:
            self._free[node] = await control.free_disk(node)
            await control.restart(node, role)

    async def stop(self, control: Control) -> Report:
        """Give all room back; a member's fate is what it was when this began."""
        ended = await super().stop(control)
        if self._free:
            ended |= {"free_bytes": dict(self._free), "fate": dict(self._fates)}
        self._free, self._fates = {}, {}
        return ended
