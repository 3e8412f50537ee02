"""The seam to chance: every draw is named by its purpose and comes from the seed.

Each purpose has a stream of its own, so that leaving out one fault, or adding a draw in one
place, does not change the draws of all others.
"""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Rng:
    """Draws by purpose; the same seed and purpose give the same numbers on every machine.

    Only ``Random.random`` is used: of its methods it alone promises to stay the same across
    Python versions.
    """

    def __init__(self, seed: int | str) -> None:
        self.seed = seed
        self._streams: dict[str, Random] = {}

    def uniform(self, *, purpose: str) -> float:
        """Draw from [0, 1)."""
        stream = self._streams.get(purpose)
        if stream is None:
            stream = self._streams[purpose] = Random(f"{self.seed}/{purpose}")
        return stream.random()

    def below(self, bound: int, *, purpose: str) -> int:
        """Draw one of 0 .. bound - 1."""
        if bound < 1:
            raise ValueError(f"{purpose}: cannot draw below {bound}; the bound must be at least 1")
        return int(self.uniform(purpose=purpose) * bound)

    def between(self, low: int, high: int, *, purpose: str) -> int:
        """Draw one of low .. high, both included."""
        return low + self.below(high - low + 1, purpose=purpose)

    def choice(self, items: Sequence[T], *, purpose: str) -> T:
        """Draw one of the items."""
        return items[self.below(len(items), purpose=purpose)]

    def chance(self, per_mille: int, *, purpose: str) -> bool:
        """Draw true in per_mille of 1,000 cases."""
        return self.below(1000, purpose=purpose) < per_mille

    def shuffled(self, items: Sequence[T], *, purpose: str) -> list[T]:
        """Draw an order of the items."""
        rest = list(items)
        for place in range(len(rest) - 1, 0, -1):
            other = self.below(place + 1, purpose=purpose)
            rest[place], rest[other] = rest[other], rest[place]
        return rest

    def fork(self, name: str) -> "Rng":
        """Give a part of the program its own draws, apart from all others."""
        return Rng(f"{self.seed}/{name}")
