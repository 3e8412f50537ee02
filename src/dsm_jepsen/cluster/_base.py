"""What every cluster is: five hosts, each with a store member and, mostly, a node process.

A cluster knows how to run a program, and nothing of what it computes.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from dsm_jepsen.env import Clock, Control, Program, Site

NODES = ("n1", "n2", "n3", "n4", "n5")
"""The names of the hosts, as in Jepsen and the paper."""


class ClusterError(Exception):
    """The cluster could not be started or broke on its own: the harness failed, not the system under test."""


class Cluster(Protocol):
    """Hosts to run a system on."""

    @property
    def name(self) -> str:
        """``simulated``, ``local`` ..."""
        ...

    @property
    def nodes(self) -> Sequence[str]:
        """The names of the hosts."""
        ...

    @property
    def clock(self) -> Clock:
        """The harness' own clock: it stamps the history."""
        ...

    @property
    def control(self) -> Control:
        """For nemeses."""
        ...

    def site(self, node: str) -> Site:
        """What a client bound to this node can reach."""
        ...

    async def start(self, program: Program | None) -> None:
        """Start the store's members and the program beside each; returns when the store has a quorum.

        Raises:
            ClusterError: it did not come up; the message shows the last words of what failed.
        """
        ...

    async def stop(self) -> None:
        """End and remove all that ``start`` made; harmless when nothing or half was started."""
        ...

    def versions(self) -> Mapping[str, str]:
        """What it runs, component to version, for provenance."""
        ...
