"""What the explanations of one moment are: configurations, by state."""

from collections.abc import Iterator
from dataclasses import dataclass

from dsm_jepsen.checkers.linearizability.problem import Step

Trail = tuple["Trail", Step] | None
"""What took effect, last first."""


@dataclass(slots=True, eq=False)
class Configuration:
    """One explanation.

    Attributes:
        done, maybe: bits of open operations.
        used: counts of losses, by kind.
        excess: how often one was used that there was not, or not yet.
    """

    state: int
    done: int
    maybe: int
    used: tuple[int, ...]
    excess: int
    trail: Trail


Layer = dict[int, list[Configuration]]
"""Configurations of one moment by state, none dominated by another."""


def size(layer: Layer) -> int:
    """Count its configurations."""
    return sum(map(len, layer.values()))


def each(mask: int) -> Iterator[int]:
    """Give a mask's bits, the lowest first."""
    while mask:
        bit = mask & -mask
        yield bit
        mask ^= bit
