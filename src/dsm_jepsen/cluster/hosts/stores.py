"""The stores on hosts: where their programs are, and how a member is made of them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from dsm_jepsen.cluster.hosts.host import Host
from dsm_jepsen.cluster.hosts.outpost import Outpost
from dsm_jepsen.cluster.hosts.rules import Ports
from dsm_jepsen.cluster.members import Member
from dsm_jepsen.cluster.members.etcd import EtcdMember, etcd_arguments
from dsm_jepsen.cluster.members.zookeeper import ZooKeeperMember, zookeeper_arguments, zookeeper_settings
from dsm_jepsen.env import RefusedError

_ANY = range(256)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A store's program on a host.

    Attributes:
        path: of etcd, or of Java.
        version: of the store.
        classpath: of ZooKeeper.
    """

    path: str
    version: str
    classpath: str = ""


class HostStore(Protocol):
    """A kind of store that hosts can run."""

    @property
    def name(self) -> str:
        """As users name it."""
        ...

    @property
    def ports(self) -> Ports:
        """Where its members listen, and the programs beside them."""
        ...

    async def find(self, outpost: Outpost) -> Found:
        """Find its programs on a host.

        Raises:
            RefusedError: there are none that can be used.
        """
        ...

    async def member(
        self, node: str, outpost: Outpost, found: Found, *, hosts: Mapping[str, Host], run: str
    ) -> Member:
        """A member, not yet started; its settings are written to the host.

        Args:
            node: where.
            outpost: of this host.
            found: what ``find`` found there.
            hosts: all of them.
            run: the run's name.
        """
        ...


class HostEtcd:
    """etcd, of 3.4 or newer, on the hosts' PATH."""

    name = "etcd"
    ports = Ports(clients=2379, peers=(2380,))

    async def find(self, outpost: Outpost) -> Found:
        """Find etcd on the PATH."""
        said = await outpost.sh("looking for etcd", "command -v etcd && etcd --version", allowed=_ANY)
        path, _, rest = said.out.partition("\n")
        version = re.search(r"etcd Version: ((\d+)\.(\d+)\S*)", rest)
        if said.code != 0 or version is None or (int(version[2]), int(version[3])) < (3, 4):
            raise RefusedError(
                f"{outpost.host.name}: no etcd of 3.4 or newer on the PATH ({_words(said.out + said.err)}): "
                "install Debian's package etcd-server there"
            )
        return Found(path=path, version=version[1])

    async def member(
        self, node: str, outpost: Outpost, found: Found, *, hosts: Mapping[str, Host], run: str
    ) -> Member:
        """A member with its data in the outpost's folder ``data``."""
        arguments = etcd_arguments(
            name=node,
            data=f"{outpost.folder}/data",
            clients=f"{hosts[node].address}:{self.ports.clients}",
            peers={name: f"{host.address}:{self.ports.peers[0]}" for name, host in hosts.items()},
            token=run,
        )
        clients = hosts[node].reach(self.ports.clients)
        # Members start all at once: nobody asks one at its peers' address whether it has joined.
        return EtcdMember(argv=(found.path, *arguments), clients=clients, peers=clients)


class HostZooKeeper:
    """ZooKeeper: Debian's jars, or an unpacked release in one of the usual places."""

    name = "zookeeper"
    ports = Ports(clients=2181, peers=(2888, 3888))

    async def find(self, outpost: Outpost) -> Found:
        """Find Java on the PATH, and ZooKeeper's jars."""
        said = await outpost.sh(
            "looking for ZooKeeper",
            "command -v java || exit 3\n"
            "for jar in /opt/zookeeper/lib/zookeeper-[0-9]*.jar /usr/share/java/zookeeper-[0-9]*.jar; do\n"
            '  [ -e "$jar" ] && echo "$jar" && exit\ndone\nexit 4',
            allowed=_ANY,
        )
        java, _, jar = said.out.strip().partition("\n")
        version = re.search(r"zookeeper-(\d+\.\d+\.\d+[^/]*)\.jar$", jar)
        if said.code != 0 or version is None:
            raise RefusedError(
                f"{outpost.host.name}: {'no java on the PATH' if said.code == 3 else 'no ZooKeeper'} "
                f"({_words(said.out + said.err)}): install Debian's packages default-jre-headless and "
                "libzookeeper-java there, or unpack a release of Apache to /opt/zookeeper"
            )
        # Debian's jar names those it needs itself, but no logger.
        classpath = (
            "/opt/zookeeper/conf:/opt/zookeeper/lib/*"
            if jar.startswith("/opt/")
            else "/usr/share/java/zookeeper.jar:/usr/share/java/slf4j-simple.jar"
        )
        return Found(path=java, version=version[1], classpath=classpath)

    async def member(
        self, node: str, outpost: Outpost, found: Found, *, hosts: Mapping[str, Host], run: str
    ) -> Member:
        """A server with its settings, number and data in the outpost's folder ``data``."""
        ensemble = {}
        if len(hosts) > 1:
            peers, elections = self.ports.peers
            ensemble = {
                number: (f"{host.address}:{peers}", str(elections))
                for number, host in enumerate(hosts.values(), start=1)
            }
        data = f"{outpost.folder}/data"
        settings = zookeeper_settings(
            data=data, clients=f"{hosts[node].address}:{self.ports.clients}", ensemble=ensemble
        )
        await outpost.put("data/myid", f"{list(hosts).index(node) + 1}\n")
        await outpost.put("zoo.cfg", settings)
        arguments = zookeeper_arguments(classpath=found.classpath, settings=f"{outpost.folder}/zoo.cfg")
        return ZooKeeperMember(argv=(found.path, *arguments), clients=hosts[node].reach(self.ports.clients))


STORES: Mapping[str, type[HostStore]] = {"etcd": HostEtcd, "zookeeper": HostZooKeeper}


def _words(text: str) -> str:
    return " ".join(text.split())[:200] or "it said nothing"
