"""Five containers on a bridge network of their own, made for one run.

Each has the rights that its work takes and no more: to set rules for packets, to become an ordinary user, to
signal that user's processes and to handle its files. Several fleets may stand side by side.

Nodes are reached at their containers' own addresses: there a dead one refuses connections, which proves that
nothing was sent. Where these addresses cannot be reached, as with Docker Desktop, they are reached at ports
published on the loopback, and there a dead node breaks connections, which proves nothing.

Limits: the engine must be this machine's, or one that publishes on this machine's loopback.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from typing import TYPE_CHECKING, Any

from dsm_jepsen.cluster._base import NODES
from dsm_jepsen.cluster.disk import SIZE_MB
from dsm_jepsen.cluster.docker.engine import connect, speaking
from dsm_jepsen.cluster.docker.host import DockerHost
from dsm_jepsen.cluster.docker.image import Image, build_image, find_image
from dsm_jepsen.cluster.docker.leftovers import RUN, clean_leftovers, labels, remove
from dsm_jepsen.cluster.hosts.outpost import SMALL_DISK
from dsm_jepsen.env import RefusedError

if TYPE_CHECKING:
    import docker

PORTS = (2379, 2181, 8080)
"""What is published: etcd's and ZooKeeper's ports for clients, and the node program's."""

_CAPABILITIES = (
    "NET_ADMIN",  # rules for packets, and an end to connections
    *("SETUID", "SETGID"),  # members and programs are no root
    "KILL",  # signals to them
    *("CHOWN", "DAC_OVERRIDE", "FOWNER"),  # their files
)
_MEMORY_MB = 512
_WITH_DISK = {
    "tmpfs": {SMALL_DISK: f"size={SIZE_MB}m"},
    "mem_limit": f"{_MEMORY_MB + SIZE_MB}m",  # what lies on the disk counts
}
_PIDS_MAX = 512
_ANY_FREE = 0
_REFUSAL_TIMEOUT_S = 0.5
_COMMANDS_MAX = 32
"""At once, on all hosts together."""

_log = logging.getLogger(__name__)


def ready_image(say: Callable[[str], None]) -> Image:
    """The image of this version of the package, built if it is missing. Blocks, for a minute the first time.

    Args:
        say: is told what is done, as lines.

    Raises:
        RefusedError: there is no engine that can be used, or it cannot build.
        ClusterError: it could not be built.
    """
    with closing(connect()) as client:
        if found := find_image(client):
            return found
        say("building the image of the hosts, once for this version of dsm-jepsen")
        return build_image(client, say)


class DockerFleet:
    """Containers as hosts.

    Args:
        image: what they start from; ``None``: that of this version of the package, built if it is missing.
        nodes: their names.
        disks: whether each has a small file system for a member's data, which can be filled. It lies in
            memory: no container may mount a disk, and so none can have its power cut.
        log: takes a line about each killed run whose remains were removed.
        say: is told the steps of a build, as lines.
    """

    name = "docker"

    def __init__(
        self,
        *,
        image: Image | None = None,
        nodes: Sequence[str] = NODES,
        disks: bool = False,
        log: Callable[[str], None] = _log.warning,
        say: Callable[[str], None] = _log.info,
    ) -> None:
        self._image = image
        self._nodes = tuple(nodes)
        self._disks = disks
        self._log = log
        self._say = say
        self._run: str | None = None
        self._engine = ""
        self._client: docker.DockerClient | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._making: Future[Mapping[str, DockerHost]] | None = None

    async def open(self, run: str) -> Mapping[str, DockerHost]:
        """Make the containers; what killed runs left is removed first.

        Raises:
            RefusedError: there is no engine that can be used, or it cannot build the image.
            ClusterError: the engine could not; what was made is removed by ``close``.
        """
        self._run = run
        if self._image is None:
            self._image = await asyncio.to_thread(ready_image, self._say)
        self._client = connect()
        self._threads = ThreadPoolExecutor(_COMMANDS_MAX, thread_name_prefix="docker")
        self._making = self._threads.submit(self._make, run, self._image, self._client, self._threads)
        with speaking("make the containers"):
            return await asyncio.wrap_future(self._making)

    async def close(self) -> None:
        """Remove the containers and their network; harmless when there are none.

        Raises:
            ClusterError: the engine could not; the next run, or ``dsm-jepsen clean``, tries again.
        """
        if self._client is None or self._threads is None:
            return
        client, self._client = self._client, None
        if self._making is not None:
            # Who interrupts us while containers are made has none made after they were removed.
            wait([self._making])
            if not self._making.cancelled() and self._making.exception() is None:
                for host in self._making.result().values():
                    host.close()
        try:
            with speaking("remove the containers, which `dsm-jepsen clean` tries again"):
                remove(client, f"{RUN}={self._run}")
        finally:
            self._threads.shutdown(wait=False, cancel_futures=True)
            client.close()

    def versions(self) -> Mapping[str, str]:
        """The engine and the image, once they were found."""
        return {
            **({"docker": self._engine} if self._engine else {}),
            **({"image": f"{self._image.tag} ({self._image.id})"} if self._image else {}),
        }

    def _make(
        self, run: str, image: Image, client: "docker.DockerClient", threads: ThreadPoolExecutor
    ) -> Mapping[str, DockerHost]:
        clean_leftovers(client, self._log)
        self._engine = str(client.version()["Version"])
        containers = make_containers(
            client,
            name=f"dsm-jepsen-{run}",
            nodes=self._nodes,
            image=image,
            labels=labels(run),
            **(_WITH_DISK if self._disks else {}),
        )
        return {
            node: DockerHost(
                name=node,
                container=found["Id"],
                address=address_of(found),
                reached=_reached(found),
                client=client,
                threads=threads,
            )
            for node, found in containers.items()
        }


