"""What a nemesis may do to a cluster of hosts: signals to daemons, and rules for packets."""

import asyncio
import struct
from collections.abc import Iterable, Mapping, Sequence

from dsm_jepsen.cluster._base import ClusterError
from dsm_jepsen.cluster.damage import REFUSED
from dsm_jepsen.cluster.hosts.links import HostLinks
from dsm_jepsen.cluster.hosts.outpost import Outpost
from dsm_jepsen.cluster.members import Member
from dsm_jepsen.env import Capability, Damage, Link, ProcessState, RefusedError, Role

Place = tuple[str, Role]


class HostsControl:
    """Reaches the hosts through their outposts; every verb that fails names the host and what it said.

    Args:
        nodes: the hosts' names.
        links: those between the hosts.
        outposts: by host; the cluster fills it.
        members: the store's, by host; the cluster fills it.
        immune: why the members' clocks cannot be skewed; ``None``: they can.
    """

    def __init__(
        self,
        nodes: Sequence[str],
        *,
        links: HostLinks,
        outposts: Mapping[str, Outpost],
        members: Mapping[str, Member],
        immune: str | None,
    ) -> None:
        self._nodes = tuple(nodes)
        self._links = links
        self._outposts = outposts
        self._members = members
        self._immune = immune
        self._reasons: Mapping[Capability, str] = {}
        self._still: dict[Place, ProcessState] = {}
        self._undone: dict[str, str] = {}
        self.verbs = 0
        """How often something was done to processes or their disks."""

    @property
    def nodes(self) -> Sequence[str]:
        """The names of the hosts."""
        return self._nodes

    def capabilities(self) -> frozenset[Capability]:
        """What these hosts can do; before they were asked, what hosts can do."""
        return frozenset(Capability) - self._reasons.keys()

    def reasons(self) -> Mapping[Capability, str]:
        """Why the capabilities are missing that are."""
        return dict(self._reasons)

    def cannot(self, reasons: Mapping[Capability, str]) -> None:
        """Take note of what the hosts cannot do."""
        self._reasons = dict(reasons)

    def undone(self, node: str, since: str) -> None:
        """Take note that a host undid faults by itself: whatever is done from now on fails."""
        self._undone[node] = since

    def still(self, node: str, role: Role) -> bool:
        """Whether a process was killed or paused on purpose."""
        return (node, role) in self._still

    async def kill(self, node: str, role: Role) -> None:
        """Send SIGKILL, and wait until the process is gone."""
        self._still[node, role] = ProcessState.DEAD
        await self._verb(node, "strike", "KILL", role, "dead", step=f"killing the {role}")

    async def restart(self, node: str, role: Role) -> None:
        """Start the process again with the same data and address, if it does not run."""
        await self._verb(node, "start", role, step=f"starting the {role}")
        self._forget(node, role, ProcessState.DEAD)

    async def pause(self, node: str, role: Role) -> None:
        """Send SIGSTOP, and wait until the process stands still."""
        self._still.setdefault((node, role), ProcessState.PAUSED)
        await self._verb(node, "strike", "STOP", role, "paused", "dead", step=f"pausing the {role}")

    async def resume(self, node: str, role: Role) -> None:
        """Send SIGCONT."""
        await self._verb(node, "strike", "CONT", role, "up", "dead", step=f"resuming the {role}")
        self._forget(node, role, ProcessState.PAUSED)

    async def cut(self, links: Iterable[Link]) -> None:
        """Drop everything on these directed links, and on no others.

        Raises:
            RefusedError: the hosts cannot do it; the message says why.
        """
        self._check(Capability.CUT)
        await self._links.cut(links)

    async def mend(self) -> None:
        """Let everything through that was cut."""
        self._check()
        await self._links.mend()

    async def slow(self, links: Iterable[Link], *, delay_ms: int, jitter_ms: int) -> None:
        """Delay everything on these directed links, and on no others.

        Raises:
            RefusedError: the hosts cannot do it.
            ValueError: a delay below 0, or of more than half a minute.
        """
        self._check(Capability.SLOW)
        await self._links.slow(links, delay_ms=delay_ms, jitter_ms=jitter_ms)

    async def flaky(self, links: Iterable[Link], *, loss_per_mille: int) -> None:
        """Lose some packets on these directed links, and on no others.

        Raises:
            RefusedError: the hosts cannot do it.
            ValueError: a chance that is none.
        """
        self._check(Capability.SLOW)
        await self._links.flaky(links, loss_per_mille=loss_per_mille)

    async def fast(self) -> None:
        """End what ``slow`` and ``flaky`` began."""
        self._check()
        await self._links.fast()

    async def skew(self, node: str, role: Role, *, offset_ms: int) -> None:
        """Shift what a process takes for the wall clock.

        Raises:
            RefusedError: it does not read the clock by libc, or no library can be preloaded there.
        """
        self._check(Capability.CLOCK)
        if role is Role.STORE and self._immune is not None:
            raise RefusedError(self._immune)
        told = "".join(f"\\{byte:03o}" for byte in struct.pack("<qq", offset_ms * 1_000_000, 0))
        await self._outpost(node).verb("skew", role, told, step=f"skewing the {role}'s clock")

    async def skewed(self, node: str, role: Role) -> int:
        """How many times libc told a process a shifted time since the last ``skew``."""
        said = await self._outpost(node).verb("clock", role, step="reading a clock", allowed=(0, 1))
        return int((said.out.split() or ["0"])[-1])

    async def damage(self, node: str, how: Damage) -> str:
        """Spoil the newest file of a killed member's log.

        Raises:
            RefusedError: the member runs, or has no log yet.
        """
        return await self._spoil(node, how, step="damaging the log")

    async def repair(self, node: str) -> None:
        """Give a killed member the folder back that it had before ``damage``.

        Raises:
            RefusedError: the member runs, or was never damaged.
        """
        await self._spoil(node, "repair", step="repairing the log")

    async def cut_power(self, node: str) -> str:
        """Send SIGKILL to a member, and shut its disk down without writing back what was not synced.

        Raises:
            RefusedError: the member does not run, or has no disk of its own.
        """
        self._check(Capability.POWER)
        if await self.state(node, Role.STORE) is ProcessState.DEAD:
            raise RefusedError(f"{node}'s store does not run: start it before its power is cut")
        done = await self._verb(node, "cut_power", step="cutting the power")
        self._still[node, Role.STORE] = ProcessState.DEAD
        return done

    async def fill_disk(self, node: str) -> int:
        """Leave no room on a member's disk; returns how many bytes are free.

        Raises:
            RefusedError: the member has no disk of its own.
        """
        self._check(Capability.SPACE)
        return int(await self._verb(node, "fill", step="filling the disk"))

    async def free_disk(self, node: str) -> int:
        """Give the room back; returns how many bytes are free.

        Raises:
            RefusedError: the member has no disk of its own.
        """
        self._check(Capability.SPACE)
        return int(await self._verb(node, "free", step="freeing the disk"))

    async def dropped(self) -> int:
        """How many packets were dropped since the last ``cut`` or ``flaky``."""
        self._check()
        return await self._links.count("dropped")

    async def delayed(self) -> int:
        """How many packets were delayed since the last ``slow``."""
        self._check()
        return await self._links.count("delayed")

    async def state(self, node: str, role: Role) -> ProcessState:
        """What the host's kernel says of a process."""
        return await self._outpost(node).state(role)

    async def leader(self) -> str | None:
        """The host whose member says that it leads; if several do, that of the highest term."""
        able = [node for node in self._members if not self.still(node, Role.STORE)]
        terms = await asyncio.gather(*(self._members[node].term_led() for node in able))
        leads = [(term, node) for term, node in zip(terms, able, strict=True) if term is not None]
        return max(leads)[1] if leads else None

    async def _verb(self, node: str, *words: str, step: str) -> str:
        self._check()
        self.verbs += 1
        try:
            said = await self._outpost(node).verb(*words, step=step, allowed=(0, REFUSED))
        finally:
            self.verbs += 1
        if said.code == REFUSED:
            raise RefusedError(f"{node}: {said.err.strip()}")
        return said.out.strip()

    async def _spoil(self, node: str, what: str, *, step: str) -> str:
        self._check(Capability.DISK)
        if await self.state(node, Role.STORE) is not ProcessState.DEAD:
            raise RefusedError(f"{node}'s store runs: kill it before its disk is touched")
        folder = self._outpost(node).folder
        argv = ("python3", f"{folder}/damage.py", what, f"{folder}/data")
        return await self._verb(node, "on_disk", *argv, step=step)

    def _forget(self, node: str, role: Role, done: ProcessState) -> None:
        if self._still.get((node, role)) is done:
            del self._still[node, role]

    def _outpost(self, node: str) -> Outpost:
        if node not in self._outposts:
            known = ", ".join(self._outposts) or "none, it is not started"
            raise RefusedError(f"the cluster has no host {node!r}; its hosts are {known}")
        return self._outposts[node]

    def _check(self, capability: Capability | None = None) -> None:
        if capability is not None and capability in self._reasons:
            raise RefusedError(f"these hosts cannot do {capability}: {self._reasons[capability]}")
        for node, since in self._undone.items():
            raise ClusterError(
                f"{node} heard nothing from the harness for too long, and undid the faults by itself "
                f"{since}: what was seen after that says nothing; run it again on a machine with more time"
            )
