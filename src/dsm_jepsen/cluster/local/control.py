"""What a nemesis may do to a local cluster: real signals to its children, real rules for their packets."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from dsm_jepsen.cluster.local.clocks import Clocks
from dsm_jepsen.cluster.local.disks import Disks
from dsm_jepsen.cluster.local.lan import Lan
from dsm_jepsen.cluster.local.processes import Process
from dsm_jepsen.env import Capability, Damage, Link, ProcessState, RefusedError, Role

if TYPE_CHECKING:
    from dsm_jepsen.cluster.members import Member


class LocalControl:
    """Kills and freezes processes by itself; leaves links to the network they are in.

    Args:
        nodes: the hosts' names.
        lan: the network.
        clocks: the processes' own.
        disks: the members' own.
        processes: those that were started, by host and role; the cluster fills it.
        members: the store's members, by host; the cluster fills it.
    """

    def __init__(
        self,
        nodes: Sequence[str],
        *,
        lan: Lan,
        clocks: Clocks,
        disks: Disks,
        processes: Mapping[tuple[str, Role], Process],
        members: Mapping[str, "Member"],
    ) -> None:
        self._nodes = tuple(nodes)
        self._lan = lan
        self._clocks = clocks
        self._disks = disks
        self._processes = processes
        self._members = members

    @property
    def nodes(self) -> Sequence[str]:
        """The names of the hosts."""
        return self._nodes

    def capabilities(self) -> frozenset[Capability]:
        """What this cluster can do."""
        return frozenset(Capability) - self.reasons().keys()

    def reasons(self) -> Mapping[Capability, str]:
        """What its network cannot do, and whether clocks and disks cannot be had."""
        of_links = {Capability.CUT, Capability.SLOW} - self._lan.capabilities
        reasons = dict.fromkeys(sorted(of_links), f"its network is {self._lan.about}")
        if self._clocks.because is not None:
            reasons[Capability.CLOCK] = self._clocks.because
        if self._disks.because is not None:
            reasons |= dict.fromkeys((Capability.POWER, Capability.SPACE), self._disks.because)
        return reasons

    async def kill(self, node: str, role: Role) -> None:
        """Send SIGKILL, and wait until the process is gone."""
        await self._process(node, role).kill()

    async def restart(self, node: str, role: Role) -> None:
        """Start the process again with the same data and address, if it does not run."""
        self._process(node, role).start()

    async def pause(self, node: str, role: Role) -> None:
        """Send SIGSTOP, and wait until the process stands still."""
        await self._process(node, role).pause()

    async def resume(self, node: str, role: Role) -> None:
        """Send SIGCONT."""
        await self._process(node, role).resume()

    async def cut(self, links: Iterable[Link]) -> None:
        """Drop everything on these directed links, and on no others.

        Raises:
            RefusedError: the network cannot do it; the message says why.
        """
        await self._lan.cut(links)

    async def mend(self) -> None:
        """Let everything through that was cut."""
        await self._lan.mend()

    async def slow(self, links: Iterable[Link], *, delay_ms: int, jitter_ms: int) -> None:
        """Delay everything on these directed links, and on no others.

        Raises:
            RefusedError: the network cannot do it.
            ValueError: a delay below 0.
        """
        await self._lan.slow(links, delay_ms=delay_ms, jitter_ms=jitter_ms)

    async def flaky(self, links: Iterable[Link], *, loss_per_mille: int) -> None:
        """Lose some packets on these directed links, and on no others.

        Raises:
            RefusedError: the network cannot do it.
            ValueError: a chance that is none.
        """
        await self._lan.flaky(links, loss_per_mille=loss_per_mille)

    async def fast(self) -> None:
        """End what ``slow`` and ``flaky`` began."""
        await self._lan.fast()

    async def skew(self, node: str, role: Role, *, offset_ms: int) -> None:
        """Shift what a process takes for the wall clock.

        Raises:
            RefusedError: it does not read the clock by libc, or no library can be preloaded here.
        """
        self._clocks.skew((node, role), offset_ms)

    async def skewed(self, node: str, role: Role) -> int:
        """How many times libc told a process a shifted time since the last ``skew``."""
        return self._clocks.told((node, role))

    async def damage(self, node: str, how: Damage) -> str:
        """Spoil the newest file of a killed member's log.

        Raises:
            RefusedError: the member runs, or has no log yet.
        """
        return self._disks.damage(node, how, self._process(node, Role.STORE))

    async def repair(self, node: str) -> None:
        """Give a killed member the folder back that it had before ``damage``.

        Raises:
            RefusedError: the member runs, or was never damaged.
        """
        self._disks.repair(node, self._process(node, Role.STORE))

    async def cut_power(self, node: str) -> str:
        """Send SIGKILL to a member, and shut its disk down without writing back what was not synced.

        Raises:
            RefusedError: the member does not run, or has no disk of its own.
        """
        return await self._disks.cut_power(node, self._process(node, Role.STORE))

    async def fill_disk(self, node: str) -> int:
        """Leave no room on a member's disk; returns how many bytes are free.

        Raises:
            RefusedError: the member has no disk of its own.
        """
        return self._disks.fill(node, self._process(node, Role.STORE))

    async def free_disk(self, node: str) -> int:
        """Give the room back; returns how many bytes are free.

        Raises:
            RefusedError: the member has no disk of its own.
        """
        return self._disks.free(node, self._process(node, Role.STORE))

    async def dropped(self) -> int:
        """How many packets were dropped since the last ``cut`` or ``flaky``."""
        return await self._lan.dropped()

    async def delayed(self) -> int:
        """How many packets were delayed since the last ``slow``."""
        return await self._lan.delayed()

    async def state(self, node: str, role: Role) -> ProcessState:
        """What the kernel says of a process."""
        return self._process(node, role).state

    async def leader(self) -> str | None:
        """The host whose member says that it leads; if several do, that of the highest term."""
        able = [node for node in self._members if self._can_answer(node)]
        terms = await asyncio.gather(*(self._members[node].term_led() for node in able))
        leads = [(term, node) for term, node in zip(terms, able, strict=True) if term is not None]
        return max(leads)[1] if leads else None

    def _can_answer(self, node: str) -> bool:
        process = self._processes[node, Role.STORE]
        return process.running and not process.paused

    def _process(self, node: str, role: Role) -> Process:
        try:
            return self._processes[node, role]
        except KeyError:
            raise RefusedError(
                f"the local cluster has no {role} process on {node!r}; it has "
                + (", ".join(f"{role} on {node}" for node, role in self._processes) or "not been started")
            ) from None
