"""Clusters to play with by hand: containers that run a store and node programs, and outlive the command.

Each has a name, by which several stand side by side, and no harness: it ends when it is told to.
"""

import asyncio
import re
import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from dsm_jepsen import __version__
from dsm_jepsen.cluster._base import NODES, ClusterError
from dsm_jepsen.cluster.docker import host
from dsm_jepsen.cluster.docker.engine import speaking
from dsm_jepsen.cluster.docker.fleet import make_containers, published_by
from dsm_jepsen.cluster.docker.image import Image
from dsm_jepsen.cluster.docker.leftovers import BY_HAND, VERSION, made_by_hand, remove
from dsm_jepsen.cluster.members.etcd import EtcdMember
from dsm_jepsen.cluster.members.zookeeper import ZooKeeperMember
from dsm_jepsen.env import OutcomeError, RefusedError, Request
from dsm_jepsen.env.real import HttpNetwork

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container

    from dsm_jepsen.cluster.members import Member

STORES = ("etcd", "zookeeper")

_STORE = "dsm-jepsen.store"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
_CLIENTS = {"etcd": 2379, "zookeeper": 2181}
_REST = 8080
_UP_TIMEOUT_S = 60.0
_POLL_S = 0.3
_ASK_TIMEOUT_MS = 1000
_EXEC_TIMEOUT_S = 86_400.0
_LAST_WORDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStatus:
    """How a node is.

    Attributes:
        name: such as ``n1``.
        container: what the engine says of it, such as ``running``, ``paused`` or ``exited``.
        store: where its member is reached, as ``host:port``; empty if its container does not run.
        rest: where its node program is.
        commits: whether the member answers and has a quorum.
        term_led: the term in which the member believes to lead; ``None`` if it does not.
        answers: whether the node program answers, and is not in error.
    """

    name: str
    container: str
    store: str
    rest: str
    commits: bool = False
    term_led: int | None = None
    answers: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How a cluster is: its store's name, and its nodes."""

    store: str
    nodes: tuple[NodeStatus, ...]

    @property
    def up(self) -> bool:
        """Whether all of it is."""
        return all(node.commits and node.answers for node in self.nodes)

    @property
    def leader(self) -> str | None:
        """The node whose member leads; if several believe so, that of the highest term."""
        led = [(node.term_led, node.name) for node in self.nodes if node.term_led is not None]
        return max(led)[1] if led else None


def up(client: "docker.DockerClient", name: str, *, store: str, image: Image) -> Status:
    """Make a cluster, and wait until all of it is up. Blocks.

    Args:
        client: the engine's.
        name: the cluster's.
        store: of ``STORES``.
        image: what containers start from.

    Raises:
        RefusedError: there is one of this name, or it is no name.
        ClusterError: it did not come up; its last words are in the message, and it was removed again.
    """
    if not _NAME.fullmatch(name):
        raise RefusedError(f"{name!r} is no name for a cluster: give small letters, digits and -, 31 at most")
    if name in made_by_hand(client):
        raise RefusedError(
            f"there is a cluster {name!r} already: `dsm-jepsen cluster down --name {name}` first, "
            "or give this one another --name"
        )
    try:
        with speaking("make the containers"):
            make_containers(
                client,
                name=f"dsm-jepsen-{name}",
                nodes=NODES,
                image=image,
                labels={BY_HAND: name, _STORE: store, VERSION: __version__},
                command=["run-host"],
                environment={"DSM_JEPSEN_STORE": store, "DSM_JEPSEN_NODES": " ".join(NODES)},
            )
        return _wait_up(client, name)
    except BaseException:
        with speaking(f"remove what was made of {name}"):
            remove(client, f"{BY_HAND}={name}")
        raise


def status(client: "docker.DockerClient", name: str) -> Status:
    """How a cluster is: each member and program is asked. Blocks, for a second or so.

    Raises:
        RefusedError: there is none of this name.
    """
    containers = _containers(client, name)
    store = next(iter(containers.values())).labels[_STORE]
    nodes = [(node, found.status, published_by(found.attrs)) for node, found in containers.items()]

    async def ask() -> tuple[NodeStatus, ...]:
        return tuple(await asyncio.gather(*(_ask(store, *node) for node in nodes)))

    return Status(store=store, nodes=asyncio.run(ask()))


