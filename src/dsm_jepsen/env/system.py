"""What can be tested: the runner's protocols for a system and its clients.

The runner knows nothing of our own state machines: they are instances of these protocols, as a
user's database would be. (The third protocol, ``Workload``, is in ``scenarios``: it needs generators
and checkers.)
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

from dsm_jepsen.env.clock import Clock
from dsm_jepsen.env.network import Network
from dsm_jepsen.env.rng import Rng
from dsm_jepsen.env.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Env:
    """The world as one node's program sees it; the same program runs in every world."""

    node: str
    clock: Clock
    rng: Rng
    store: Store
    network: Network
    log: Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """The node program of a system.

    Attributes:
        main: the program, for a cluster that runs it in its own process (simulated).
        command: arguments after ``dsm-jepsen`` that start the same program as a process of its own;
            the cluster adds ``--name``, ``--store-url`` and ``--listen``.
    """

    main: Callable[[Env], Awaitable[None]]
    command: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What a client bound to one node can reach: the node itself, and the store's member beside it.

    ``open_store`` gives a new connection, which the client closes.
    """

    node: str
    clock: Clock
    network: Network
    open_store: Callable[[], Awaitable[Store]]


class Client(Protocol):
    """One client process' connection to the system."""

    async def open(self, site: Site) -> Self:
        """Give a client for one process at this site; called anew whenever a process is replaced.

        Raises:
            OutcomeError: it could not be opened; the process' operation then fails.
        """
        ...

    async def invoke(self, f: str, value: Any) -> Any:
        """Carry out one operation and return the value of its ``ok``.

        Raises:
            DefiniteError: it certainly did not take effect (``fail``).
            IndefiniteError: nobody can say (``info``).
        """
        ...

    async def close(self) -> None:
        """Let go of the connection."""
        ...


class System(Protocol):
    """A system under test beside the store that the cluster runs for it.

    ``program`` is ``None`` for a system that is nothing but the store.
    """

    @property
    def name(self) -> str:
        """For reports."""
        ...

    @property
    def program(self) -> Program | None:
        """What runs on every node."""
        ...

    async def ready(self, site: Site) -> bool:
        """Whether this node answers and works; asked again until it does or time is up."""
        ...

    def client(self) -> Client:
        """A client, not yet opened."""
        ...
