"""The interpreter: asks a generator, hands operations to clients and nemesis, and records all events.

Jepsen's rules: a thread has at most one operation in flight; after an ``info`` it goes on as process
+ number of client threads with a new client, since nobody knows whether the old operation has ended.
It is plain asyncio and runs on the simulator's loop and the real one alike.
"""

import asyncio
import traceback
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dsm_jepsen.env import Client, Clock, Control, DefiniteError, IndefiniteError, OutcomeError, Rng, Site
from dsm_jepsen.history import NEMESIS, Op, OpType, Process
from dsm_jepsen.nemesis import Nemesis
from dsm_jepsen.scenarios.generators import Ask, Generator, Invocation, Pending, Thread

OPERATION_TIMEOUT_S = 20.0
"""An operation that has not ended by then is ``info``, whatever its client does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """Who carries out operations: a client for each thread's site, and the nemeses."""

    clock: Clock
    rng: Rng
    sites: tuple[Site, ...]
    client: Client
    control: Control
    nemeses: Mapping[str, Nemesis]
    record: Callable[[Op], None]
    log: Callable[[str], None]


class Interpreter:
    """Runs generators one after another over the same threads; the history goes on."""

    def __init__(self, crew: Crew, concurrency: int) -> None:
        self._crew = crew
        self._concurrency = concurrency
        self._threads: tuple[Thread, ...] = (*range(concurrency), NEMESIS)
        self._processes: dict[Thread, Process] = {thread: thread for thread in self._threads}
        self._clients: dict[Thread, Client] = {}
        self._busy: set[Thread] = set()
        self._ended: deque[tuple[Thread, OpType, str, Any, Any]] = deque()
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._begun_ns = crew.clock.monotonic_ns()
        self._index = 0

    async def run(self, generator: Generator) -> None:
        """Carry out all a generator has; returns when it is exhausted and every operation has ended."""
        while True:
            generator = self._complete(generator)
            now_ns = self._now_ns()
            free = tuple(thread for thread in self._threads if thread not in self._busy)
            answer = generator.ask(Ask(now_ns, free, self._threads, self._crew.rng))
            if answer is None:
                if not self._busy:
                    return
                await self._wait(None)
                continue
            emission, generator = answer
            if isinstance(emission, Pending):
                if emission.until_ns is None and not self._busy:
                    raise RuntimeError(f"the generator waits for nothing: {generator!r}")
                await self._wait(emission.until_ns)
            else:
                generator = self._begin(emission, generator)

    async def note(self, f: str, found: Callable[[], Awaitable[Any]]) -> None:
        """Do a step of the harness itself while nothing else is under way, and record what it found."""
        self._record(NEMESIS, "info", f, None)
        self._record(NEMESIS, "info", f, await found())

    async def close(self) -> None:
        """End what is still running and close all clients."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for client in self._clients.values():
            await client.close()
        self._clients.clear()

    def _now_ns(self) -> int:
        return self._crew.clock.monotonic_ns() - self._begun_ns

    def _record(self, thread: Thread, kind: OpType, f: str, value: Any, error: Any = None) -> Op:
        op = Op(
            index=self._index,
            time=self._now_ns(),
            type=kind,
            process=self._processes[thread],
            f=f,
            value=value,
            error=error,
        )
        self._index += 1
        self._crew.record(op)
        return op

    def _begin(self, invocation: Invocation, generator: Generator) -> Generator:
        thread, f, value = invocation
        self._busy.add(thread)
        event = self._record(thread, "info" if thread == NEMESIS else "invoke", f, value)
        task = asyncio.ensure_future(self._carry_out(thread, f, value))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return generator.update(event, thread)

    def _complete(self, generator: Generator) -> Generator:
        self._wake.clear()
        while self._ended:
            thread, kind, f, value, error = self._ended.popleft()
            event = self._record(thread, kind, f, value, error)
            self._busy.discard(thread)
            generator = generator.update(event, thread)
            process = self._processes[thread]
            if kind == "info" and process != NEMESIS:
                self._processes[thread] = process + self._concurrency
        return generator

    async def _wait(self, until_ns: int | None) -> None:
        if until_ns is None:
            await self._wake.wait()
            return
        try:
            # Rounded up to whole microseconds, the finest that a loop knows: never too early.
            async with asyncio.timeout(-((self._now_ns() - until_ns) // 1000) / 1e6):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _carry_out(self, thread: Thread, f: str, value: Any) -> None:
        try:
            async with asyncio.timeout(None if thread == NEMESIS else OPERATION_TIMEOUT_S):
                act = self._act(f, value) if thread == NEMESIS else self._invoke(thread, f, value)
                result = await act
            ended: tuple[OpType, Any, Any] = ("info" if thread == NEMESIS else "ok", result, None)
        except DefiniteError as error:
            ended = ("info" if thread == NEMESIS else "fail", value, [error.kind, error.detail])
        except IndefiniteError as error:
            ended = ("info", value, [error.kind, error.detail])
        except TimeoutError:
            ended = ("info", value, ["timeout", None])
        except Exception as error:  # noqa: BLE001 - whatever a client raises, its outcome is unknown
            self._crew.log(f"{f} by {self._processes[thread]} crashed:\n{traceback.format_exc()}")
            ended = ("info", value, ["exception", f"{type(error).__name__}: {error}"])
        if ended[0] == "info" and thread in self._clients:
            await self._clients.pop(thread).close()
        kind, result, error_value = ended
        self._ended.append((thread, kind, f, result, error_value))
        self._wake.set()

    async def _invoke(self, thread: Thread, f: str, value: Any) -> Any:
        client = self._clients.get(thread)
        if client is None:
            assert thread != NEMESIS
            try:
                client = await self._crew.client.open(self._crew.sites[thread])
            except OutcomeError as error:
                # Definite: without a client nothing was sent.
                raise DefiniteError("no-client", str(error)) from error
            self._clients[thread] = client
        return await client.invoke(f, value)

    async def _act(self, f: str, value: Any) -> Any:
        verb, _, name = f.partition("-")
        nemesis = self._crew.nemeses[name]
        if verb == "start":
            return await nemesis.start(self._crew.control, self._crew.rng, tuple(value or ()))
        return await nemesis.stop(self._crew.control)
