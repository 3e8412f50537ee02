"""What a nemesis may do to the processes of a local cluster: real signals, to its own children only."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from dsm_jepsen.cluster.local.processes import Process
from dsm_jepsen.env import Capability, Link, RefusedError, Role

if TYPE_CHECKING:
    from dsm_jepsen.cluster.local.members import Member


class LocalControl:
    """Kills and freezes processes; cannot cut links, since all hosts share one network.

    Args:
        nodes: the hosts' names.
        processes: those that were started, by host and role; the cluster fills it.
        members: the store's members, by host; the cluster fills it.
    """

    def __init__(
        self,
        nodes: Sequence[str],
        *,
        processes: Mapping[tuple[str, Role], Process],
        members: Mapping[str, "Member"],
    ) -> None:
        self._nodes = tuple(nodes)
        self._processes = processes
        self._members = members

    @property
    def nodes(self) -> Sequence[str]:
        """The names of the hosts."""
        return self._nodes

    def capabilities(self) -> frozenset[Capability]:
        """What this cluster can do."""
        return frozenset({Capability.KILL, Capability.PAUSE})

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
        """Refuse, whatever the links.

        Raises:
            RefusedError: always.
        """
        raise RefusedError(
            f"the local cluster cannot cut {len(list(links))} links: that needs a network namespace for each "
            "node; use the simulated cluster, or a scenario without partitions"
        )

    async def mend(self) -> None:
        """Nothing is ever cut."""

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
