"""Faults of processes: some are killed or frozen, and brought back by ``stop``.

A fault harms only processes that are up. Those that are down already belong to another fault, which
will bring them back.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, ClassVar

from dsm_jepsen.env import Capability, Control, ProcessState, Rng, Role
from dsm_jepsen.nemesis._base import Nemesis, Outcome, Report, report
from dsm_jepsen.nemesis._choice import SkippedError, drawn


class ProcessFault(Nemesis):
    """Harm processes, all at once.

    Attributes:
        roles: which processes of a host, in the order in which they are brought back.
        count: how many hosts are drawn where none are wanted; ``None`` for all.
        harmed: the state that proves that the fault acts.
    """

    roles: ClassVar[tuple[Role, ...]]
    count: ClassVar[int | None] = 1
    harmed: ClassVar[ProcessState]

    def __init__(self) -> None:
        self._victims: tuple[tuple[str, Role], ...] = ()

    async def harm(self, control: Control, node: str, role: Role) -> None:
        """Do it to one process."""
        raise NotImplementedError

    async def restore(self, control: Control, node: str, role: Role) -> None:
        """Undo it."""
        raise NotImplementedError

    async def choose(self, control: Control, rng: Rng, wanted: tuple[str, ...]) -> Sequence[str]:
        """Choose hosts.

        Raises:
            SkippedError: too few have all their processes up.
        """
        if wanted or self.count is None:
            return wanted or control.nodes
        able = [node for node in control.nodes if len(await self._up(control, [node])) == len(self.roles)]
        if len(able) < self.count:
            raise SkippedError(f"{self.count} hosts are wanted, and only {len(able)} have {self._what} up")
        return drawn(rng, able, self.count, purpose=f"{self.name}/target")

    async def start(self, control: Control, rng: Rng, wanted: tuple[str, ...] = ()) -> Report:
        """Harm the processes that are up of the wanted hosts, or of hosts drawn anew."""
        if self._victims:
            return report(Outcome.SKIPPED, why=f"it acts already on {', '.join(self._hosts)}")
        try:
            chosen = await self.choose(control, rng, wanted)
        except SkippedError as skipped:
            return report(Outcome.SKIPPED, why=str(skipped))
        victims = await self._up(control, chosen)
        if not victims:
            return report(Outcome.SKIPPED, why=f"none of {', '.join(chosen)} has {self._what} up")
        self._victims = victims
        await asyncio.gather(*(self.harm(control, *victim) for victim in victims))
        return await self.look(control)

    async def look(self, control: Control, **evidence: Any) -> Report:
        """Say whether all victims are harmed now."""
        states = await self._states(control)
        acts = all(state is self.harmed for state in states.values())
        outcome = Outcome.INSTALLED if acts else Outcome.INDETERMINATE
        return report(outcome, self._hosts, processes=words(states), **evidence)

    async def stop(self, control: Control) -> Report:
        """Bring the victims back; if some do not come the others do, and ``stop`` may be repeated."""
        if not self._victims:
            return report(Outcome.ENDED)
        restored = await asyncio.gather(
            *(self.restore(control, *victim) for victim in self._victims), return_exceptions=True
        )
        for error in restored:
            if error is not None:
                raise error
        ended = report(Outcome.ENDED, self._hosts, processes=words(await self._states(control)))
        self._victims = ()
        return ended

    @property
    def _hosts(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(node for node, _ in self._victims))

    @property
    def _what(self) -> str:
        return " and ".join(self.roles)

    async def _up(self, control: Control, hosts: Sequence[str]) -> tuple[tuple[str, Role], ...]:
        return tuple(
            [
                (node, role)
                for role in self.roles
                for node in hosts
                if await control.state(node, role) is ProcessState.UP
            ]
        )

    async def _states(self, control: Control) -> dict[str, ProcessState]:
        return {f"{node}/{role}": await control.state(node, role) for node, role in self._victims}


def words(states: dict[str, ProcessState]) -> dict[str, str]:
    """Give states as the history's values."""
    return {process: str(state) for process, state in states.items()}


class Kill(ProcessFault, needs=Capability.KILL):
    """End processes as by SIGKILL, later start them again with the same disk."""

    harmed = ProcessState.DEAD

    async def harm(self, control: Control, node: str, role: Role) -> None:
        """Kill one process."""
        await control.kill(node, role)

    async def restore(self, control: Control, node: str, role: Role) -> None:
        """Start it again."""
        await control.restart(node, role)


class Pause(ProcessFault, needs=Capability.PAUSE):
    """Freeze processes as by SIGSTOP, later let them go on."""

    harmed = ProcessState.PAUSED

    async def harm(self, control: Control, node: str, role: Role) -> None:
        """Freeze one process."""
        await control.pause(node, role)

    async def restore(self, control: Control, node: str, role: Role) -> None:
        """Let it go on."""
        await control.resume(node, role)