def execute(
    client: "docker.DockerClient",
    name: str,
    node: str,
    argv: Sequence[str],
    *,
    hear: Callable[[int, bytes], None],
) -> int:
    """Run a command as root on a node, for a day at most. Blocks.

    Args:
        client: the engine's.
        name: the cluster's.
        node: where.
        argv: the command.
        hear: takes what it writes as it comes, and to which of ``host.STDOUT`` and ``host.STDERR``.

    Returns:
        Its exit code.

    Raises:
        RefusedError: there is no such cluster or node.
        ClusterError: the container does not run.
    """
    with speaking("run the command"):
        shell = host.Shell(client, str(_container(client, name, node).id))
        return shell.run(shlex.join(argv), timeout_s=_EXEC_TIMEOUT_S, hear=hear)


def logs(client: "docker.DockerClient", name: str, node: str) -> Iterator[bytes]:
    """What a node's member and program wrote so far, in pieces. Blocks.

    Raises:
        RefusedError: there is no such cluster or node.
    """
    container = str(_container(client, name, node).id)
    with speaking(f"tell the log of {node}"):
        yield from client.api.logs(container, stream=True, follow=False)


def down(client: "docker.DockerClient", name: str) -> None:
    """Remove a cluster. Blocks.

    Raises:
        RefusedError: there is none of this name.
    """
    if name not in made_by_hand(client):
        raise _no_such(client, name)
    with speaking(f"remove {name}"):
        remove(client, f"{BY_HAND}={name}")


def _containers(client: "docker.DockerClient", name: str) -> "Mapping[str, Container]":
    with speaking(f"find {name}"):
        found = client.containers.list(all=True, filters={"label": f"{BY_HAND}={name}"})
    if not found:
        raise _no_such(client, name)
    return {_hostname(container): container for container in sorted(found, key=_hostname)}


def _container(client: "docker.DockerClient", name: str, node: str) -> "Container":
    containers = _containers(client, name)
    if node not in containers:
        raise RefusedError(
            f"the cluster {name!r} has no node {node!r}; its nodes are {', '.join(containers)}"
        )
    return containers[node]


def _hostname(container: "Container") -> str:
    return str(container.attrs["Config"]["Hostname"])


def _no_such(client: "docker.DockerClient", name: str) -> RefusedError:
    return RefusedError(
        f"there is no cluster {name!r}; there are: {', '.join(made_by_hand(client)) or 'none'} "
        "(`dsm-jepsen cluster up` makes one, and --name chooses among several)"
    )


def _wait_up(client: "docker.DockerClient", name: str) -> Status:
    deadline = time.monotonic() + _UP_TIMEOUT_S
    while not (seen := status(client, name)).up:
        missing = [node for node in seen.nodes if not (node.commits and node.answers)]
        ended = [node for node in missing if node.container != "running"]
        if ended or time.monotonic() > deadline:
            node = [*ended, *missing][0].name
            words = b"".join(logs(client, name, node)).decode(errors="replace").splitlines()
            raise ClusterError(
                f"not up within {_UP_TIMEOUT_S:g} s, or ended: {', '.join(node.name for node in missing)}. "
                f"The last words of {node}:\n" + "\n".join(words[-_LAST_WORDS:])
            )
        time.sleep(_POLL_S)
    return seen


async def _ask(store: str, name: str, container: str, published: Mapping[int, str]) -> NodeStatus:
    if container != "running":
        return NodeStatus(name=name, container=container, store="", rest="")
    clients, rest = published[_CLIENTS[store]], published[_REST]
    member: Member = (
        EtcdMember(argv=(), clients=clients, peers=clients)
        if store == "etcd"
        else ZooKeeperMember(argv=(), clients=clients)
    )
    network = HttpNetwork({name: rest})
    try:
        commits, term_led, answers = await asyncio.gather(
            member.ready(), member.term_led(), _answers(network, name)
        )
    finally:
        await member.close()
        await network.close()
    return NodeStatus(
        name=name,
        container=container,
        store=clients,
        rest=rest,
        commits=commits,
        term_led=term_led,
        answers=answers,
    )


async def _answers(network: HttpNetwork, node: str) -> bool:
    try:
        answer = await network.call(node, Request(method="GET", path="/states"), timeout_ms=_ASK_TIMEOUT_MS)
    except OutcomeError:
        return False
    return answer.status == HTTPStatus.OK
