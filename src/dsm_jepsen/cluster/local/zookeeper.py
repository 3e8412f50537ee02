"""ZooKeeper on this machine: which Java and jars, how a server is started, when it serves, and if it leads.

Costs some 70 MB of memory for each server, and about four seconds until an ensemble of five serves.
"""

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dsm_jepsen.env import RefusedError

_JARS = Path("/usr/share/java")
_HOME = "--zookeeper-home"
_VERSION_TIMEOUT_S = 60
_ASK_TIMEOUT_S = 1.0
_ANSWER_MAX = 65536
_IGNORED = frozenset({"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH"})

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


@dataclass(frozen=True, slots=True)
class Installation:
    """A Java and a ZooKeeper, and the latter's version."""

    java: str
    classpath: str
    version: str


def find_zookeeper(*, home: Path | None = None, java: str | None = None) -> Installation:
    """Find Java and ZooKeeper's jars.

    Args:
        home: the folder of an unpacked release of Apache; ``None``: what Debian's packages installed.
        java: the program; ``None``: the one on the PATH, else that of ``JAVA_HOME``.

    Raises:
        RefusedError: there is none, or it does not run.
    """
    path = shutil.which(java or "java") or shutil.which(f"{os.environ.get('JAVA_HOME')}/bin/java")
    if path is None:
        raise RefusedError(f"no {java or 'java'} on the PATH: install Debian's package default-jre-headless")
    classpath = _debian() if home is None else _release(home)
    program = "org.apache.zookeeper.version.VersionInfoMain"
    try:
        asked = subprocess.run(
            [path, "-XX:TieredStopAtLevel=1", "-cp", classpath, program],
            capture_output=True,
            text=True,
            timeout=_VERSION_TIMEOUT_S,
            check=False,
            env=_environment(),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RefusedError(f"{path} does not run: {error}; put another java first on the PATH") from error
    said = re.search(r"version[ :]+(\d+\.\d+\.\d+[^\s,]*)", asked.stdout)
    if said is None:
        raise RefusedError(
            f"{path} with {classpath} said {(asked.stdout + asked.stderr)[:300]!r}, not ZooKeeper's version: "
            f"install Debian's package zookeeper, or unpack a release and name it with {_HOME}"
        )
    return Installation(path, classpath, said[1])


def _debian() -> str:
    jar = _JARS / "zookeeper.jar"
    if not jar.exists():
        raise RefusedError(
            f"no ZooKeeper at {jar}: install Debian's package zookeeper, "
            f"or unpack a release of Apache and name its folder with {_HOME}"
        )
    # The jar names those it needs itself, but no logger.
    return f"{jar}:{_JARS / 'slf4j-simple.jar'}"


def _release(home: Path) -> str:
    if not any(home.glob("lib/zookeeper-*.jar")):
        raise RefusedError(
            f"{home} has no lib/zookeeper-*.jar: {_HOME} names the folder of an unpacked release of Apache"
        )
    return f"{home / 'conf'}:{home / 'lib'}/*"


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


class ZooKeeper:
    """The store ``zookeeper`` of a local cluster; one node alone makes a single server.

    Args:
        home: the folder of an unpacked release of Apache; ``None``: what Debian's packages installed.
        java: the program that runs it; ``None``: the one on the PATH.

    Raises:
        RefusedError: this machine has no Java or ZooKeeper that can be used.
    """

    name = "zookeeper"

    def __init__(self, *, home: Path | None = None, java: str | None = None) -> None:
        self._found = find_zookeeper(home=home, java=java)

    def versions(self) -> Mapping[str, str]:
        """The version, and where it was found."""
        return {
            "zookeeper": self._found.version,
            "zookeeper-classpath": self._found.classpath,
            "java": self._found.java,
        }

    def environment(self) -> Mapping[str, str]:
        """The environment of a server: without the settings that Java would read from it."""
        return _environment()

    def members(
        self, nodes: Sequence[str], *, data: Path, reserve: Callable[[str], str]
    ) -> dict[str, ZooKeeperMember]:
        """One server for each node, not yet started; their settings are written to disk.

        Args:
            nodes: their names.
            data: a folder for what they write to disk.
            reserve: gives a free address of a node.
        """
        clients = {node: reserve(node) for node in nodes}
        ensemble = ""
        if len(nodes) > 1:
            ensemble = "standaloneEnabled=false\n"
            for number, node in enumerate(nodes, start=1):
                elections = reserve(node).rpartition(":")[2]
                ensemble += f"server.{number}={reserve(node)}:{elections}\n"
        members = {}
        for number, node in enumerate(nodes, start=1):
            folder = data / node
            folder.mkdir(parents=True)
            (folder / "myid").write_text(f"{number}\n", encoding="ascii")
            host, _, port = clients[node].rpartition(":")
            settings = folder / "zoo.cfg"
            settings.write_text(
                f"{_SETTINGS}dataDir={folder}\nclientPortAddress={host}\nclientPort={port}\n{ensemble}",
                encoding="utf-8",
            )
            argv = [self._found.java, *_JAVA_OPTIONS, "-cp", self._found.classpath]
            argv += ["org.apache.zookeeper.server.quorum.QuorumPeerMain", str(settings)]
            members[node] = ZooKeeperMember(argv=argv, clients=clients[node])
        return members


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _IGNORED}
