"""What a nemesis may do to a local cluster: real signals to its children, real rules for their packets."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from dsm_jepsen.cluster.local.lan import Lan
from dsm_jepsen.cluster.local.processes import Process
from dsm_jepsen.env import Capability, Link, ProcessState, RefusedError, Role

if TYPE_CHECKING:
    from dsm_jepsen.cluster.members import Member


class LocalControl:
    """Kills and freezes processes by itself; leaves links to the network they are in.

    Args:
        nodes: the hosts' names.
        lan: the network.
        processes: those that were started, by host and role; the cluster fills it.
        members: the store's members, by host; the cluster fills it.
    """

    def __init__(
        self,
        nodes: Sequence[str],
        *,
        lan: Lan,
        processes: Mapping[tuple[str, Role], Process],
        members: Mapping[str, "Member"],
    ) -> None:
        self._nodes = tuple(nodes)
        self._lan = lan
        self._processes = processes
        self._members = members

    @property
    def nodes(self) -> Sequence[str]:
        """The names of the hosts."""
        return self._nodes

    def capabilities(self) -> frozenset[Capability]:
        """What this cluster can do."""
        return frozenset({Capability.KILL, Capability.PAUSE}) | self._lan.capabilities

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
