"""Kill one member of the store, spoil the newest file of its log, and start it again.

Finds: members that start with a log that is wrong and do not say so, answers from before what was lost,
clients that cannot do without the member beside them.
Needs: KILL, DISK.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from dsm_jepsen.env import Capability, Control, Damage, ProcessState, Rng, Role
from dsm_jepsen.nemesis._base import Outcome, Report, report
from dsm_jepsen.nemesis._choice import SkippedError, minority_size
from dsm_jepsen.nemesis._processes import Kill

_FATE_WITHIN = 60  # looks
_LOOK_EVERY_S = 0.1


class CorruptLog(Kill, name="corrupt-log", needs=frozenset({Capability.KILL, Capability.DISK})):
    """Spoil the log of one member, or of the wanted ones, if they are a minority with all that are down.

    The report tells what was done to the log, and each member's fate: it ``died``, or
    ``came back``. One that died gets its disk back at the end, as it was before, and is started again. One
    that came back is left alone: what it has promised since then is on its disk alone.
    """

    roles = (Role.STORE,)

    def __init__(self) -> None:
        super().__init__()
        self._how = Damage.FLIP
        self._touched: dict[str, str] = {}
        self._came_back: set[str] = set()

    async def choose(self, control: Control, rng: Rng, wanted: tuple[str, ...]) -> Sequence[str]:
        """Choose hosts, and how to spoil their logs.

        Raises:
            SkippedError: the store would have no majority left.
        """
        chosen = await super().choose(control, rng, wanted)
        down = [
            node
            for node in control.nodes
            if node not in chosen and await control.state(node, Role.STORE) is not ProcessState.UP
        ]
        if len(chosen) + len(down) > minority_size(control.nodes):
            raise SkippedError(f"{', '.join((*chosen, *down))} are no minority: data would be lost for good")
        self._how = rng.choice(tuple(Damage), purpose="corrupt-log/how")
        return chosen

    async def harm(self, control: Control, node: str, role: Role) -> None:
        """Kill a member, spoil its log and start it."""
        await control.kill(node, role)
        self._touched[node] = "unknown"
        self._touched[node] = await control.damage(node, self._how)
        await control.restart(node, role)

    async def look(self, control: Control, **evidence: Any) -> Report:
        """Wait until all victims are dead again, or six seconds have passed; say what became of each."""
        alive = list(self._victims)
        for _ in range(_FATE_WITHIN):
            alive = [one for one in self._victims if await control.state(*one) is not ProcessState.DEAD]
            if not alive:
                break
            await asyncio.sleep(_LOOK_EVERY_S)
        self._came_back = {node for node, _ in alive}
        fates = {node: "came back" if node in self._came_back else "died" for node in self._hosts}
        return report(Outcome.INSTALLED, self._hosts, log=dict(self._touched), fate=fates, **evidence)

    async def restore(self, control: Control, node: str, role: Role) -> None:
        """Give a member that died its disk back; start whatever does not run."""
        if await control.state(node, role) is not ProcessState.DEAD:
            return
        if node in self._touched and node not in self._came_back:
            await control.repair(node)
        await control.restart(node, role)

    async def stop(self, control: Control) -> Report:
        """Bring the victims back."""
        ended = await super().stop(control)
        self._touched, self._came_back = {}, set()
        return ended
