"""An asyncio event loop with virtual time, on which one seed gives one history.

Time is a number of microseconds that jumps to the next timer when nothing is ready. Callbacks run
first come, first served; timers in the order of (time, number). The order depends on nothing else:
neither on hashes nor on memory addresses, nor on when garbage is found, which is only looked for at
fixed steps. There are no threads, sockets or signals, and a program that asks for them is refused.

A simulation ends in one of four ways: its main coroutine ends; nobody can go on (a deadlock, which
is reported with who waits for what); the budget of callbacks is spent; or an error passes through.
``close`` then disposes of everything that still waits.
"""

import asyncio
import gc
import heapq
import logging
import sys
from asyncio.events import _get_running_loop, _set_running_loop
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager, suppress
from contextvars import Context, copy_context
from typing import Any, NoReturn, TypeVar, TypeVarTuple

from dsm_jepsen.cluster.sim.errors import SimulationError
from dsm_jepsen.cluster.sim.process import PROCESS, Callback, Process, SimFuture, SimTask, State
from dsm_jepsen.cluster.sim.refusals import RefusingLoop
from dsm_jepsen.cluster.sim.waiting import who_waits

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
ErrorHandler = Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object]

BUDGET = 5_000_000
"""Callbacks that a simulation may run, unless it is given another number."""

_SWEEP_STEPS = 1 << 14
_FULL_SWEEP_STEPS = 1 << 20
_UNWINDS_MAX = 100


