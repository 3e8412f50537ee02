"""Kill one node's process as by SIGKILL, later start it again.

Finds: state kept only in memory, joins that do not read the shared state, commits torn by a crash.
Needs: KILL.
"""

from dsm_jepsen.env import Capability, Control, Rng, Role
from dsm_jepsen.nemesis._base import Nemesis


class KillNode(Nemesis, name="kill-node", needs=Capability.KILL):
    """Kill the node process of one host, chosen afresh at each start; its store member goes on."""

    def __init__(self) -> None:
        self._killed: str | None = None

    async def start(self, control: Control, rng: Rng) -> list[str]:
        """Kill a node, unless one is down already."""
        if self._killed is None:
            self._killed = rng.choice(control.nodes, purpose="kill-node/target")
            await control.kill(self._killed, Role.NODE)
        return [self._killed]

    async def stop(self, control: Control) -> list[str]:
        """Start it again."""
        if self._killed is None:
            return []
        restarted, self._killed = self._killed, None
        await control.restart(restarted, Role.NODE)
        return [restarted]
