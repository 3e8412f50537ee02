"""etcd wherever it runs: how a member is started, when it is ready, whether it leads; which not to trust."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from dsm_jepsen.env import OutcomeError, Request
from dsm_jepsen.env.real import HttpNetwork

_HEARTBEAT_MS = 100
_ELECTION_TIMEOUT_MS = 1000
_ASK_TIMEOUT_MS = 1000

_LOSES_WRITES = re.compile(r"3\.5\.[012](?!\d)")


def why_unsound(version: str) -> str | None:
    """Say what is wrong with this version of etcd, and what to do; ``None`` if nothing is known.

    Releases 3.5.0 to 3.5.2 saved how far a member had applied the log apart from the data
    (https://github.com/etcd-io/etcd/issues/13766): one that is killed in between differs for ever.
    """
    if _LOSES_WRITES.match(version) is None:
        return None
    return (
        f"etcd {version} may lose applied writes when it is killed (known of 3.5.0 to 3.5.2, "
        "etcd-io/etcd#13766): put Debian's etcd-server, or etcd 3.5.3 or newer, first on the PATH"
    )


def etcd_arguments(*, name: str, data: str, clients: str, peers: Mapping[str, str], token: str) -> list[str]:
    """The arguments that make etcd a member of a new cluster, or the same member again.

    Args:
        name: the member's.
        data: its folder.
        clients: where it answers clients, ``host:port``.
        peers: where each member answers the others, ``host:port``, by the member's name.
        token: the cluster's own, so that a stray member of another one is turned away.
    """
    argv = ["--name", name, "--data-dir", data]
    for flag, address in [("peer", peers[name]), ("client", clients)]:
        argv += [f"--listen-{flag}-urls", f"http://{address}"]
    argv += ["--initial-advertise-peer-urls", f"http://{peers[name]}"]
    argv += ["--advertise-client-urls", f"http://{clients}"]
    argv += ["--initial-cluster", ",".join(f"{other}=http://{peer}" for other, peer in peers.items())]
    argv += ["--initial-cluster-state", "new", "--initial-cluster-token", token]
    argv += ["--heartbeat-interval", str(_HEARTBEAT_MS)]
    argv += ["--election-timeout", str(_ELECTION_TIMEOUT_MS)]
    # Without it a member that was cut off comes back with a higher term and unseats the leader.
    return [*argv, "--pre-vote=true", "--logger", "zap", "--log-outputs", "stderr"]


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