class SimLoop(RefusingLoop):
    """An event loop for simulations.

    Attributes:
        now_us: virtual time in microseconds since the loop was made.
        steps: callbacks run or dropped so far; equal runs have equal steps.
        harness: the process of all callbacks that belong to no other; it is always up.
    """

    def __init__(self, *, budget: int = BUDGET) -> None:
        self.now_us = 0
        self.steps = 0
        self._budget = budget
        self._ready: deque[Callback] = deque()
        self._timers: list[tuple[int, int, Callback]] = []
        self._tasks: dict[int, SimTask[Any]] = {}  # unfinished; asyncio itself keeps weak references only
        self._last_number = 0
        self._closed = False
        self._on_error: ErrorHandler | None = None
        self.harness = self.process("ctl")

    # What the simulated world uses.

    def process(self, name: str) -> Process:
        """Make a process, or the next incarnation of one."""
        return Process(name, self._ready)

    def after(self, delay_us: int, process: Process, callback: Callable[..., object], *args: Any) -> Callback:
        """Call back on behalf of a process, after so many microseconds."""
        when_us = self.now_us + delay_us
        handle = Callback(when_us, callback, args, process.context, process)
        self._last_number += 1
        heapq.heappush(self._timers, (when_us, self._last_number, handle))
        return handle

    def next_number(self) -> int:
        """Count what needs an order."""
        self._last_number += 1
        return self._last_number

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run until a coroutine has ended, and return its result.

        Raises:
            SimulationError: a deadlock, or the budget is spent.
        """
        result: T = self.run_until_complete(main)
        return result

    # What asyncio uses.

    def time(self) -> float:
        """Virtual time in seconds."""
        return self.now_us / 1_000_000

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> Callback:
        """Run a callback after all that is ready."""
        if context is None:
            context = copy_context()
        handle = Callback(self.now_us, callback, args, context, context.get(PROCESS, self.harness))
        self._ready.append(handle)
        return handle

    def call_later(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> Callback:
        """Run a callback after so many seconds, counted in whole microseconds."""
        if context is None:
            context = copy_context()
        when_us = self.now_us + max(0, round(delay * 1_000_000))
        handle = Callback(when_us, callback, args, context, context.get(PROCESS, self.harness))
        self._last_number += 1
        heapq.heappush(self._timers, (when_us, self._last_number, handle))
        return handle

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> Callback:
        """Run a callback when ``time`` is this."""
        return self.call_later(when - self.now_us / 1_000_000, callback, *args, context=context)

    def create_future(self) -> SimFuture[Any]:
        """Make a future of this loop."""
        return SimFuture(loop=self)

    def create_task(
        self,
        coro: Generator[Any, None, T] | Coroutine[Any, Any, T],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> SimTask[T]:
        """Start a task for the process on whose behalf code runs, or whose context it is."""
        if self._closed:
            coro.close()
            raise SimulationError("the simulation has ended; no task can be started any more")
        process = PROCESS.get(self.harness) if context is None else context.get(PROCESS, self.harness)
        self._last_number += 1
        task = SimTask(coro, number=self._last_number, process=process, loop=self, name=name, context=context)
        self._tasks[task.number] = task
        task.add_done_callback(self._forget, context=self.harness.context)
        return task

    def run_until_complete(self, future: Any) -> Any:
        """Run until the future is done, and return its result."""
        if self._closed or self.is_running():
            if asyncio.iscoroutine(future):
                future.close()
            state = "has ended; make a new one" if self._closed else "runs already; await the coroutine"
            raise SimulationError(f"the simulation {state}")
        with self._running():
            task = asyncio.ensure_future(future, loop=self)
            self._turn(task.done)
        return task.result()

    def is_running(self) -> bool:
        """Whether a simulation turns now."""
        return _get_running_loop() is self

    def is_closed(self) -> bool:
        """Whether the simulation has ended for good."""
        return self._closed

    def close(self) -> None:
        """Dispose of all that still waits; harmless when repeated.

        Python insists on unwinding a suspended coroutine before it frees it. So each one is
        unwound here, where time stands still, nothing that it schedules ever runs, and what it
        raises is dropped.
        """
        if self._closed:
            return
        if self.is_running():
            raise SimulationError("a running simulation cannot be closed; let its main coroutine end first")
        with self._running():
            self._closed = True
            for task in self._tasks.values():
                task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001 - asyncio's own switch
                _unwind(task.get_coro())
        self._tasks.clear()
        self._timers.clear()
        self._ready.clear()
        self._on_error = None

    def get_debug(self) -> bool:
        """Never: asyncio's debug mode measures real time."""
        return False

    def set_exception_handler(self, handler: ErrorHandler | None) -> None:
        """Have reports go to a handler, or with ``None`` to asyncio's log."""
        self._on_error = handler

    def get_exception_handler(self) -> ErrorHandler | None:
        """Where reports go."""
        return self._on_error

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        """Tell asyncio's log what a task or callback raised and nobody asked for."""
        error = context.get("exception")
        logging.getLogger("asyncio").error("%s", context["message"], exc_info=error)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Report what a task or callback raised and nobody asked for."""
        if self._closed:
            return
        if self._on_error is None:
            self.default_exception_handler(context)
        else:
            self._on_error(self, context)

    async def shutdown_asyncgens(self) -> None:
        """Nothing to do: generators end with the simulation."""

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Nothing to do: there is none."""

    # How it turns.

    @contextmanager
    def _running(self) -> Iterator[None]:
        outer = _get_running_loop()  # a notebook's, for example: it stands still meanwhile
        hooks = sys.get_asyncgen_hooks()
        automatic = gc.isenabled()
        _set_running_loop(self)
        sys.set_asyncgen_hooks(firstiter=None, finalizer=self._finalize)
        gc.disable()
        try:
            yield
        finally:
            _set_running_loop(outer)
            sys.set_asyncgen_hooks(*hooks)
            if automatic:
                gc.enable()

    def _turn(self, done: Callable[[], bool]) -> None:
        ready, up = self._ready, State.UP
        take = ready.popleft
        steps = self.steps
        sweep = min(steps + _SWEEP_STEPS, self._budget)
        try:
            while not done():
                if not ready:
                    self._advance()
                handle = take()
                steps += 1
                if steps >= sweep:
                    sweep = self._sweep(steps)
                if handle.dropped:
                    continue
                process = handle.process
                if process.state is not up:
                    process.hold(handle)
                    continue
                try:
                    handle.surroundings.run(handle.callback, *handle.args)
                except Exception as error:  # noqa: BLE001 - as every asyncio loop: reported, and on it goes
                    self.call_exception_handler(
                        {"message": f"exception in {handle!r}", "exception": error, "handle": handle}
                    )
        finally:
            self.steps = steps

    def _advance(self) -> None:
        timers, ready = self._timers, self._ready
        while timers and timers[0][2].dropped:
            heapq.heappop(timers)
        if not timers:
            self._deadlock()
        now_us = self.now_us = timers[0][0]
        while timers and timers[0][0] == now_us:
            ready.append(heapq.heappop(timers)[2])

    def _sweep(self, steps: int) -> int:
        """Look for garbage and for the end of the budget; returns the step of the next look."""
        if steps >= self._budget:
            raise SimulationError(
                f"the budget of {self._budget} callbacks is spent at {self.time():.6f} s of virtual time; "
                f"look for tasks that never rest, or give a larger budget\n{self._who_waits()}"
            )
        self._timers = [
            timer for timer in self._timers if not (timer[2].dropped or timer[2].process.state is State.DEAD)
        ]
        heapq.heapify(self._timers)
        gc.collect(2 if steps % _FULL_SWEEP_STEPS < _SWEEP_STEPS else 1)
        return min(steps + _SWEEP_STEPS, self._budget)

    def _deadlock(self) -> NoReturn:
        raise SimulationError(
            f"deadlock at {self.time():.6f} s of virtual time: nothing is ready and no timer is set, "
            f"but the main coroutine has not ended\n{self._who_waits()}"
        )

    def _who_waits(self) -> str:
        return who_waits(self._tasks.values())

    def _forget(self, task: asyncio.Task[Any]) -> None:
        del self._tasks[task.number]  # type: ignore[attr-defined]

    def _finalize(self, generator: AsyncGenerator[Any, Any]) -> None:
        """End an asynchronous generator that was dropped unfinished, unless everything ends."""
        if not self._closed:
            self.create_task(generator.aclose())


def _unwind(coroutine: Any) -> None:
    """Close a coroutine, whatever it does about it."""
    for _ in range(_UNWINDS_MAX):
        with suppress(BaseException):
            coroutine.close()
            return
