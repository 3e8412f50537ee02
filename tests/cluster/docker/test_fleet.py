"""Containers for a run: nothing is left of them, whatever ends the run."""

import asyncio
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dsm_jepsen.cluster import ClusterError
from dsm_jepsen.cluster.docker.fleet import DockerFleet
from dsm_jepsen.cluster.docker.image import Image
from dsm_jepsen.cluster.docker.leftovers import OWNER, RUN, clean_leftovers, labels, remove
from dsm_jepsen.cluster.hosts import HostsCluster, prepared
from dsm_jepsen.dsm.stores import open_store
from dsm_jepsen.env import Capability

if TYPE_CHECKING:
    import docker

pytestmark = pytest.mark.docker

POWER, SPACE = Capability.POWER, Capability.SPACE

PATIENCE_S = 60.0

HARNESS = """
import asyncio, sys, time
from pathlib import Path
from dsm_jepsen.cluster.docker.fleet import DockerFleet, ready_image
from dsm_jepsen.cluster.hosts import HostsCluster
from dsm_jepsen.env import Link, Role

async def no_store(url):
    raise LookupError(url)

async def main():
    fleet = DockerFleet(image=ready_image(print), nodes=["n1", "n2"])
    cluster = HostsCluster(
        fleet, run_folder=Path(sys.argv[1]), open_store=no_store, nodes=["n1", "n2"], silence_s=3
    )
    await cluster.start(None)
    await cluster.control.cut([Link("n1", Role.STORE, "n2", Role.STORE)])
    print("cut", cluster.hosts["n2"].container, flush=True)
    await asyncio.sleep(1000)

asyncio.run(main())
"""


