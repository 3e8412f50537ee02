"""The seam to a cluster's hosts: what a nemesis may do, the same verbs in every world.

Aimed at a host and a role: every host has a ``store`` member and a ``node`` process. A verb that a
cluster cannot do is missing from ``capabilities``, and a scenario that needs it is refused by name
before the run, never run without it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Role(StrEnum):
    """A process of a host."""

    STORE = "store"
    NODE = "node"


class Capability(StrEnum):
    """A group of verbs that a cluster either has or has not."""

    KILL = "kill"
    PAUSE = "pause"
    CUT = "cut"
    SLOW = "slow"
    CLOCK = "clock"
    DISK = "disk"
    POWER = "power"
    SPACE = "space"


class ProcessState(StrEnum):
    """What a host says of a process."""

    UP = "up"
    PAUSED = "paused"
    DEAD = "dead"


class Damage(StrEnum):
    """What may happen to the newest file of a log."""

    TRUNCATE = "truncate"
    """It ends in the middle of what was written."""
    FLIP = "flip"
    """The bits of one byte in the middle are the other way round."""


@dataclass(frozen=True, slots=True, order=True)
class Link:
    """One direction between two processes; packets from source to target."""

    source_host: str
    source_role: Role
    target_host: str
    target_role: Role


class Control(Protocol):
    """A nemesis' hands. Every verb is idempotent and returns when it has taken effect."""

    @property
    def nodes(self) -> Sequence[str]:
        """The names of the hosts."""
        ...

    def capabilities(self) -> frozenset[Capability]:
        """What this cluster can do, probed rather than assumed."""
        ...

    def reasons(self) -> Mapping[Capability, str]:
        """Why the capabilities are missing that are."""
        ...

    async def kill(self, node: str, role: Role) -> None:
        """End a process at once, as by SIGKILL; what it wrote to disk stays."""
        ...

    async def restart(self, node: str, role: Role) -> None:
        """Start a killed process again with the same disk; returns once it was started, not yet ready."""
        ...

    async def pause(self, node: str, role: Role) -> None:
        """Freeze a process, as by SIGSTOP."""
        ...

    async def resume(self, node: str, role: Role) -> None:
        """Let a frozen process go on."""
        ...

    async def cut(self, links: Iterable[Link]) -> None:
        """Drop everything on exactly these directed links, and on no others."""
        ...

    async def mend(self) -> None:
        """Let everything through again."""
        ...

    async def slow(self, links: Iterable[Link], *, delay_ms: int, jitter_ms: int) -> None:
        """Delay everything on exactly these directed links by ``delay_ms`` +- ``jitter_ms``."""
        ...

    async def flaky(self, links: Iterable[Link], *, loss_per_mille: int) -> None:
        """Lose some of everything on exactly these directed links, drawn for each packet."""
        ...

    async def fast(self) -> None:
        """End what ``slow`` and ``flaky`` began."""
        ...

    async def skew(self, node: str, role: Role, *, offset_ms: int) -> None:
        """Shift what a process takes for the wall clock, also after a restart; 0 ends it.

        No host's own clock is ever touched.

        Raises:
            RefusedError: this process reads a clock that cannot be shifted; the message says why.
        """
        ...

    async def damage(self, node: str, how: Damage) -> str:
        """Spoil the newest file of a killed store member's log; what was done is the proof of it.

        Raises:
            RefusedError: the member runs, or has no log yet.
        """
        ...

    async def repair(self, node: str) -> None:
        """Give a killed store member the disk back that it had before the last ``damage``.

        Whatever it has promised since then is lost: only for one that did not start any more.
        """
        ...

    async def cut_power(self, node: str) -> str:
        """Kill a store member and take from its disk what it had not synced; returns what was done, as proof.

        ``restart`` starts it again with the rest. Power fails for several at once by calls at the same time.

        Raises:
            RefusedError: the member does not run, or its disk is not one of its own.
        """
        ...

    async def fill_disk(self, node: str) -> int:
        """Leave no room on a store member's disk; how many bytes are free then is the proof of it.

        What becomes of the member is up to the store: it may refuse writes, or die now or later.

        Raises:
            RefusedError: its disk is not one of its own.
        """
        ...

    async def free_disk(self, node: str) -> int:
        """Give back what ``fill_disk`` took, also of a dead member, which this does not start again.

        Harmless where nothing was taken. Returns how many bytes are free.
        """
        ...

    async def leader(self) -> str | None:
        """The host whose store member leads now, or ``None``."""
        ...

    async def dropped(self) -> int:
        """How many packets or messages the last ``cut`` or ``flaky`` has dropped so far: proof of it."""
        ...

    async def delayed(self) -> int:
        """How many packets or messages links have delayed since the last ``slow``: proof of it."""
        ...

    async def skewed(self, node: str, role: Role) -> int:
        """How many times a process was told a shifted time since its last ``skew``: proof of it."""
        ...

    async def state(self, node: str, role: Role) -> ProcessState:
        """What has become of a process, as the host sees it: proof that a fault acts."""
        ...
