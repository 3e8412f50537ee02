"""How verdicts speak of operations, so that a person finds them in the history."""

import json
from typing import Any

from dsm_jepsen.history import Op


def naming(op: Op) -> str:
    """Name an event: who, what, when and where in the history."""
    return f"process {op.process}'s {op.f} at {seconds(op.time)} (op {op.index})"


def seconds(time_ns: int) -> str:
    """Say a time as people do."""
    return f"{time_ns / 1e9:.3f} s"


def brief(value: Any) -> str:
    """Show a value in one short line."""
    text = json.dumps(value, sort_keys=True, default=str)
    return text if len(text) <= 120 else text[:117] + "..."
