"""What tests of several rooms share."""

import os
from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from dsm_jepsen.checkers.linearizability.ready import kernel
from dsm_jepsen.cluster.docker.engine import connect
from dsm_jepsen.cluster.docker.image import Image, build_image
from dsm_jepsen.cluster.local.disks import why_no_disks
from dsm_jepsen.cluster.local.etcd import find_etcd
from dsm_jepsen.cluster.local.networks import why_no_namespaces
from dsm_jepsen.cluster.local.zookeeper import Installation, find_zookeeper
from dsm_jepsen.env import RefusedError

if TYPE_CHECKING:
    import docker

# No test is timed: machines are noisy.
settings.register_profile("untimed", settings(), deadline=None)
settings.load_profile("untimed")

LIBRARIES = ("aetcd", "docker", "kazoo", "paramiko")
"""Extras: without one, tests of what needs it are skipped."""


def pytest_sessionstart() -> None:
    """See that CI lacks no library, nor the kernel: where there is none, its twin answers in its place."""
    missing = [name for name in LIBRARIES if find_spec(name) is None]
    if kernel is None:
        missing.append("the native kernel")
    if missing and os.environ.get("CI") == "true":
        raise pytest.UsageError(f"CI must have {', '.join(missing)}")


@pytest.fixture(scope="session")
def etcd_binary() -> Path:
    """The etcd that a local cluster would use. Without one the test is skipped; in CI it fails."""
    try:
        return Path(find_etcd().path)
    except RefusedError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must have an etcd: {error}")
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def zookeeper() -> Installation:
    """The ZooKeeper that a local cluster would use. Without one the test is skipped; in CI it fails."""
    try:
        return find_zookeeper()
    except RefusedError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must have a ZooKeeper: {error}")
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def network_namespaces() -> None:
    """See that there can be network namespaces. Where not, the test is skipped; in CI it fails."""
    if because := why_no_namespaces():
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must be able to make network namespaces: {because}")
        pytest.skip(because)


@pytest.fixture(scope="session")
def own_disks() -> None:
    """See that there can be disks of members' own. Where not, the test is skipped; in CI it fails."""
    if because := why_no_disks():
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must be able to mount small disks: {because}")
        pytest.skip(because)


@pytest.fixture(scope="session")
def docker_engine() -> Iterator["docker.DockerClient"]:
    """A Docker Engine. Where there is none that may be used the test is skipped; in CI it fails."""
    try:
        engine = connect()
    except RefusedError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must have a Docker Engine: {error}")
        pytest.skip(str(error))
    with closing(engine):
        yield engine


@pytest.fixture(scope="session")
def node_image(docker_engine: "docker.DockerClient") -> Image:
    """The image of a host; building it takes a minute the first time."""
    return build_image(docker_engine, print)
