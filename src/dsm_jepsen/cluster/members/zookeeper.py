"""ZooKeeper wherever it runs: how a server is started, when it serves, and if it leads.

Costs some 70 MB of memory for each server, and about four seconds until an ensemble of five serves.
"""

import asyncio
from collections.abc import Mapping, Sequence

_ASK_TIMEOUT_S = 1.0
_ANSWER_MAX = 65536

_JAVA_OPTIONS = (
    "-Xmx64m",
    "-Xss512k",
    # Five small programs start together, on few cores: little compiling, one collector thread each.
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-Djava.awt.headless=true",
    # Reserve less than 64 MB of disk at a time (in KB).
    "-Dzookeeper.preAllocSize=1024",
    # While members are gone, look for a leader once a second, and not ever more rarely.
    "-Dzookeeper.fastleader.maxNotificationInterval=1000",
    # Debian's ZooKeeper comes with a logger that writes to standard error; without a time by default.
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
)

_SETTINGS = """\
tickTime=200
initLimit=50
syncLimit=5
cnxTimeout=1000
maxClientCnxns=0
maxSessionTimeout=60000
4lw.commands.whitelist=srvr,mntr,ruok
admin.enableServer=false
"""


def zookeeper_arguments(*, classpath: str, settings: str) -> list[str]:
    """Java's arguments that make it a server.

    Args:
        classpath: ZooKeeper's jars.
        settings: the file that holds what ``zookeeper_settings`` gave.
    """
    program = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
    return [*_JAVA_OPTIONS, "-cp", classpath, program, settings]


def zookeeper_settings(*, data: str, clients: str, ensemble: Mapping[int, tuple[str, str]]) -> str:
    """A server's ``zoo.cfg``.

    Args:
        data: its folder, with its number in the file ``myid``.
        clients: where it answers clients, ``host:port``.
        ensemble: by each server's number where the others reach it, ``host:port``, and the port for
            elections; empty for a single server.
    """
    host, _, port = clients.rpartition(":")
    lines = [f"dataDir={data}", f"clientPortAddress={host}", f"clientPort={port}"]
    if ensemble:
        lines.append("standaloneEnabled=false")
    lines += [f"server.{number}={peers}:{elections}" for number, (peers, elections) in ensemble.items()]
    return _SETTINGS + "".join(f"{line}\n" for line in lines)


class ZooKeeperMember:
    """One server of a ZooKeeper ensemble.

    Args:
        argv: what starts it.
        clients: where it answers clients, ``host:port``.
    """

    def __init__(self, *, argv: Sequence[str], clients: str) -> None:
        self.argv = tuple(argv)
        self.url = f"zookeeper://{clients}"
        self._clients = clients

    async def joined(self) -> bool:
        """Whether the next one may be started: at once, since they need each other to be up."""
        return True

    async def ready(self) -> bool:
        """Whether it serves clients: it knows its leader, which has a quorum."""
        return "mode" in await self._ask()

    async def term_led(self) -> int | None:
        """The epoch in which it believes to lead; ``None`` if it follows or does not answer."""
        said = await self._ask()
        leads = said.get("mode") in {"leader", "standalone"} and "zxid" in said
        return int(said["zxid"], 16) >> 32 if leads else None

    async def close(self) -> None:
        """There is nothing to let go of."""

    async def _ask(self) -> dict[str, str]:
        """What it says of itself, by word; nothing if it does not answer or does not serve."""
        host, _, port = self._clients.rpartition(":")
        try:
            async with asyncio.timeout(_ASK_TIMEOUT_S):
                reader, writer = await asyncio.open_connection(host, int(port))
                try:
                    writer.write(b"srvr")
                    text = (await reader.read(_ANSWER_MAX)).decode(errors="replace")
                finally:
                    writer.close()
        except OSError:  # a time-out is one, too
            return {}
        lines = (line.partition(": ") for line in text.splitlines())
        return {word.lower(): value for word, colon, value in lines if colon}
