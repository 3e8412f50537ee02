"""Whose containers and networks are whose, by their labels, and what becomes of those of killed runs.

Everything that a run makes bears the run's name and its harness: the machine with its process numbers, the
process and its birth. Whoever shares the engine from another machine, or from a container, is known by the
first; what is theirs is left alone. So is a cluster made by hand, which has no harness to live as long as.
"""

import os
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from dsm_jepsen import __version__
from dsm_jepsen.cluster.docker.engine import connect, speaking
from dsm_jepsen.cluster.local.processes import birth
from dsm_jepsen.env import RefusedError

if TYPE_CHECKING:
    import docker

RUN = "dsm-jepsen.run"
OWNER = "dsm-jepsen.owner"
VERSION = "dsm-jepsen.version"
BY_HAND = "dsm-jepsen.cluster"
"""The label of a cluster made by hand, with its name."""

_ENDPOINTS_TRIES = 20
_ENDPOINTS_POLL_S = 0.1


def labels(run: str) -> dict[str, str]:
    """What tells that something belongs to a run of this process."""
    pid = os.getpid()
    return {RUN: run, VERSION: __version__, OWNER: f"{_place()} {pid} {birth(pid)}"}


def remove(client: "docker.DockerClient", label: str) -> int:
    """Remove all containers, then all networks, that bear a label; harmless when others do the same. Blocks.

    Args:
        client: the engine's.
        label: ``NAME=VALUE``.

    Returns:
        How many containers there were.
    """
    containers = client.api.containers(all=True, filters={"label": label})
    if containers:
        with ThreadPoolExecutor(len(containers)) as threads:
            list(threads.map(lambda found: _remove_container(client, found["Id"]), containers))
    for network in client.api.networks(filters={"label": label}):
        _remove_network(client, network["Id"])
    return len(containers)


def clean_engine(log: Callable[[str], None]) -> list[str]:
    """Do ``clean_leftovers`` if there is an engine, and tell of clusters made by hand. Blocks.

    Args:
        log: takes a line for each run that was cleaned up, and for each cluster that was not.

    Returns:
        The lines of the former.
    """
    try:
        client = connect()
    except RefusedError:
        return []
    with closing(client):
        for name in made_by_hand(client):
            log(f"left alone: {name}, made by hand; `dsm-jepsen cluster down --name {name}` removes it")
        with speaking("be cleaned"):
            return clean_leftovers(client, log)


def made_by_hand(client: "docker.DockerClient") -> Sequence[str]:
    """The names of the clusters that outlive the command that made them. Blocks."""
    with speaking("list its clusters"):
        labels = [found["Labels"] for found in client.api.containers(all=True, filters={"label": BY_HAND})]
        labels += [found["Labels"] for found in client.api.networks(filters={"label": BY_HAND})]
    return sorted({label[BY_HAND] for label in labels})


def clean_leftovers(client: "docker.DockerClient", log: Callable[[str], None]) -> list[str]:
    """Remove what runs left on the engine whose harness, on this machine, is gone. Blocks.

    Args:
        client: the engine's.
        log: takes a line for each run that was cleaned up.

    Returns:
        The same lines.
    """
    owners = {}
    for found in client.api.containers(all=True, filters={"label": OWNER}):
        owners[found["Labels"][RUN]] = found["Labels"][OWNER]
    for network in client.api.networks(filters={"label": OWNER}):
        owners[network["Labels"][RUN]] = network["Labels"][OWNER]
    lines = []
    for run, owner in sorted(owners.items()):
        place, pid, born = owner.split(" ")
        if place == _place() and birth(int(pid)) != born:
            count = remove(client, f"{RUN}={run}")
            line = f"the run of process {pid} was killed: removed its {count} containers and their network"
            log(line)
            lines.append(line)
    return lines


def _place() -> str:
    """Where process numbers mean what they mean here."""
    return f"{socket.gethostname()}/{Path('/proc/self/ns/pid').stat().st_ino}"


def _remove_container(client: "docker.DockerClient", container: str) -> None:
    from docker.errors import APIError, NotFound

    try:
        client.api.remove_container(container, force=True, v=True)
    except NotFound:
        pass
    except APIError as error:
        # Somebody else does it at this moment.
        if error.status_code != HTTPStatus.CONFLICT:
            raise


def _remove_network(client: "docker.DockerClient", network: str) -> None:
    """Remove a network, when the last container has left it."""
    from docker.errors import APIError, NotFound

    for tries_left in reversed(range(_ENDPOINTS_TRIES)):
        try:
            client.api.remove_network(network)
        except NotFound:
            return
        except APIError:
            if not tries_left:
                raise
            time.sleep(_ENDPOINTS_POLL_S)
        else:
            return
