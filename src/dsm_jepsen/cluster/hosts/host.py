"""A host that is reached by commands, be it a container or a machine over SSH; and where hosts come from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from dsm_jepsen.cluster._base import ClusterError

TIMEOUT_S = 20.0
"""How long a command may take if nothing else is said: a frozen host answers nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a command said.

    Attributes:
        code: its exit code.
        out: what it wrote to standard output.
        err: what it wrote to standard error.
    """

    code: int
    out: str
    err: str


class HostError(ClusterError):
    """A host did not do what it was asked to: which host, which step, and its last words."""

    def __init__(self, *, host: str, step: str, words: str) -> None:
        super().__init__(f"{host}: {step} failed: {words}")
        self.host = host
        self.step = step


class Host(Protocol):
    """One host, reached with the rights of root."""

    @property
    def name(self) -> str:
        """As the cluster calls it, such as ``n1``."""
        ...

    @property
    def address(self) -> str:
        """Its IPv4 address as the other hosts see it: what its processes advertise, and what rules match."""
        ...

    def reach(self, port: int) -> str:
        """Where the harness reaches one of its ports, as ``host:port``."""
        ...

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

        Args:
            step: what it is for, in a few words, such as ``starting etcd``: for the error's message.
            script: what ``sh`` shall run; daemons it starts must let go of its output.
            stdin: what the script reads.
            timeout_s: after this many seconds it counts as failed.
            allowed: the exit codes that are no failure.

        Raises:
            HostError: another exit code, no answer in time, or no connection to the host.
        """
        ...

    async def put(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        """Write a file, making its folder.

        Raises:
            HostError: it could not.
        """
        ...

    async def get(self, path: str) -> bytes:
        """Read a file.

        Raises:
            HostError: it could not, or there is none.
        """
        ...


class Fleet(Protocol):
    """Where hosts come from, and what becomes of them afterwards."""

    @property
    def name(self) -> str:
        """``docker`` or ``ssh``."""
        ...

    async def open(self, run: str) -> Mapping[str, Host]:
        """Make or reach the hosts, for the run of this name.

        Raises:
            RefusedError: this machine or those hosts cannot do it; the message says what to do.
            ClusterError: it should have worked and did not; what was made is removed again by ``close``.
        """
        ...

    async def close(self) -> None:
        """Remove what ``open`` made and let go of the rest; harmless when there is nothing."""
        ...

    def versions(self) -> Mapping[str, str]:
        """What they are, for provenance, such as the image's name."""
        ...