def make_containers(
    client: "docker.DockerClient",
    *,
    name: str,
    nodes: Sequence[str],
    image: Image,
    labels: Mapping[str, str],
    **options: Any,
) -> Mapping[str, Mapping[str, Any]]:
    """Make a network, and on it a running container for each node. Blocks.

    Args:
        client: the engine's.
        name: the network's; the containers' begin with it.
        nodes: the containers' host names, by which they reach each other.
        image: what they start from.
        labels: of all that is made.
        options: further ones of the library's ``containers.create``.

    Returns:
        What the engine says of each container.

    Raises:
        RefusedError: the engine has no room for another network.
        docker.errors.DockerException: it could not; what was made is left, and bears the labels.
    """
    from docker.errors import APIError

    try:
        # The engine chooses addresses that are not in use.
        client.networks.create(name, driver="bridge", labels=dict(labels))
    except APIError as error:
        if "address pool" not in str(error):
            raise
        raise RefusedError(
            f"the Docker Engine has no addresses left for another network ({error}): `dsm-jepsen clean` "
            "removes those of killed runs, `docker network prune` all that are not in use"
        ) from error

    def make(node: str) -> Mapping[str, Any]:
        container = client.containers.create(
            image.id,
            name=f"{name}-{node}",
            hostname=node,
            network=name,
            networking_config={name: client.api.create_endpoint_config(aliases=[node])},
            labels=dict(labels),
            cap_drop=["ALL"],
            cap_add=list(_CAPABILITIES),
            security_opt=["no-new-privileges"],
            pids_limit=_PIDS_MAX,
            ports={f"{port}/tcp": ("127.0.0.1", _ANY_FREE) for port in PORTS},
            **{"mem_limit": f"{_MEMORY_MB}m", **options},
        )
        container.start()
        container.reload()
        return dict(container.attrs)

    with ThreadPoolExecutor(len(nodes)) as threads:
        return dict(zip(nodes, threads.map(make, nodes), strict=True))


def _reached(container: Mapping[str, Any]) -> Mapping[int, str]:
    """Where a container's ports are reached best from here, as ``host:port``; nothing listens there yet."""
    address = address_of(container)
    try:
        socket.create_connection((address, PORTS[0]), timeout=_REFUSAL_TIMEOUT_S).close()
    except ConnectionRefusedError:
        return {port: f"{address}:{port}" for port in PORTS}
    except OSError:
        pass
    return published_by(container)


def address_of(container: Mapping[str, Any]) -> str:
    """A container's address on its one network."""
    (network,) = container["NetworkSettings"]["Networks"].values()
    return str(network["IPAddress"])


def published_by(container: Mapping[str, Any]) -> Mapping[int, str]:
    """Where a container's ports are reached from here, as ``host:port``; none if it does not run."""
    ports = container["NetworkSettings"]["Ports"] or {}
    return {
        int(port.partition("/")[0]): f"{bound[0]['HostIp']}:{bound[0]['HostPort']}"
        for port, bound in ports.items()
        if bound
    }
