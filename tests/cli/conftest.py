"""A single etcd as a process, for commands that are tried as a person would."""

import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Give ports that nobody listens on."""

    def find() -> int:
        with socket.create_server(("127.0.0.1", 0)) as server:
            return int(server.getsockname()[1])

    return find


@pytest.fixture
def etcd(
    tmp_path: Path, etcd_binary: Path, free_port: Callable[[], int]
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    clients, peers = free_port(), free_port()
    urls = ("--listen-client-urls", "--advertise-client-urls")
    arguments = [word for flag in urls for word in (flag, f"http://127.0.0.1:{clients}")]
    arguments += ["--listen-peer-urls", f"http://127.0.0.1:{peers}", "--data-dir", str(tmp_path / "data")]
    with (tmp_path / "etcd.log").open("wb") as log:
        process = subprocess.Popen([str(etcd_binary), *arguments], stdout=log, stderr=log)
    yield process, clients
    process.kill()
    process.wait()
