"""Simulated processes and what they leave behind: gates, callbacks, tasks and futures.

Every callback belongs to the process on whose behalf it was scheduled, and passes that process'
gate when its turn comes:

* up: it runs;
* paused: it is kept, and runs after ``resume``;
* dead: it never runs. Nothing of a killed process runs again, not even a coroutine's ``finally``.

A restarted program is a new ``Process`` with the same name.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, ContextVar
from enum import Enum
from typing import Any, TypeVar

T = TypeVar("T")


class State(Enum):
    """Whether a process' callbacks run, wait or are dropped."""

    UP = "up"
    PAUSED = "paused"
    DEAD = "dead"


class Process:
    """One incarnation of a program on a host: a gate for all its callbacks.

    Attributes:
        name: such as ``n1/node``; the next incarnation has the same one.
        state: the gate.
        context: tasks and callbacks made in this context, or a copy of it, belong to the process.
    """

    __slots__ = ("_kept", "_ready", "context", "name", "state")

    def __init__(self, name: str, ready: "deque[Callback]") -> None:
        self.name = name
        self.state = State.UP
        self.context = Context()
        self.context.run(PROCESS.set, self)
        self._ready = ready
        self._kept: list[Callback] = []

    def pause(self) -> None:
        """Keep callbacks from now on; a dead process stays dead."""
        if self.state is State.UP:
            self.state = State.PAUSED

    def resume(self) -> None:
        """Run what was kept, in its order, and all that follows."""
        if self.state is State.PAUSED:
            self.state = State.UP
            self._ready.extend(self._kept)
            self._kept.clear()

    def kill(self) -> None:
        """Run nothing any more."""
        self.state = State.DEAD
        self._kept.clear()

    def hold(self, callback: "Callback") -> None:
        """Keep or drop a callback whose turn has come while the process is not up."""
        if self.state is State.PAUSED:
            self._kept.append(callback)


PROCESS: ContextVar[Process] = ContextVar("PROCESS")
"""The process on whose behalf code runs now."""


class Callback(asyncio.TimerHandle):
    """A callback with its arguments, its context and its process; asyncio calls it a handle."""

    __slots__ = ("args", "callback", "dropped", "process", "surroundings", "when_us")

    def __init__(
        self,
        when_us: int,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        surroundings: Context,
        process: Process,
    ) -> None:
        self.when_us = when_us
        self.callback = callback
        self.args = args
        self.surroundings = surroundings
        self.process = process
        self.dropped = False

    def cancel(self) -> None:
        """Do not run it."""
        self.dropped = True
        self.args = ()

    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self.dropped

    def when(self) -> float:
        """When it is due, in seconds."""
        return self.when_us / 1_000_000

    def get_context(self) -> Context:
        """The context it runs in."""
        return self.surroundings

    def __repr__(self) -> str:
        return f"<Callback {self.callback!r} of {self.process.name} at {self.when_us} us>"


class SimFuture(asyncio.Future[T]):
    """A future with a hash of its own, so that sets of futures have the same order in every run."""

    _loop: Any
    _number: int

    def __hash__(self) -> int:
        try:
            return self._number
        except AttributeError:
            self._number = self._loop.next_number()
            return self._number


class SimTask(asyncio.Task[T]):
    """A task that hashes by the order of creation, and knows its process.

    Stock ``TaskGroup``, ``wait`` and others iterate over sets of tasks, whose order would
    otherwise be that of memory addresses.
    """

    def __init__(
        self,
        coro: Generator[Any, None, T] | Coroutine[Any, Any, T],
        *,
        number: int,
        process: Process,
        loop: asyncio.AbstractEventLoop,
        name: str | None,
        context: Context | None,
    ) -> None:
        self.number = number  # first: asyncio's own bookkeeping takes the hash
        self.process = process
        super().__init__(coro, loop=loop, name=name or f"task-{number}", context=context)

    def __hash__(self) -> int:
        return self.number
