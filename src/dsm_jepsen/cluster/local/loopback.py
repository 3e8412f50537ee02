"""A local cluster's network where namespaces are impossible: all processes share the loopback."""

from collections.abc import Iterable

from dsm_jepsen.cluster.local.lan import Place
from dsm_jepsen.cluster.local.ports import Ports
from dsm_jepsen.env import Capability, Link, RefusedError

_HOST = "127.0.0.1"


class Loopback:
    """Ports of the loopback.

    Args:
        because: why it is used, for refusals.
    """

    def __init__(self, because: str) -> None:
        self._because = because
        self._ports = Ports(_HOST)

    @property
    def about(self) -> str:
        """That it is the loopback, and why."""
        return f"loopback ({self._because})"

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Nothing: packets between two processes cannot be told from those between two others."""
        return frozenset()

    def open(self, run: str) -> None:
        """Nothing to make."""

    def close(self) -> None:
        """Give the ports back."""
        self._ports.close()

    def reserve(self, place: Place) -> str:
        """A free port."""
        return self._ports.reserve()

    def prefix(self, place: Place) -> tuple[str, ...]:
        """Nothing."""
        return ()

    async def cut(self, links: Iterable[Link]) -> None:
        """Refuse; so do ``slow`` and ``flaky``.

        Raises:
            RefusedError: always.
        """
        raise self._refusal("cut links")

    async def mend(self) -> None:
        """Nothing is ever cut."""

    async def slow(self, links: Iterable[Link], *, delay_ms: int, jitter_ms: int) -> None:
        """Refuse."""
        raise self._refusal("slow links")

    async def flaky(self, links: Iterable[Link], *, loss_per_mille: int) -> None:
        """Refuse."""
        raise self._refusal("make links flaky")

    async def fast(self) -> None:
        """Nothing is ever slow."""

    async def dropped(self) -> int:
        """Nothing is ever dropped."""
        return 0

    async def delayed(self) -> int:
        """Nothing is ever delayed."""
        return 0

    def _refusal(self, verb: str) -> RefusedError:
        return RefusedError(f"the local cluster cannot {verb}: its network is {self.about}")
