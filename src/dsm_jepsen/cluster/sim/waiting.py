"""Who waits for what: the report on a simulation that cannot go on."""

import asyncio
from collections.abc import Iterable
from pathlib import PurePath
from typing import Any

from dsm_jepsen.cluster.sim.process import SimTask, State

_TASKS_MAX = 30
_DEPTH_MAX = 30


def who_waits(tasks: Iterable[SimTask[Any]]) -> str:
    """Tell where each unfinished task is suspended, one line a task; tasks of dead processes do not count."""
    waiting = [task for task in tasks if not task.done() and task.process.state is not State.DEAD]
    lines = [_line(task) for task in waiting[:_TASKS_MAX]]
    if len(waiting) > _TASKS_MAX:
        lines.append(f"  and {len(waiting) - _TASKS_MAX} more")
    return "\n".join(lines)


def _line(task: SimTask[Any]) -> str:
    paused = ", paused" if task.process.state is State.PAUSED else ""
    where = " > ".join(_stack(task.get_coro())) or "not started"
    return f"  {task.get_name()} ({task.process.name}{paused}): {where}"


def _stack(awaited: Any) -> list[str]:
    """The places of a suspended coroutine, outermost first: it, what it awaits, and so on."""
    places: list[str] = []
    for _ in range(_DEPTH_MAX):
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "ag_frame", None)
        if frame is None:
            break
        name = getattr(awaited, "__qualname__", type(awaited).__name__).replace("<locals>.", "")
        places.append(f"{name} ({PurePath(frame.f_code.co_filename).name}:{frame.f_lineno})")
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "ag_await", None)
    if isinstance(awaited, asyncio.Task):
        places.append(f"task {awaited.get_name()}")
    return places
