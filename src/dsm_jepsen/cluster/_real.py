"""What all clusters of real processes have in common: a clock, members of a store, and who reaches what."""

import functools
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from dsm_jepsen.cluster._base import ClusterError
from dsm_jepsen.env import Clock, Program, Site, Store
from dsm_jepsen.env.real import HttpNetwork, RealClock

if TYPE_CHECKING:
    from dsm_jepsen.cluster.members import Member


def about_stale(*, kill_stale: bool) -> str:
    """What becomes of connections that crossed a cut, for provenance."""
    stale = "ended at a mend, if the kernel can" if kill_stale else "left to TCP at a mend"
    return f"connections that crossed a cut are {stale}"


class RealCluster(ABC):
    """The part of a ``Cluster`` that is the same wherever its processes run.

    Args:
        nodes: the hosts' names.
        open_store: opens a connection to the store's member with this URL.
        command: what runs ``dsm-jepsen``.
        node_options: further arguments for every node program, after the cluster's own.
    """

    def __init__(
        self,
        nodes: Sequence[str],
        *,
        open_store: Callable[[str], Awaitable[Store]],
        command: Sequence[str],
        node_options: Sequence[str],
    ) -> None:
        self._nodes = tuple(nodes)
        self._open_store = open_store
        self._command = tuple(command)
        self._node_options = tuple(node_options)
        self._clock = RealClock()
        self._members: dict[str, Member] = {}
        self._network: HttpNetwork | None = None
        """There from the start to the stop."""

    @property
    @abstractmethod
    def name(self) -> str:
        """For reports."""

    @property
    def nodes(self) -> Sequence[str]:
        """The names of the hosts."""
        return self._nodes

    @property
    def clock(self) -> Clock:
        """The clock of the harness' machine."""
        return self._clock

    def site(self, node: str) -> Site:
        """What a client bound to this node can reach."""
        if self._network is None:
            raise ClusterError(f"the {self.name} cluster is not started: it has no sites yet")
        return Site(
            node=node,
            clock=self._clock,
            network=self._network,
            open_store=functools.partial(self._open_store, self._members[node].url),
        )

    def _node_argv(self, program: Program, node: str, *, store_url: str, listen: str) -> list[str]:
        return [
            *self._command,
            *program.command,
            *("--name", node),
            *("--store-url", store_url),
            *("--listen", listen),
            *self._node_options,
        ]
