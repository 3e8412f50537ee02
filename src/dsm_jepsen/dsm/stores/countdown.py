"""What sessions of all stores share: a claim to be alive that runs out by itself unless it is prolonged."""

import asyncio
from contextlib import suppress


class Countdown:
    """Alive until the loop's time is ``until_s``, later if prolonged, and never again once lost."""

    def __init__(self, *, until_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._limit_s = until_s
        self._lost = asyncio.Event()

    @property
    def alive(self) -> bool:
        """False for ever once closed, dropped by the store, or unconfirmed for its ttl."""
        if self._loop.time() >= self._limit_s:
            self._lost.set()
        return not self._lost.is_set()

    async def wait_lost(self) -> None:
        """Return when ``alive`` has turned false."""
        while self.alive:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._limit_s - self._loop.time()):
                    await self._lost.wait()
