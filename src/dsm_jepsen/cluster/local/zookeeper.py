"""ZooKeeper on this machine: which Java and jars, and a server for each node."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dsm_jepsen.cluster.members.zookeeper import (
    ZooKeeperMember,
    zookeeper_arguments,
    zookeeper_settings,
)
from dsm_jepsen.env import RefusedError

_JARS = Path("/usr/share/java")
_HOME = "--zookeeper-home"
_VERSION_TIMEOUT_S = 60
_IGNORED = frozenset({"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH"})


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
        below = [jar.parent.parent for jar in home.glob("*/lib/zookeeper-*.jar")]
        raise RefusedError(
            f"{home} has no lib/zookeeper-*.jar: {_HOME} names the folder of an unpacked release of Apache, "
            + (
                f"such as {below[0]}"
                if below
                else "as from apache-zookeeper-VERSION-bin.tar.gz (not the sources)"
            )
        )
    return f"{home / 'conf'}:{home / 'lib'}/*"


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
        ensemble = {}
        if len(nodes) > 1:
            for number, node in enumerate(nodes, start=1):
                elections = reserve(node).rpartition(":")[2]
                ensemble[number] = reserve(node), elections
        members = {}
        for number, node in enumerate(nodes, start=1):
            folder = data / node
            folder.mkdir(parents=True)
            (folder / "myid").write_text(f"{number}\n", encoding="ascii")
            settings = folder / "zoo.cfg"
            settings.write_text(
                zookeeper_settings(data=str(folder), clients=clients[node], ensemble=ensemble),
                encoding="utf-8",
            )
            arguments = zookeeper_arguments(classpath=self._found.classpath, settings=str(settings))
            members[node] = ZooKeeperMember(argv=(self._found.java, *arguments), clients=clients[node])
        return members


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _IGNORED}
