"""A child process that may be killed, frozen and started again, and what the kernel says of any process.

Each child leads a session of its own: Ctrl-C in the terminal reaches the harness alone, and a signal to the
child's group reaches whatever the child itself started.
"""

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from dsm_jepsen.cluster._base import ClusterError
from dsm_jepsen.env import ProcessState

_POLL_S = 0.01
_SIGNAL_TIMEOUT_S = 10.0
_TAIL_BYTES = 8192


class Process:
    """One child process; its output is appended to a log file.

    Args:
        title: for messages, such as ``n1 etcd``.
        argv: the program and its arguments.
        env: its whole environment.
        log: where its output goes.
        started: told the process id of each start.
        exited: told of each end that was not asked for, once it is noticed.
    """

    def __init__(
        self,
        *,
        title: str,
        argv: Sequence[str],
        env: Mapping[str, str],
        log: Path,
        started: Callable[[int], None],
        exited: Callable[[str], None],
    ) -> None:
        self.title = title
        self.log = log
        self.paused = False
        self._argv = tuple(argv)
        self._env = dict(env)
        self._started = started
        self._exited = exited
        self._child: subprocess.Popen[bytes] | None = None
        self._end_is_known = False

    @property
    def pid(self) -> int | None:
        """Its process id, or ``None`` if it does not run."""
        return self._child.pid if self._child is not None and self.running else None

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended; frozen processes are running."""
        return self._child is not None and self._child.poll() is None

    @property
    def state(self) -> ProcessState:
        """What the kernel says of it."""
        if not self.running:
            return ProcessState.DEAD
        return ProcessState.PAUSED if self._frozen() else ProcessState.UP

    def start(self) -> None:
        """Start it, unless it runs.

        Raises:
            ClusterError: there is no such program, or it cannot be executed.
        """
        if self.running:
            return
        self.report_exit()
        self._end_is_known = False
        self.paused = False
        with self.log.open("ab") as output:
            try:
                self._child = subprocess.Popen(
                    self._argv,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=self._env,
                    start_new_session=True,
                )
            except OSError as error:
                raise ClusterError(f"{self.title} cannot be started: {error}") from error
        self._started(self._child.pid)

    async def kill(self) -> None:
        """End it at once; returns when it is gone."""
        if self._send(signal.SIGKILL):
            self._end_is_known = True
            await self._wait(lambda: not self.running, "did not end after SIGKILL")

    async def pause(self) -> None:
        """Freeze it; returns when it stands still."""
        if self._send(signal.SIGSTOP):
            self.paused = True
            await self._wait(lambda: not self.running or self._frozen(), "did not stop after SIGSTOP")

    async def resume(self) -> None:
        """Let it go on."""
        if self._send(signal.SIGCONT):
            self.paused = False

    def ask_to_end(self) -> None:
        """Ask it to end in good order, also if it is frozen."""
        if self._send(signal.SIGTERM):
            self._end_is_known = True
            self._send(signal.SIGCONT)

    def strike(self) -> None:
        """Kill it without waiting for its end."""
        if self._send(signal.SIGKILL):
            self._end_is_known = True

    def end_now(self) -> None:
        """End it without leaving the event loop, for the last moments of a run; returns when it is gone."""
        self.strike()
        if self.running:
            assert self._child is not None
            self._child.wait(timeout=_SIGNAL_TIMEOUT_S)

    def ends_within(self, seconds: float) -> bool:
        """Whether it has ended, or is about to; waits without leaving the event loop."""
        if self._child is None:
            return True
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(seconds)
        return not self.running

    def report_exit(self) -> None:
        """Tell ``exited``, once, if it has ended on its own."""
        if self._child is not None and not self.running and not self._end_is_known:
            self._end_is_known = True
            self._exited(f"{self.title} {self.how_it_ended()}, and nobody had asked it to (log: {self.log})")

    def end_at_start(self) -> str:
        """How it ended instead of starting, for an error; ``exited`` is not told of it as well."""
        self._end_is_known = True
        return f"{self.title} {self.how_it_ended()} at its start. Its last words:\n{self.last_words()}"

    def last_words(self, lines: int = 12) -> str:
        """The end of its log, and where the log is."""
        return f"{_tail(self.log, lines)}\n(log: {self.log})"

    def how_it_ended(self) -> str:
        """What became of it, for messages."""
        code = None if self._child is None else self._child.poll()
        if code is None:
            return "has not ended"
        return f"ended with exit code {code}" if code >= 0 else f"was ended by signal {-code}"

    def _frozen(self) -> bool:
        assert self._child is not None
        return (_stat(self._child.pid) or ["?"])[0] in {"T", "t"}

    def _send(self, number: signal.Signals) -> bool:
        # The process is reaped by nothing but poll(): until then its number cannot be another's.
        if self._child is None or self._child.poll() is not None:
            return False
        with suppress(ProcessLookupError):
            os.killpg(self._child.pid, number)
        return True

    async def _wait(self, condition: Callable[[], bool], complaint: str) -> None:
        if not await wait_until(condition, _SIGNAL_TIMEOUT_S):
            raise ClusterError(f"{self.title} {complaint} within {_SIGNAL_TIMEOUT_S:g} s")


async def end(processes: Iterable[Process], *, grace_s: float) -> None:
    """Ask processes to end, and kill those that have not done so in time."""
    processes = tuple(processes)
    try:
        for process in processes:
            process.report_exit()
            process.ask_to_end()
        await wait_until(lambda: not any(process.running for process in processes), grace_s)
    finally:
        # Also when the wait was cancelled: nothing may stay behind.
        for process in processes:
            process.strike()
        for process in processes:
            process.end_now()


async def wait_until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Wait for a condition; false if it did not come true in time."""
    for _ in range(round(timeout_s / _POLL_S)):
        if condition():
            return True
        await asyncio.sleep(_POLL_S)
    return condition()


def birth(pid: int) -> str | None:
    """When a process began, as a word that no other process of this number has, not even after a reboot.

    ``None`` if there is none, or only an unburied one.
    """
    stat = _stat(pid)
    if stat is None or stat[0] in {"Z", "X"}:
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    return f"{boot[:8]}.{stat[19]}"


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the state on: the program's name before it may hold anything."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()


def _tail(path: Path, lines: int) -> str:
    try:
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            text = log.read().decode(errors="replace")
    except FileNotFoundError:
        return "(it wrote no log)"
    return "\n".join(text.splitlines()[-lines:]) or "(its log is empty)"
