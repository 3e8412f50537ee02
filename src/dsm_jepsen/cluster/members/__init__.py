"""A store's members wherever they run: what starts one, and what it says of itself."""

from collections.abc import Sequence
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
