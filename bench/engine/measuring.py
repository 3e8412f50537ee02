"""Time and memory of a verdict through the Python interface, encoding included."""

import ctypes
import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dsm_jepsen.checkers._base import worst
from dsm_jepsen.checkers.linearizability import check
from dsm_jepsen.checkers.linearizability.ready import forget
from dsm_jepsen.history import History


@dataclass(frozen=True)
class Measured:
    """What a verdict cost: of the first run with nothing known of the model, and of the quickest."""

    valid: bool | None
    cold: float
    warm: float
    megabytes: float


def judged(
    history: History,
    model: Any,
    *,
    seconds: float = 20,
    native: bool = True,
    times: int = 5,
    longest: float = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> Measured:
    """Judge a history ``times`` times, fewer if that takes longer than ``longest`` seconds of the clock."""
    budget = check.Budget(seconds=seconds)
    forget()  # tables that other histories of this model have filled
    gc.collect()
    trim()
    taken: list[float] = []

    def once() -> bool | None:
        began = clock()
        if native:
            valid = check.check_linearizable(history, model, budget=budget).valid
        else:
            parts = check.check_parts(history, model, budget=budget, native=False)
            valid = worst(part.valid for part in parts)
        taken.append(clock() - began)
        return valid

    verdicts: list[bool | None] = []
    peak = memory(lambda: verdicts.append(once()))
    while len(taken) < times and sum(taken) < longest:
        once()
    return Measured(verdicts[0], taken[0], min(taken), peak)


def memory(act: Callable[[], object]) -> float:
    """Do something; give the MiB by which the most memory meanwhile was more than what was in use before."""
    status = Path("/proc/self/status")
    if not status.exists():
        act()
        return 0.0
    Path("/proc/self/clear_refs").write_text("5")
    before = _field(status, "VmRSS")
    act()
    return max(0, _field(status, "VmHWM") - before) / 1024


def _field(status: Path, name: str) -> int:
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith(name))


def trim() -> None:
    """Give back what is not in use, so that using it again is seen."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError):
        return
