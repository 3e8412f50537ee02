"""Real sshd's on the loopback, each with keys of its own, that let the user of the tests in."""

import asyncio
import getpass
import inspect
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dsm_jepsen.cluster.hosts.wheels import PINS
from dsm_jepsen.cluster.ssh.login import Login
from dsm_jepsen.cluster.ssh.nodes_file import Target

START_TIMEOUT_S = 10.0
SSHD = shutil.which("sshd") or "/usr/sbin/sshd"

SETTINGS = """\
Port {port}
ListenAddress {address}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
StrictModes no
# What the user's own shell does at its start is none of our business; programs may be put before its own.
SetEnv HOME={folder} PATH={folder}/bin:/usr/bin:/bin

"""


@dataclass
class Sshd:
    """A running sshd, and the files of those who may come in."""

    folder: Path
    address: str
    port: int
    process: subprocess.Popen[bytes] = field(init=False)

    @property
    def target(self) -> Target:
        return Target(host=self.address, port=self.port, user=getpass.getuser())

    @property
    def key(self) -> Path:
        return self.folder / "key"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def login(self) -> Login:
        return Login(key=self.key, known_hosts=self.known_hosts)

    def family(self) -> list[int]:
        """The listener and the processes that serve connections."""
        found = [self.process.pid]
        for pid in found:
            for task in Path(f"/proc/{pid}/task").glob("*/children"):
                with suppress(OSError):  # it has just ended by itself
                    found += [int(child) for child in task.read_text(encoding="ascii").split()]
        return found

    def program(self, name: str, script: str) -> None:
        """Put a program on the path of who logs in, before those of this machine."""
        path = self.folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)

    def signal(self, number: signal.Signals, *, listener: bool = True) -> None:
        for pid in reversed(self.family() if listener else self.family()[1:]):
            with suppress(ProcessLookupError):  # it has just ended by itself
                os.kill(pid, number)

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen([SSHD, "-D", "-e", "-f", f"{self.folder}/config"], stderr=log)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.signal(signal.SIGKILL)
            self.process.wait()

    def wait_listening(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            try:
                socket.create_connection((self.address, self.port), timeout=1).close()
            except OSError:
                assert self.process.poll() is None, (self.folder / "log").read_text()
                time.sleep(0.02)
            else:
                return
        pytest.fail(f"no sshd: {(self.folder / 'log').read_text()}")


def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run the tests of this folder that are coroutines."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


@pytest.fixture
def new_sshd(tmp_path: Path) -> Iterator[Callable[..., Sshd]]:
    """Starts an sshd at an address; all are ended with the test.

    Without sshd, or for others than root, tests are skipped; in CI they fail.
    """
    if shutil.which(SSHD) is None or shutil.which("ssh-keygen") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI must have sshd and ssh-keygen")
        pytest.skip("no sshd or ssh-keygen here (Debian: openssh-server)")
    if os.getuid() != 0:
        if os.environ.get("CI") == "true":
            pytest.fail("CI must run as root: only root's sshd lets root in")
        pytest.skip("only root's sshd lets root in, and hosts are run by root")
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    started: list[Sshd] = []

    def start(address: str = "127.0.0.1") -> Sshd:
        folder = tmp_path / f"sshd-{len(started)}"
        folder.mkdir()
        for name in ("host_key", "key"):
            _make_key(folder / name)
        shutil.copy(folder / "key.pub", folder / "authorized_keys")
        port = _free_port(address)
        kind, key, *_ = (folder / "host_key.pub").read_text(encoding="ascii").split()
        (folder / "known_hosts").write_text(f"[{address}]:{port} {kind} {key}\n", encoding="ascii")
        settings = SETTINGS.format(folder=folder, address=address, port=port)
        (folder / "config").write_text(settings, encoding="utf-8")
        started.append(Sshd(folder, address, port))
        started[-1].start()
        started[-1].wait_listening()
        return started[-1]

    yield start
    for sshd in started:
        sshd.stop()


BARE = """\
FROM {base}
RUN apt-get update -qq && apt-get install -qq -y --no-install-recommends openssh-server >/dev/null \\
 && rm -f /etc/ssh/ssh_host_* && mkdir -p /run/sshd
LABEL dsm-jepsen.test=bare
"""


@pytest.fixture
def bare_machine(docker_engine: object, tmp_path: Path) -> Iterator[Path]:
    """A container with Debian and an sshd, and nothing else: its nodes file and keys."""
    image = PINS.with_name("Dockerfile").read_text()
    base = next(line.partition("BASE=")[2] for line in image.splitlines() if line.startswith("ARG BASE="))
    made = "dsm-jepsen-test-bare"
    argv = ["docker", "build", "--quiet", "--tag", made, "-"]
    subprocess.run(argv, input=BARE.format(base=base), text=True, check=True, capture_output=True)
    script = Path(__file__).parents[3] / "scripts" / "ssh-hosts"
    try:
        subprocess.run([script, "up", tmp_path / "bare", "1"], env={**os.environ, "IMAGE": made}, check=True)
        yield tmp_path / "bare"
    finally:
        subprocess.run([script, "down", tmp_path / "bare"], check=True)


@pytest.fixture
def sshd(new_sshd: Callable[..., Sshd]) -> Sshd:
    return new_sshd()


@pytest.fixture
def make_key() -> Callable[..., Path]:
    """Makes a pair of keys; gives the private one's file."""
    return _make_key


@pytest.fixture
def free_port() -> int:
    """Where nobody listens."""
    return _free_port("127.0.0.1")


def _make_key(path: Path, *, passphrase: str = "") -> Path:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "test", "-f", str(path)], check=True
    )
    return path


def _free_port(address: str) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])
