"""A container as a host: scripts run in it as root, through the engine's ``exec``.

Files go the same way as commands, through ``cat``. The client library blocks: each call has a thread, and a
deadline that holds also when container or engine answer nothing.
"""

import asyncio
import shlex
import socket
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from dsm_jepsen.cluster.hosts import Answer, HostError
from dsm_jepsen.cluster.hosts.host import TIMEOUT_S

if TYPE_CHECKING:
    import docker

_COPY_TIMEOUT_S = 120.0
_LAST_WORDS = 600
_STDOUT = 1
_HEADER_BYTES = 8
_CHUNK_BYTES = 65536
_ENDED_POLL_S = 0.01

_UPON_A_WORD = 'read -r word && head -c "$0" | "$@"'
"""A shell that waits for an empty line before it runs a command with so many bytes of input.

The library loses what is said before it has handed out the connection. And the end of the input is
counted, since not every kind of connection can be closed in one direction.
"""


class Output(NamedTuple):
    """What a command left: its exit code, and what it wrote."""

    code: int
    out: bytes
    err: bytes


class DockerHost:
    """A container that runs.

    Args:
        name: as the cluster calls it.
        container: its id.
        address: its IPv4 address on the cluster's network.
        published: where its ports are reached from here, as ``host:port``.
        client: the engine's.
        threads: where calls wait.
    """

    def __init__(
        self,
        *,
        name: str,
        container: str,
        address: str,
        published: Mapping[int, str],
        client: "docker.DockerClient",
        threads: Executor,
    ) -> None:
        self.name = name
        self.container = container
        self.address = address
        self._published = dict(published)
        self._client = client
        self._threads = threads

    def reach(self, port: int) -> str:
        """Where the harness reaches one of its published ports, as ``host:port``."""
        return self._published[port]

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
        said = await self._run(step, script, stdin=stdin, timeout_s=timeout_s, allowed=allowed)
        return Answer(
            code=said.code, out=said.out.decode(errors="replace"), err=said.err.decode(errors="replace")
        )

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
        said = await self._run(f"reading {path}", f"cat {shlex.quote(path)}", timeout_s=_COPY_TIMEOUT_S)
        return said.out

    async def _run(
        self, step: str, script: str, *, stdin: bytes = b"", timeout_s: float, allowed: Sequence[int] = (0,)
    ) -> Output:
        from docker.errors import DockerException

        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout_s):
                said = await loop.run_in_executor(
                    self._threads,
                    lambda: execute(
                        self._client, self.container, ["sh", "-c", script], stdin=stdin, timeout_s=timeout_s
                    ),
                )
        except TimeoutError:
            raise HostError(host=self.name, step=step, words=f"no answer within {timeout_s:g} s") from None
        except (DockerException, OSError) as error:
            raise HostError(host=self.name, step=step, words=words_of(error)) from error
        if said.code not in allowed:
            words = (said.err + said.out).decode(errors="replace").strip()[-_LAST_WORDS:]
            raise HostError(
                host=self.name, step=step, words=f"exit code {said.code}: {words or 'it said nothing'}"
            )
        return said


def execute(
    client: "docker.DockerClient",
    container: str,
    argv: Sequence[str],
    *,
    stdin: bytes = b"",
    timeout_s: float,
) -> Output:
    """Run a command in a container as root, and wait for its end. Blocks.

    Args:
        client: the engine's.
        container: its id or name.
        argv: the command.
        stdin: what it reads.
        timeout_s: a command that takes longer is killed, if the container runs.

    Raises:
        TimeoutError: it did not end in time.
        docker.errors.DockerException: there is no such container, or it does not run.
        OSError: the engine does not answer.
    """
    deadline = time.monotonic() + timeout_s
    # The engine cannot end what it runs for us: so the command does it itself, should we be gone by then.
    argv = ["timeout", "--kill-after=1", f"{timeout_s + 1:g}", *argv]
    argv = ["sh", "-c", _UPON_A_WORD, str(len(stdin)), *argv]
    made = client.api.exec_create(container, argv, stdin=True)["Id"]
    response: Any = client.api.exec_start(made, socket=True)
    try:
        connection = getattr(response, "_sock", response)
        connection.settimeout(_left_s(deadline))
        connection.sendall(b"\n" + stdin)
        streams = _split(_read(connection, deadline))
    finally:
        response.close()
    # The end of its output comes a moment before its exit code.
    while (code := client.api.exec_inspect(made)["ExitCode"]) is None:
        time.sleep(min(_ENDED_POLL_S, _left_s(deadline)))
    return Output(code, *streams)


def words_of(error: Exception) -> str:
    """What the engine said, without the request."""
    return str(getattr(error, "explanation", None) or error)


def _read(connection: socket.socket, deadline: float) -> bytes:
    chunks: list[bytes] = []
    while True:
        connection.settimeout(_left_s(deadline))
        if not (chunk := connection.recv(_CHUNK_BYTES)):
            return b"".join(chunks)
        chunks.append(chunk)


def _left_s(deadline: float) -> float:
    left_s = deadline - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    return left_s


def _split(raw: bytes) -> tuple[bytes, bytes]:
    """Standard output and standard error, which come in frames: which of them, three zeros, and how long."""
    streams: tuple[list[bytes], list[bytes]] = ([], [])
    at = 0
    while at < len(raw):
        begin = at + _HEADER_BYTES
        at = begin + int.from_bytes(raw[begin - 4 : begin], "big")
        streams[raw[begin - _HEADER_BYTES] != _STDOUT].append(raw[begin:at])
    return b"".join(streams[0]), b"".join(streams[1])
