"""The links between places: how long a message takes, and which directions are cut.

A place is a process by name, such as ``n1/node`` or ``n1/store``; clients are at ``ctl``.
"""

from collections.abc import Iterable

from dsm_jepsen.env import Link, Rng

CLIENTS = "ctl"
"""The place of clients, nemeses and the runner; none of its links can be cut."""

DELAY_MIN_US = 200
DELAY_MAX_US = 1_000


def place(host: str, role: str) -> str:
    """Name a host's process."""
    return f"{host}/{role}"


class Links:
    """All directed links; whole until cut."""

    def __init__(self, rng: Rng) -> None:
        self._rng = rng
        self._purposes: dict[tuple[str, str], str] = {}
        self._cut: set[tuple[str, str]] = set()

    def delay_us(self, source: str, target: str) -> int:
        """Draw how long a message takes in one direction."""
        purpose = self._purposes.get((source, target))
        if purpose is None:
            purpose = self._purposes[source, target] = f"delay/{source}>{target}"
        return self._rng.between(DELAY_MIN_US, DELAY_MAX_US, purpose=purpose)

    def passes(self, source: str, target: str) -> bool:
        """Whether messages get through in this direction now."""
        return (source, target) not in self._cut

    def joins(self, one: str, other: str) -> bool:
        """Whether messages get through in both directions now."""
        return (one, other) not in self._cut and (other, one) not in self._cut

    def cut(self, links: Iterable[Link]) -> None:
        """Lose everything on these links until they are mended."""
        self._cut.update(
            (place(link.source_host, link.source_role), place(link.target_host, link.target_role))
            for link in links
        )

    def mend(self) -> None:
        """Let everything through again."""
        self._cut.clear()
