"""What commands are tried on: histories in files, and real stores, an etcd or one of ZooKeeper's five."""

import asyncio
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dsm_jepsen.cli import run_command
from dsm_jepsen.cluster.local import LocalCluster
from dsm_jepsen.dsm.stores import open_store
from dsm_jepsen.env import Role, Store


@pytest.fixture
def check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Judge a history's text: exit code, what was printed, and what was complained of, without the folder."""

    def judge(content: str | bytes, *arguments: str, name: str = "history") -> tuple[int, str, str]:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        code = run_command(["check", str(path), *arguments])
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return code, printed.out, printed.err.replace(f"{tmp_path}/", "")

    return judge


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


@dataclass(frozen=True, slots=True)
class Member:
    """What commands connect to."""

    url: str
    freeze: Callable[[], None]
    thaw: Callable[[], None]


@pytest.fixture(
    params=[
        pytest.param("etcd", marks=pytest.mark.etcd),
        pytest.param("zookeeper", marks=pytest.mark.zookeeper),
    ]
)
def member(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Member]:
    """A member of each store that there is."""
    if request.param == "etcd":
        process, port = request.getfixturevalue("etcd")
        yield Member(
            f"etcd://127.0.0.1:{port}",
            lambda: process.send_signal(signal.SIGSTOP),
            lambda: process.send_signal(signal.SIGCONT),
        )
        return
    request.getfixturevalue("zookeeper")
    urls: list[str] = []

    async def connect(url: str) -> Store:
        urls.append(url)
        return await open_store(url)

    with asyncio.Runner() as runner:
        cluster = LocalCluster(run_folder=tmp_path / "servers", open_store=connect, store="zookeeper")

        async def start() -> None:
            await cluster.start(None)
            await (await cluster.site("n1").open_store()).close()

        try:
            runner.run(start())
            yield Member(
                urls[-1],
                lambda: runner.run(cluster.control.pause("n1", Role.STORE)),
                lambda: runner.run(cluster.control.resume("n1", Role.STORE)),
            )
        finally:
            runner.run(cluster.stop())
