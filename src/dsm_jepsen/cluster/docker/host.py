"""A container as a host: scripts run in it as root, through the engine's ``exec``.

Files go the same way as commands, through ``cat``. The client library blocks: each call has a thread, and a
deadline that holds also when container or engine answer nothing.
"""

import asyncio
import shlex
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import PurePosixPath
from threading import Lock
from typing import TYPE_CHECKING, Any

from dsm_jepsen.cluster.docker.engine import words_of
from dsm_jepsen.cluster.hosts import Answer, HostError
from dsm_jepsen.cluster.hosts.host import TIMEOUT_S

if TYPE_CHECKING:
    import docker

STDOUT, STDERR = 1, 2
_COPY_TIMEOUT_S = 120.0
_LAST_WORDS = 600
_HEADER_BYTES = 8
_ENDED_POLL_S = 0.01

_SPARES = 2

_UPON_A_WORD = (
    "read -r script input seconds && "
    'script=$(head -c "$script") && '
    'head -c "$input" | timeout --kill-after=1 "$seconds" sh -c "$script"'
)
"""A shell that is told what to run, with what input, and how long it may take.

The library loses what is said before it has handed out the connection, so a command must not begin before.
The input's end is counted, since not every kind of connection can be closed in one direction. And it is the
shell that ends what takes too long: the engine cannot.
"""


class Shell:
    """A shell in a container, begun and waiting for the one script that it will run. All of it blocks.

    To begin it takes the engine a tenth of a second; then to run a script takes milliseconds.

    Args:
        client: the engine's.
        container: its id.

    Raises:
        docker.errors.DockerException: there is no such container, or it does not run.
        OSError: the engine does not answer.
    """

    def __init__(self, client: "docker.DockerClient", container: str) -> None:
        self._client = client
        self._id = client.api.exec_create(container, ["sh", "-c", _UPON_A_WORD], stdin=True)["Id"]
        stream: Any = client.api.exec_start(self._id, socket=True)
        self._connection: socket.socket = getattr(stream, "_sock", stream)
        # Where the library keeps it; to close the stream alone would leave half of it open.
        self._response = getattr(stream, "_response", stream)

    def run(
        self, script: str, *, stdin: bytes = b"", timeout_s: float, hear: Callable[[int, bytes], None]
    ) -> int:
        """Run a script as root, wait for its end, and close the shell.

        Args:
            script: for ``sh``.
            stdin: what it reads.
            timeout_s: if it takes longer it is killed, unless the container is frozen.
            hear: takes what it writes as it comes, and to which of ``STDOUT`` and ``STDERR``.

        Returns:
            Its exit code.

        Raises:
            TimeoutError: it did not end in time.
            docker.errors.DockerException: the container or its engine ended.
            OSError: the same.
        """
        deadline = time.monotonic() + timeout_s
        said = script.encode()
        try:
            self._connection.settimeout(_left_s(deadline))
            self._connection.sendall(b"%d %d %f\n" % (len(said), len(stdin), timeout_s + 1) + said + stdin)
            # Frames: which stream, three zeros, how long.
            while header := self._read(_HEADER_BYTES, deadline):
                count = int.from_bytes(header[-4:], "big")
                if len(data := self._read(count, deadline)) < count:
                    raise ConnectionError("its output broke off")
                hear(header[0], data)
        finally:
            self.close()
        # The end of its output comes a moment before its exit code.
        while (code := self._client.api.exec_inspect(self._id)["ExitCode"]) is None:
            time.sleep(min(_ENDED_POLL_S, _left_s(deadline)))
        return int(code)

    def close(self) -> None:
        """Let go of it: if it has not been told what to run, it ends."""
        self._response.close()
        self._connection.close()

    def _read(self, count: int, deadline: float) -> bytes:
        """So many bytes; fewer at the end."""
        chunks: list[bytes] = []
        while count > 0:
            self._connection.settimeout(_left_s(deadline))
            if not (chunk := self._connection.recv(count)):
                break
            chunks.append(chunk)
            count -= len(chunk)
        return b"".join(chunks)