@contextmanager
def a_harness(tmp_path: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that has cut a link between two containers, and the container at the link's end."""
    with subprocess.Popen(
        [sys.executable, "-c", HARNESS, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            container = next(line.split()[1] for line in process.stdout if line.startswith("cut "))
            yield process, container
        finally:
            process.kill()


def left(engine: "docker.DockerClient", label: str) -> int:
    filters = {"label": label}
    return len(engine.api.containers(all=True, filters=filters)) + len(engine.api.networks(filters=filters))


def rules(container: str) -> str:
    return subprocess.run(
        ["docker", "exec", container, "nft", "list", "ruleset"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout


@pytest.mark.etcd
@pytest.mark.parametrize(("disks", "lacks"), [(True, {POWER}), (False, {POWER, SPACE})])
def test_disks_can_be_filled_if_the_fleet_has_some_and_none_can_have_its_power_cut_for_want_of_rights(
    node_image: Image, tmp_path: Path, disks: bool, lacks: set[Capability]
) -> None:
    fleet = DockerFleet(image=node_image, nodes=["n1"], disks=disks)
    with prepared(
        HostsCluster(fleet, run_folder=tmp_path, open_store=open_store, nodes=["n1"], own_disks=True)
    ) as cluster:
        reasons = cluster.reasons()
        assert {POWER, SPACE} & reasons.keys() == lacks
        for capability in lacks:
            assert "n1 gives a member no disk of its own: no mount namespace" in reasons[capability]


def test_two_fleets_stand_side_by_side_and_are_gone_afterwards(
    docker_engine: "docker.DockerClient", node_image: Image, run_name: str
) -> None:
    runs = [run_name, f"{run_name}-2"]
    fleets = [DockerFleet(image=node_image, nodes=["n1", "n2"], log=pytest.fail) for _ in runs]

    async def story() -> None:
        try:
            made = await asyncio.gather(*(fleet.open(run) for fleet, run in zip(fleets, runs, strict=True)))
            addresses = [host.address for hosts in made for host in hosts.values()]
            reached = [host.reach(port) for hosts in made for host in hosts.values() for port in (2379, 8080)]
            assert len(set(addresses)) == 4
            assert len(set(reached)) == 8
            assert [left(docker_engine, f"{RUN}={run}") for run in runs] == [3, 3]
        finally:
            for fleet in fleets:
                await fleet.close()
                await fleet.close()

    asyncio.run(story())
    assert [left(docker_engine, f"{RUN}={run}") for run in runs] == [0, 0]


def test_who_is_interrupted_while_containers_are_made_leaves_none(
    docker_engine: "docker.DockerClient", node_image: Image, run_name: str
) -> None:
    fleet = DockerFleet(image=node_image, nodes=["n1", "n2"])

    async def story() -> None:
        opening = asyncio.create_task(fleet.open(run_name))
        async with asyncio.timeout(PATIENCE_S):
            while not left(docker_engine, f"{RUN}={run_name}"):
                await asyncio.sleep(0.01)
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
        await fleet.close()

    asyncio.run(story())
    assert left(docker_engine, f"{RUN}={run_name}") == 0


def test_an_engine_that_refuses_is_told_and_nothing_is_left(
    docker_engine: "docker.DockerClient", run_name: str
) -> None:
    fleet = DockerFleet(image=Image(tag="no-such:image", id="no-such:image", size=0), nodes=["n1"])

    async def story() -> None:
        try:
            with pytest.raises(ClusterError, match=r"could not make the containers: .*no-such"):
                await fleet.open(run_name)
        finally:
            await fleet.close()

    asyncio.run(story())
    assert left(docker_engine, f"{RUN}={run_name}") == 0


def test_only_what_a_killed_harness_of_this_machine_left_is_cleaned(
    docker_engine: "docker.DockerClient", run_name: str
) -> None:
    mine = labels(run_name)
    place, pid, _ = mine[OWNER].split(" ")
    owners = {
        "alive": mine[OWNER],
        "dead": f"{place} {pid} 01234567.1",
        "elsewhere": f"other/{place} {pid} 01234567.1",
    }
    try:
        for name, owner in owners.items():
            docker_engine.networks.create(
                f"dsm-jepsen-{run_name}-{name}", labels={**mine, RUN: f"{run_name}-{name}", OWNER: owner}
            )
        lines = [line for line in clean_leftovers(docker_engine, print) if f"process {pid} " in line]
        assert lines == [f"the run of process {pid} was killed: removed its 0 containers and their network"]
        remaining = {name: left(docker_engine, f"{RUN}={run_name}-{name}") for name in owners}
        assert remaining == {"alive": 1, "dead": 0, "elsewhere": 1}
    finally:
        for name in owners:
            remove(docker_engine, f"{RUN}={run_name}-{name}")


def test_nodes_are_reached_at_their_own_addresses_or_else_at_published_ports(
    node_image: Image, run_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reached() -> tuple[str, str]:
        fleet = DockerFleet(image=node_image, nodes=["n1"])

        async def story() -> tuple[str, str]:
            try:
                host = (await fleet.open(run_name))["n1"]
                return host.address, host.reach(8080)
            finally:
                await fleet.close()

        return asyncio.run(story())

    address, place = reached()
    assert place == f"{address}:8080"

    def no_route(*_: object, **__: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", no_route)
    assert reached()[1].startswith("127.0.0.1:")


@pytest.mark.slow
def test_a_harness_killed_during_a_cut_leaves_a_network_that_mends_itself_and_the_next_command_cleans_up(
    docker_engine: "docker.DockerClient", node_image: Image, tmp_path: object
) -> None:
    with a_harness(tmp_path) as (process, container):
        assert "saddr . tcp" in rules(container)
        run = docker_engine.containers.get(container).labels[RUN]
        process.send_signal(signal.SIGKILL)
        process.wait()
    try:
        deadline = time.monotonic() + PATIENCE_S
        while "saddr . tcp" in rules(container):
            assert time.monotonic() < deadline, "the cut stays"
            time.sleep(0.2)
        assert left(docker_engine, f"{RUN}={run}") == 3
        cleaned = subprocess.run(
            [sys.executable, "-m", "dsm_jepsen", "clean"], capture_output=True, text=True, check=True
        )
        assert f"process {process.pid} was killed: removed its 2 containers" in cleaned.stderr
        assert left(docker_engine, f"{RUN}={run}") == 0
    finally:
        remove(docker_engine, f"{RUN}={run}")
