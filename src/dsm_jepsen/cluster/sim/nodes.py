"""The node programs of a simulated cluster: started, killed, paused, and what they logged."""

import asyncio
import traceback
from collections.abc import Callable, Iterable
from pathlib import PurePath
from typing import Any

from dsm_jepsen.cluster.sim.links import CLIENTS, place
from dsm_jepsen.cluster.sim.loop import SimLoop
from dsm_jepsen.cluster.sim.network import SimNetwork, Wires
from dsm_jepsen.cluster.sim.process import Process, SimTask, State
from dsm_jepsen.env import Env, Program, Rng, Role, Store

EPOCH_NS = 1_577_836_800_000_000_000
"""2020-01-01 00:00 UTC, when every simulation begins."""

LINES_MAX = 10_000
"""Lines kept of each host's log, the first ones."""

_NOT_THE_PROGRAM = (PurePath(asyncio.__file__).parent, PurePath(__file__).parent)


class SimClock:
    """Virtual time, true on all hosts; see ``env.Clock``."""

    def __init__(self, loop: SimLoop) -> None:
        self._loop = loop

    def monotonic_ns(self) -> int:
        """Nanoseconds since the simulation began."""
        return self._loop.now_us * 1_000

    def wall_ns(self) -> int:
        """Nanoseconds since 1970; a simulation begins with the year 2020."""
        return EPOCH_NS + self._loop.now_us * 1_000


class HostClock(SimClock):
    """Virtual time as the program of one host is told it.

    Attributes:
        offset_ms: what is added to the wall clock.
        told: how many times somebody was told a wall time that was shifted.
    """

    def __init__(self, loop: SimLoop) -> None:
        super().__init__(loop)
        self.offset_ms = 0
        self.told = 0

    def wall_ns(self) -> int:
        """Nanoseconds since 1970, shifted."""
        self.told += self.offset_ms != 0
        return super().wall_ns() + self.offset_ms * 1_000_000


class Nodes:
    """The node processes of all hosts.

    Attributes:
        program: what they run; ``None`` as long as there is no node.
        clocks: what each host's program reads.
        logs: lines by host, the harness' own under ``ctl``.
    """

    def __init__(
        self, wires: Wires, hosts: Iterable[str], rng: Rng, connect: Callable[[Process, str], Store]
    ) -> None:
        self.program: Program | None = None
        self.logs: dict[str, list[str]] = {}
        self._wires = wires
        self._loop = wires.loop
        self.clocks = {host: HostClock(self._loop) for host in hosts}
        self._rng = rng
        self._connect = connect
        self._processes: dict[str, Process] = {}
        self._starts: dict[str, int] = {}
        self._loop.set_exception_handler(self._unhandled)

    def restart(self, host: str) -> None:
        """Run the program on a host where it does not run; nothing happens where it does."""
        process = self._processes.get(host)
        if self.program is None or (process is not None and process.state is not State.DEAD):
            return
        start = self._starts[host] = self._starts.get(host, 0) + 1
        process = self._processes[host] = self._loop.process(place(host, Role.NODE))
        self._wires.listen(process)
        env = Env(
            node=host,
            clock=self.clocks[host],
            rng=self._rng.fork(f"{host}/{start}"),
            store=self._connect(process, host),
            network=SimNetwork(self._wires, process),
            log=lambda line: self._log(host, line),
        )
        self._loop.create_task(
            self._run(self.program, env, process), name=process.name, context=process.context.copy()
        )

    async def _run(self, program: Program, env: Env, process: Process) -> None:
        try:
            await program.main(env)
        except (Exception, SystemExit, asyncio.CancelledError) as error:  # noqa: BLE001 - of its process alone
            self._log(env.node, f"the program ended with {_describe(error)}")
        else:
            self._log(env.node, "the program ended")
        process.kill()
        self._wires.hang_up(process)

    def kill(self, host: str) -> None:
        """End a host's node; nothing of it runs again."""
        process = self._processes.get(host)
        if process is not None and process.state is not State.DEAD:
            process.kill()
            self._wires.hang_up(process)

    def pause(self, host: str) -> None:
        """Freeze a host's node."""
        if host in self._processes:
            self._processes[host].pause()

    def resume(self, host: str) -> None:
        """Let a host's node go on."""
        if host in self._processes:
            self._processes[host].resume()

    def state(self, host: str) -> State:
        """What has become of a host's node."""
        process = self._processes.get(host)
        return State.DEAD if process is None else process.state

    def _log(self, host: str, line: str) -> None:
        lines = self.logs.setdefault(host, [])
        if len(lines) < LINES_MAX and not self._loop.is_closed():
            lines.append(f"{self._loop.time():.6f} {line}")

    def _unhandled(self, _loop: object, context: dict[str, Any]) -> None:
        """Log what a task or callback raised and nobody asked for."""
        task = context.get("future") or context.get("task")
        host = task.process.name.partition("/")[0] if isinstance(task, SimTask) else CLIENTS
        error = context.get("exception")
        cause = "" if error is None else f": {_describe(error)}"
        self._log(host, f"{context['message']}{cause}")


def _describe(error: BaseException) -> str:
    """Name an error and the program's line that it came from, the same on every machine."""
    if isinstance(error, BaseExceptionGroup):
        return f"{error.message}: {', '.join(_describe(each) for each in error.exceptions)}"
    frames = [(PurePath(frame.filename), frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    own = [(path, line) for path, line in frames if path.parent not in _NOT_THE_PROGRAM]
    where = f" at {own[-1][0].name}:{own[-1][1]}" if own else ""
    return f"{type(error).__name__}: {error}{where}"
