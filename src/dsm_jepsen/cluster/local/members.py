"""What a local cluster needs of a kind of store, and of each of its members."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol


class Member(Protocol):
    """One member of a store: what starts it, and what it says of itself."""

    @property
    def argv(self) -> Sequence[str]:
        """The program and its arguments."""
        ...

    @property
    def url(self) -> str:
        """Where clients reach it, such as ``etcd://127.0.0.1:2379``."""
        ...

    async def joined(self) -> bool:
        """Whether the next member may be started."""
        ...

    async def ready(self) -> bool:
        """Whether it answers clients and has a quorum."""
        ...

    async def term_led(self) -> int | None:
        """The term in which it believes to lead, later ones being greater; ``None`` if it does not."""
        ...

    async def close(self) -> None:
        """Let go of the connection to it."""
        ...


class Kind(Protocol):
    """A kind of store whose programs are on this machine."""

    @property
    def name(self) -> str:
        """As users name it."""
        ...

    def versions(self) -> Mapping[str, str]:
        """What will run, for provenance."""
        ...

    def environment(self) -> Mapping[str, str]:
        """The whole environment of a member's process."""
        ...

    def members(
        self, nodes: Sequence[str], *, data: Path, reserve: Callable[[str], str]
    ) -> Mapping[str, Member]:
        """One member for each node, not yet started.

        Args:
            nodes: their names.
            data: a folder for what they write to disk.
            reserve: gives a free address of a node.
        """
        ...
