"""The network of a local cluster: where its processes run and listen, and what can be done to their links.

Two kinds: ``namespaces.Namespaces``, where every process has a network of its own and links can be cut, and
``loopback.Loopback``, where all share the machine's loopback and links cannot.
"""

from collections.abc import Iterable
from typing import Protocol

from dsm_jepsen.env import Capability, Link, Role

Place = tuple[str, Role]
"""A process of a host."""


class Lan(Protocol):
    """Where a cluster's processes live; nothing is made before ``open``."""

    @property
    def about(self) -> str:
        """What it is, for provenance."""
        ...

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What can be done to its links."""
        ...

    def open(self, run: str) -> None:
        """Make it, for the run of this name.

        Raises:
            ClusterError: it could not be made; ``close`` removes the half of it.
        """
        ...

    def close(self) -> None:
        """Remove it; its processes must have ended. Harmless when there is nothing."""
        ...

    def reserve(self, place: Place) -> str:
        """An address for a process to listen at, ``host:port``, that nobody else has until ``close``."""
        ...

    def prefix(self, place: Place) -> tuple[str, ...]:
        """What goes before a process' arguments to start it at its place; its process id stays its own."""
        ...

    async def cut(self, links: Iterable[Link]) -> None:
        """As ``env.Control``."""
        ...

    async def mend(self) -> None:
        """As ``env.Control``."""
        ...

    async def slow(self, links: Iterable[Link], *, delay_ms: int, jitter_ms: int) -> None:
        """As ``env.Control``."""
        ...

    async def flaky(self, links: Iterable[Link], *, loss_per_mille: int) -> None:
        """As ``env.Control``."""
        ...

    async def fast(self) -> None:
        """As ``env.Control``."""
        ...

    async def dropped(self) -> int:
        """As ``env.Control``."""
        ...

    async def delayed(self) -> int:
        """As ``env.Control``."""
        ...
