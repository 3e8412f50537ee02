"""Containers for tests: fleets that are gone afterwards, and whatever else bears a label."""

import asyncio
import itertools
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import pytest

from dsm_jepsen.cluster.docker.fleet import DockerFleet
from dsm_jepsen.cluster.docker.host import DockerHost
from dsm_jepsen.cluster.docker.image import Image
from dsm_jepsen.cluster.docker.leftovers import RUN, remove

if TYPE_CHECKING:
    import docker

NUMBERS = itertools.count(1)


@pytest.fixture
def run_name(docker_engine: "docker.DockerClient") -> Iterator[str]:
    """The name of a run; nothing of it is left after the test."""
    run = f"test-{os.getpid()}-{next(NUMBERS)}"
    yield run
    remove(docker_engine, f"{RUN}={run}")


Story = Callable[[Mapping[str, DockerHost]], Awaitable[None]]


@pytest.fixture
def on_containers(node_image: Image, run_name: str) -> Callable[[Story], None]:
    """Lets a story happen on two containers."""

    async def happen(story: Story) -> None:
        fleet = DockerFleet(image=node_image, nodes=["n1", "n2"], log=print)
        try:
            hosts = await fleet.open(run_name)
            await story({name: host for name, host in hosts.items() if isinstance(host, DockerHost)})
        finally:
            await fleet.close()

    return lambda story: asyncio.run(happen(story))
