"""The seam to time: what a program may ask a clock.

To wait, a program uses ``asyncio.sleep`` and ``asyncio.timeout``: the loop it runs on decides
what a second is.
"""

from typing import Protocol


class Clock(Protocol):
    """Time as one host sees it."""

    def monotonic_ns(self) -> int:
        """Nanoseconds since some moment; never goes back."""
        ...

    def wall_ns(self) -> int:
        """Nanoseconds since 1970 as this host believes; a fault may skew it."""
        ...
