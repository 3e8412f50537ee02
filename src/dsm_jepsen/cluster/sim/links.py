"""The links between places: how long a message takes, and which directions are cut, slow or lossy.

A place is a process by name, such as ``n1/node`` or ``n1/store``; clients are at ``ctl``.

Messages of one link may overtake each other, slow or not: requests that are under way at once travel on
connections of their own. Whoever promises an order (members, watches) keeps it by itself.
"""

from collections.abc import Iterable

from dsm_jepsen.env import Link, Rng

CLIENTS = "ctl"
"""The place of clients, nemeses and the runner; none of its links can be cut."""

DELAY_MIN_US = 200
DELAY_MAX_US = 1_000
RESEND_US = 100_000
RESENDS_MAX = 50

_Pair = tuple[str, str]


def place(host: str, role: str) -> str:
    """Name a host's process."""
    return f"{host}/{role}"


def pair(link: Link) -> _Pair:
    """Name a link by its two places."""
    return place(link.source_host, link.source_role), place(link.target_host, link.target_role)


class Links:
    """All directed links; whole until cut, slow or flaky.

    Attributes:
        dropped: messages that cuts and losses took since the last ``cut`` or ``flaky``.
        delayed: messages that came later than usual, or will, since the last ``slow``.
    """

    def __init__(self, rng: Rng) -> None:
        self.dropped = 0
        self.delayed = 0
        self._rng = rng
        self._purposes: dict[_Pair, str] = {}
        self._cut: set[_Pair] = set()
        self._slow: dict[_Pair, tuple[int, int]] = {}
        self._loss: dict[_Pair, int] = {}

    def delay_us(self, source: str, target: str) -> int:
        """Draw how long a message takes in one direction."""
        purpose = self._purposes.get((source, target))
        if purpose is None:
            purpose = self._purposes[source, target] = f"delay/{source}>{target}"
        delay_us = self._rng.between(DELAY_MIN_US, DELAY_MAX_US, purpose=purpose)
        return delay_us + self.slowness_us(source, target) if self._slow else delay_us

    def slowness_us(self, source: str, target: str) -> int:
        """Draw by how much longer than usual a message takes now; one that does is counted."""
        bounds = self._slow.get((source, target))
        if bounds is None:
            return 0
        late_us = self._rng.between(*bounds, purpose=f"slow/{source}>{target}")
        self.delayed += late_us > 0
        return late_us

    def passes(self, source: str, target: str) -> bool:
        """Draw whether a message gets through in this direction now; one that does not is counted."""
        passes = (source, target) not in self._cut and not self._loses(source, target)
        if not passes:
            self.dropped += 1
        return passes

    def joins(self, one: str, other: str) -> bool:
        """Whether messages get through in both directions now, though perhaps not all of them."""
        return not self._severed(one, other) and not self._severed(other, one)

    def stream_us(self, source: str, target: str) -> int:
        """Draw how much later than usual a message arrives that its sender repeats until it does."""
        late_us = self.slowness_us(source, target)
        for _ in range(RESENDS_MAX if self._loss else 0):
            if not self._loses(source, target):
                break
            self.dropped += 1
            late_us += RESEND_US
        return late_us

    def impaired(self) -> bool:
        """Whether any link is slow or loses messages."""
        return bool(self._slow or self._loss)

    def harmed(self) -> list[_Pair]:
        """All links that lose or delay messages, in a fixed order."""
        return sorted(self._cut | self._loss.keys() | self._slow.keys())

    def cut(self, links: Iterable[Link]) -> None:
        """Lose everything on these links until they are mended."""
        self._cut.update(map(pair, links))
        self.dropped = 0

    def mend(self) -> None:
        """Let everything through that was cut."""
        self._cut.clear()

    def slow(self, links: Iterable[Link], *, delay_ms: int, jitter_ms: int) -> None:
        """Delay everything on these links until they are fast again."""
        if delay_ms < 0 or jitter_ms < 0:
            raise ValueError(f"cannot delay by {delay_ms} +- {jitter_ms} ms; give both as 0 or more")
        bounds = (max(0, delay_ms - jitter_ms) * 1_000, (delay_ms + jitter_ms) * 1_000)
        self._slow.update((pair(link), bounds) for link in links)
        self.delayed = 0

    def flaky(self, links: Iterable[Link], *, loss_per_mille: int) -> None:
        """Lose some messages on these links until they are fast again."""
        if not 0 <= loss_per_mille <= 1_000:
            raise ValueError(f"cannot lose {loss_per_mille} of 1,000 messages; give 0 to 1000")
        self._loss.update((pair(link), loss_per_mille) for link in links)
        self.dropped = 0

    def fast(self) -> None:
        """Delay and lose nothing more; what is cut stays cut."""
        self._slow.clear()
        self._loss.clear()

    def _severed(self, source: str, target: str) -> bool:
        return (source, target) in self._cut or self._loss.get((source, target)) == 1_000

    def _loses(self, source: str, target: str) -> bool:
        loss = self._loss.get((source, target))
        return loss is not None and self._rng.chance(loss, purpose=f"loss/{source}>{target}")