class DockerHost:
    """A container that runs.

    Args:
        name: as the cluster calls it.
        container: its id.
        address: its IPv4 address on the cluster's network.
        reached: where its ports are reached from here, as ``host:port``.
        client: the engine's.
        threads: where calls wait.
    """

    def __init__(
        self,
        *,
        name: str,
        container: str,
        address: str,
        reached: Mapping[int, str],
        client: "docker.DockerClient",
        threads: Executor,
    ) -> None:
        self.name = name
        self.container = container
        self.address = address
        self._reached = dict(reached)
        self._client = client
        self._threads = threads
        self._spares: deque[Shell] = deque()
        self._closed = False
        self._closing = Lock()
        for _ in range(_SPARES):
            threads.submit(self._begin_spare)

    def close(self) -> None:
        """Let go of the shells that wait."""
        with self._closing:
            self._closed = True
            while self._spares:
                self._spares.popleft().close()

    def reach(self, port: int) -> str:
        """Where the harness reaches one of its ports for clients, as ``host:port``."""
        return self._reached[port]

    async def run(
        self,
        step: str,
        script: str,
        *,
        stdin: bytes = b"",
        timeout_s: float = TIMEOUT_S,
        allowed: Sequence[int] = (0,),
    ) -> Answer:
        """Run a POSIX shell script as root.

        Raises:
            HostError: another exit code than those allowed, no answer in time, or no such container any more.
        """
        code, out, err = await self._run(step, script, stdin=stdin, timeout_s=timeout_s, allowed=allowed)
        return Answer(code=code, out=out.decode(errors="replace"), err=err.decode(errors="replace"))

    async def put(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        """Write a file, making its folder; whoever reads it meanwhile sees all of it or nothing.

        Raises:
            HostError: it could not.
        """
        folder, new = shlex.quote(str(PurePosixPath(path).parent)), shlex.quote(f"{path}.new")
        await self._run(
            f"writing {path}",
            f"mkdir -p {folder} && cat >{new} && chmod {mode:o} {new} && mv {new} {shlex.quote(path)}",
            stdin=data,
            timeout_s=_COPY_TIMEOUT_S,
        )

    async def get(self, path: str) -> bytes:
        """Read a file.

        Raises:
            HostError: it could not, or there is none.
        """
        reading = f"cat {shlex.quote(path)}"
        _, data, _ = await self._run(f"reading {path}", reading, timeout_s=_COPY_TIMEOUT_S)
        return data

    async def _run(
        self, step: str, script: str, *, stdin: bytes = b"", timeout_s: float, allowed: Sequence[int] = (0,)
    ) -> tuple[int, bytes, bytes]:
        from docker.errors import DockerException

        streams: dict[int, list[bytes]] = {STDOUT: [], STDERR: []}

        def wait() -> int:
            try:
                return self._shell().run(
                    script,
                    stdin=stdin,
                    timeout_s=timeout_s,
                    hear=lambda stream, data: streams[stream].append(data),
                )
            finally:
                # Only now, since to begin one takes more work than most scripts.
                if not self._closed:
                    self._threads.submit(self._begin_spare)

        try:
            async with asyncio.timeout(timeout_s):
                code = await asyncio.get_running_loop().run_in_executor(self._threads, wait)
        except TimeoutError:
            raise HostError(host=self.name, step=step, words=f"no answer within {timeout_s:g} s") from None
        except (DockerException, OSError) as error:
            raise HostError(host=self.name, step=step, words=words_of(error)) from error
        out, err = b"".join(streams[STDOUT]), b"".join(streams[STDERR])
        if code not in allowed:
            words = (err + out).decode(errors="replace").strip()[-_LAST_WORDS:] or "it said nothing"
            raise HostError(host=self.name, step=step, words=f"exit code {code}: {words}")
        return code, out, err

    def _shell(self) -> Shell:
        """One that waits already, if there is."""
        try:
            return self._spares.popleft()
        except IndexError:
            return Shell(self._client, self.container)

    def _begin_spare(self) -> None:
        if self._closed or len(self._spares) >= _SPARES:
            return
        shell = Shell(self._client, self.container)
        with self._closing:
            if not self._closed:
                self._spares.append(shell)
                return
        shell.close()


def _left_s(deadline: float) -> float:
    left_s = deadline - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    return left_s
