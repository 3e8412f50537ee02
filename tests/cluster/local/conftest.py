"""A folder for temporary files of each test's own, a look at what runs, and networks to try."""

import asyncio
import itertools
import os
import socket
import struct
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from dsm_jepsen.cluster.local.lan import Place
from dsm_jepsen.cluster.local.links import NamespaceLan
from dsm_jepsen.cluster.local.processes import birth
from dsm_jepsen.cluster.local.relay import socket_in

RUNS = itertools.count(5000)
CONNECT_TIMEOUT_S = 0.3


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, also for subprocesses: no test sees another's runs, or a user's."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


@pytest.fixture
def processes_left(tmp_path: Path) -> Callable[[], list[str]]:
    """Gives the command lines of all running processes that name a file of this test."""

    def look() -> list[str]:
        lines = []
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if str(tmp_path) in line:
                lines.append(line)
        return lines

    return look


class Net:
    """A network of namespaces, with things to send through it."""

    def __init__(self, lan: NamespaceLan) -> None:
        self.lan = lan

    def endpoint(self, place: Place, kind: socket.SocketKind) -> socket.socket:
        """A socket at a place, bound to its address."""

        def make() -> socket.socket:
            made = socket.socket(socket.AF_INET, kind)
            made.bind((self.lan.address(place), 0))
            return made

        return socket_in(self.lan.namespace(place), make)

    def connect(self, source: Place, target: Place) -> tuple[socket.socket, socket.socket]:
        """The two ends of a new connection; raises TimeoutError if it cannot be made."""
        with ExitStack() as undo:
            server = undo.enter_context(self.endpoint(target, socket.SOCK_STREAM))
            server.listen()
            one = undo.enter_context(self.endpoint(source, socket.SOCK_STREAM))
            one.settimeout(CONNECT_TIMEOUT_S)
            one.connect(server.getsockname())
            one.setblocking(False)
            undo.pop_all()
            with server:
                other, _ = server.accept()
            other.setblocking(False)
            return one, other

    async def arrive(self, source: Place, target: Place, count: int, *, within_s: float) -> list[float]:
        """Send datagrams; tell of each that arrived how long it took, in s."""
        took: list[float] = []
        with (
            self.endpoint(target, socket.SOCK_DGRAM) as ear,
            self.endpoint(source, socket.SOCK_DGRAM) as mouth,
        ):
            ear.setblocking(False)
            began = time.monotonic()
            for _ in range(count):
                mouth.sendto(struct.pack("d", time.monotonic()), ear.getsockname())
            while len(took) < count and time.monotonic() < began + within_s:
                await asyncio.sleep(0.005)
                with suppress(BlockingIOError):
                    while True:
                        (sent,) = struct.unpack("d", ear.recv(100))
                        took.append(time.monotonic() - sent)
        return took


@pytest.fixture
def new_lan(network_namespaces: None) -> Iterator[Callable[..., NamespaceLan]]:
    """Makes networks of namespaces, not yet open; all are removed at the end."""
    lans = []

    def make(nodes: Sequence[str] = ("n1", "n2", "n3"), *, kill_stale: bool = True) -> NamespaceLan:
        lans.append(NamespaceLan(nodes, kill_stale=kill_stale))
        return lans[-1]

    yield make
    for lan in lans:
        lan.close()


@pytest.fixture
def new_run() -> Callable[[], str]:
    """Names runs of this process."""
    return lambda: f"{os.getpid()}-{birth(os.getpid())}-{next(RUNS)}"


@pytest.fixture
def net(new_lan: Callable[..., NamespaceLan], new_run: Callable[[], str]) -> Callable[..., Net]:
    """Makes a network of namespaces for three hosts, open."""

    def make(*, kill_stale: bool = True) -> Net:
        lan = new_lan(kill_stale=kill_stale)
        lan.open(new_run())
        return Net(lan)

    return make
