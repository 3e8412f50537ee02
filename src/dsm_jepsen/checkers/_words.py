"""How verdicts speak of operations and times, so that a person finds them in the history."""

import json
from collections.abc import Iterable
from math import ceil
from typing import Any, NamedTuple

from dsm_jepsen.checkers._base import Verdict
from dsm_jepsen.history import Op


class Problem(NamedTuple):
    """Something that cannot be: an anomaly, words, and the events that show it."""

    anomaly: str
    words: str
    culprits: tuple[int, ...]

    def verdict(self, **details: Any) -> Verdict:
        """Say it."""
        return Verdict(
            valid=False, because=self.words, anomaly=self.anomaly, culprits=self.culprits, details=details
        )


def naming(op: Op) -> str:
    """Name an event: who, what, when and where in the history."""
    when = f" at {seconds(op.time)}" if op.time >= 0 else ""  # old recorded histories have no times
    return f"process {op.process}'s {op.f}{when} (op {op.index})"


def moment(op: Op) -> str:
    """Say when an event was: its time, or its place where nobody took the time."""
    return seconds(op.time) if op.time >= 0 else f"op {op.index}"


def seconds(time_ns: int) -> str:
    """Say a time as people do."""
    return f"{time_ns / 1e9:.3f} s"


def milliseconds(time_ns: int) -> float:
    """Give a time in ms, to the microsecond."""
    return round(time_ns / 1e6, 3)


def quantiles(values: Iterable[float]) -> dict[str, float]:
    """Give the nearest ranks at 0.5, 0.95 and 1 of some values; nothing of nothing."""
    ranked = sorted(values)
    return {f"{q:g}": ranked[ceil(q * len(ranked)) - 1] for q in (0.5, 0.95, 1.0) if ranked}


def brief(value: Any) -> str:
    """Show a value in one short line."""
    text = json.dumps(value, sort_keys=True, default=str)
    return text if len(text) <= 120 else text[:117] + "..."
