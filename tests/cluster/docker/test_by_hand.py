"""Clusters to play with by hand, by the commands that people type."""

import json
import re
import urllib.request
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from dsm_jepsen.cli import run_command
from dsm_jepsen.cluster.docker.by_hand import NodeStatus, Status
from dsm_jepsen.cluster.docker.image import Image
from dsm_jepsen.cluster.docker.leftovers import BY_HAND, remove

if TYPE_CHECKING:
    import docker

NAME = "by-hand-test"


def node(name: str, *, term_led: int | None = None, commits: bool = True, answers: bool = True) -> NodeStatus:
    return NodeStatus(
        name=name,
        container="running",
        store="127.0.0.1:1",
        rest="127.0.0.1:2",
        commits=commits,
        term_led=term_led,
        answers=answers,
    )


def test_the_latest_of_those_who_believe_to_lead_is_the_leader() -> None:
    nodes = node("n1", term_led=4), node("n2", term_led=11), node("n3")
    assert Status(store="etcd", nodes=nodes).leader == "n2"
    assert Status(store="etcd", nodes=nodes[2:]).leader is None


@pytest.mark.parametrize(
    ("last", "up"),
    [(node("n2"), True), (node("n2", commits=False), False), (node("n2", answers=False), False)],
)
def test_a_cluster_is_up_when_every_member_commits_and_every_program_answers(
    last: NodeStatus, up: bool
) -> None:
    assert Status(store="etcd", nodes=(node("n1"), last)).up is up


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.parametrize("store", ["etcd", "zookeeper"])
class TestCluster:
    """With a real engine."""

    @pytest.fixture(autouse=True)
    def gone_afterwards(self, docker_engine: "docker.DockerClient", node_image: Image) -> Iterator[None]:
        yield
        remove(docker_engine, f"{BY_HAND}={NAME}")

    def test_it_is_there_from_up_to_down(self, store: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
        def command(*words: str, code: int = 0) -> str:
            capfdbinary.readouterr()
            assert run_command(["cluster", *words, "--name", NAME] if words[0] != "clean" else words) == code
            said = capfdbinary.readouterr()
            return (said.out + said.err).decode()

        assert f"there is no cluster '{NAME}'" in command("status", code=254)
        said = command("up", "--store", store)
        assert re.search(rf"{NAME}: {store}, n\d leads", said)
        assert f"there is a cluster '{NAME}' already" in command("up", code=254)
        assert f"left alone: {NAME}" in command("clean")

        places = re.findall(r"http://(127\.0\.0\.1:\d+) ", command("status"))
        assert len(set(places)) == 5
        event = urllib.request.Request(f"http://{places[0]}/event?id=I", method="POST")
        with urllib.request.urlopen(event, timeout=10) as answer:
            assert json.load(answer)["node"] == "n1"

        assert "has no node 'n9'" in command("logs", "n9", code=254)
        assert command("logs", "n3")
        # The command's own options are not ours: they come after the name.
        capfdbinary.readouterr()
        assert (
            run_command(["cluster", "exec", "--name", NAME, "n3", "--", "sh", "-c", "hostname; exit 7"]) == 7
        )
        assert capfdbinary.readouterr().out == b"n3\n"

        program = "etcd" if store == "etcd" else "java"
        run_command(["cluster", "exec", "--name", NAME, "n2", "--", "pkill", "-STOP", program])
        assert re.search(r"n2 +not ready", command("status", code=1))

        assert "removed" in command("down")
        assert f"there is no cluster '{NAME}'" in command("down", code=254)
