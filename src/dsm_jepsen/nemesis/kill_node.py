"""Kill one node's process as by SIGKILL, later start it again.

Finds: state kept only in memory, joins that do not read the shared state, commits torn by a crash.
Needs: KILL.
"""

from dsm_jepsen.env import Capability, Control, ProcessState, Rng, Role
from dsm_jepsen.nemesis._base import Nemesis, Outcome, Report, report


class KillNode(Nemesis, name="kill-node", needs=Capability.KILL):
    """Kill the node process of one host; its store member goes on."""

    def __init__(self) -> None:
        self._killed: str | None = None

    async def start(self, control: Control, rng: Rng, wanted: tuple[str, ...] = ()) -> Report:
        """Kill a node, unless one is down already."""
        if self._killed is not None:
            return report(Outcome.SKIPPED, why=f"{self._killed} is down already")
        target = wanted[0] if wanted else rng.choice(control.nodes, purpose="kill-node/target")
        self._killed = target
        await control.kill(target, Role.NODE)
        state = await control.state(target, Role.NODE)
        acts = Outcome.INSTALLED if state is ProcessState.DEAD else Outcome.INDETERMINATE
        return report(acts, [target], process=str(state))

    async def stop(self, control: Control) -> Report:
        """Start it again."""
        if self._killed is None:
            return report(Outcome.ENDED)
        target, self._killed = self._killed, None
        await control.restart(target, Role.NODE)
        return report(Outcome.ENDED, [target], process=str(await control.state(target, Role.NODE)))
