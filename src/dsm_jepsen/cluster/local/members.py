"""What a local cluster needs of a kind of store."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from dsm_jepsen.cluster.members import Member


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
