"""A run that asks for what cannot be had is refused before anything starts, with reason and remedy."""

import gc
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from dsm_jepsen.cli import run_command
from dsm_jepsen.env import Capability

# Docker's library leaves sockets that could not connect to the garbage collector, which complains here.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning"
)

World = Callable[[pytest.MonkeyPatch, Path], None]
"""What is wrong with a machine."""


def nothing_wrong(patch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pass


def no_programs(patch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    patch.setenv("PATH", str(tmp_path))
    patch.setenv("JAVA_HOME", str(tmp_path))
    patch.setattr(sys, "executable", str(tmp_path / "python"))


def no_engine(patch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("docker")
    patch.setenv("DOCKER_HOST", "unix:///nonexistent")


def forbidden_engine(patch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def forbid(self: socket.socket, address: Any) -> None:
        raise PermissionError(13, "Permission denied")

    no_engine(patch, tmp_path)
    # Root, who may be running this, is forbidden nothing.
    patch.setattr(socket.socket, "connect", forbid)


def no_docker_library(patch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    patch.setitem(sys.modules, "docker", None)


def no_client_library(patch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    patch.delitem(sys.modules, "dsm_jepsen.dsm.stores.etcd_aetcd", raising=False)
    patch.setitem(sys.modules, "aetcd", None)


def hosts_that_never_cut(patch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And no engine, nor machines, that could be asked for it."""
    no_engine(patch, tmp_path)
    nodes_file("".join(f"192.0.2.{number}\n" for number in range(1, 6)))(patch, tmp_path)
    patch.setattr("dsm_jepsen.cluster.hosts.cluster._SHARED", {Capability.CUT: "no host can"})


def nodes_file(text: str) -> World:
    def write(patch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        pytest.importorskip("paramiko")
        patch.chdir(tmp_path)
        Path("hosts.txt").write_text(text)

    return write


REFUSED = [
    pytest.param(
        "partition-half --cluster docker",
        no_engine,
        ["no Docker Engine answers at unix:///nonexistent", "docker.io"],
        id="no engine",
    ),
    pytest.param(
        "stop-start --cluster docker --store zookeeper",
        forbidden_engine,
        ["may not be used by this user", "usermod -aG docker"],
        id="an engine that is forbidden",
    ),
    pytest.param(
        "stop-start --cluster docker",
        no_docker_library,
        ["client library is missing", "pip install 'dsm-jepsen[docker]'"],
        id="no library for the engine",
    ),
    pytest.param(
        "isolated-events --cluster local",
        no_programs,
        ["no etcd on the PATH", "pip install 'dsm-jepsen[local]'"],
        id="no etcd",
    ),
    pytest.param(
        "isolated-events --cluster local --store zookeeper",
        no_programs,
        ["no java on the PATH", "default-jre-headless"],
        id="no Java",
    ),
    pytest.param(
        "isolated-events --cluster local --network loopback",
        no_client_library,
        ["needs the module 'aetcd'", "pip install 'dsm-jepsen[etcd]'"],
        id="no client library for the nodes on this machine",
        marks=pytest.mark.etcd,
    ),
    pytest.param(
        "watch-log --cluster docker",
        no_client_library,
        ["needs the module 'aetcd'", "pip install 'dsm-jepsen[etcd]'"],
        id="no client library for clients of the store",
    ),
    pytest.param(
        "partition-half --cluster local --network loopback",
        nothing_wrong,
        ["partition-half needs the fault leader-in-majority", "cannot cut", "loopback (it was asked for)"],
        id="a partition on the loopback",
        marks=pytest.mark.etcd,
    ),
    pytest.param(
        "partition-half --cluster docker",
        hosts_that_never_cut,
        ["partition-half needs the fault leader-in-majority", "the docker cluster cannot cut", "no host can"],
        id="what no container can, without an engine",
    ),
    pytest.param(
        "partition-half --cluster ssh --nodes-file hosts.txt --insecure-host-keys",
        hosts_that_never_cut,
        ["partition-half needs the fault leader-in-majority", "the ssh cluster cannot cut", "no host can"],
        id="what no host can, without reaching one",
    ),
    pytest.param(
        "damaged-log",
        nothing_wrong,
        ["damaged-log needs the fault corrupt-log", "cannot spoil disks", "no disks"],
        id="a simulated disk",
    ),
    pytest.param(
        "stop-start --cluster ssh --nodes-file hosts.txt",
        nodes_file("admin@n1 n2\n"),
        ["hosts.txt, line 1", "expected [user@]host"],
        id="a malformed nodes file",
    ),
    pytest.param(
        "stop-start --cluster ssh --nodes-file hosts.txt --insecure-host-keys",
        nodes_file("".join(f"127.0.0.1:{port}\n" for port in range(1, 6))),
        ["n1: connecting", "n5: connecting", "is sshd running"],
        id="machines without sshd",
        marks=pytest.mark.slow,
    ),
]


@pytest.mark.parametrize(("arguments", "world", "words"), REFUSED)
def test_a_run_that_cannot_be_had_is_refused_before_anything_starts(  # noqa: PLR0917 - fixtures go by name
    arguments: str,
    world: World,
    words: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world(monkeypatch, tmp_path)
    code = run_command(["run", *arguments.split(), "--out", str(tmp_path / "store")])
    gc.collect()
    said = capsys.readouterr().err
    assert code == 254
    for one in words:
        assert one in said
    of_machines = " --nodes-file hosts.txt" if "--nodes-file" in arguments else ""
    assert f"`dsm-jepsen doctor{of_machines}" in said
    assert "` shows what can run" in said
    assert "Traceback" not in said
    assert not (tmp_path / "store").exists()


@pytest.mark.docker
def test_what_one_container_cannot_do_is_refused_before_five_are_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, node_image: Any
) -> None:
    from dsm_jepsen.cluster.docker import fleet
    from dsm_jepsen.cluster.hosts.links import HostLinks

    async def no_nft(_: HostLinks, outposts: Mapping[str, object]) -> Mapping[Capability, str]:
        tried.append(tuple(outposts))
        return {Capability.CUT: "n1 says 'no nft'"}

    tried: list[tuple[str, ...]] = []
    monkeypatch.setattr(HostLinks, "open", no_nft)
    monkeypatch.setattr(fleet, "find_image", lambda _client: node_image)
    arguments = ["partition-half", "--cluster", "docker", "--out", str(tmp_path / "store")]
    assert run_command(["run", *arguments]) == 254
    assert "the docker cluster cannot cut here: n1 says 'no nft'" in capsys.readouterr().err
    assert tried == [("n1",)]
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param("--store redis", "'redis' is not one of 'etcd', 'zookeeper'", id="store"),
        pytest.param("--cluster moon", "'moon' is not one of", id="cluster"),
        pytest.param(
            "--cluster docker --etcd-client etcd3",
            "--etcd-client etcd3 is for a simulated or local or ssh cluster, not the docker one",
            id="a client that the image has not",
        ),
        pytest.param("--cluster ssh", "--cluster ssh needs --nodes-file", id="machines that nobody named"),
    ],
)
def test_what_does_not_exist_is_a_bad_argument(
    arguments: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ["run", "stop-start", *arguments.split(), "--out", str(tmp_path / "store")]
    assert run_command(run) == 254
    assert words in capsys.readouterr().err.replace("\n", " ")
    assert not (tmp_path / "store").exists()
