"""A container as a host: what is run on it says, takes and leaves what it should."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

import pytest

from dsm_jepsen.cluster.docker.host import DockerHost
from dsm_jepsen.cluster.hosts import Answer, HostError

if TYPE_CHECKING:
    import docker

pytestmark = pytest.mark.docker

Hosts = Mapping[str, DockerHost]
OnContainers = Callable[[Callable[[Hosts], Awaitable[None]]], None]


def test_a_script_reads_its_input_and_speaks_on_both_streams(on_containers: OnContainers) -> None:
    async def story(hosts: Hosts) -> None:
        said = await hosts["n1"].run("a test", "cat; echo bad >&2; id -u", stdin=b"in\n")
        assert said == Answer(code=0, out="in\n0\n", err="bad\n")
        # Also without input, at once, and if it does not read what it is given.
        for stdin in (b"", b"unread"):
            assert (await hosts["n1"].run("a test", "hostname", stdin=stdin)).out == "n1\n"
        assert (await hosts["n1"].run("a test", "cat")).out == ""

    on_containers(story)


def test_other_exit_codes_than_allowed_are_failures_that_name_host_step_and_last_words(
    on_containers: OnContainers,
) -> None:
    async def story(hosts: Hosts) -> None:
        said = await hosts["n2"].run("a test", "echo no; exit 3", allowed=(0, 3))
        assert (said.code, said.out) == (3, "no\n")
        with pytest.raises(HostError, match=r"^n2: trying it failed: exit code 3: no luck"):
            await hosts["n2"].run("trying it", "echo no luck >&2; exit 3")

    on_containers(story)


def test_a_script_that_does_not_end_is_given_up_and_ended(on_containers: OnContainers) -> None:
    async def story(hosts: Hosts) -> None:
        with pytest.raises(HostError, match=r"n1: sleeping failed: no answer within 0.5 s"):
            await hosts["n1"].run("sleeping", "sleep 4321", timeout_s=0.5)
        async with asyncio.timeout(20):
            while "4321" in (await hosts["n1"].run("looking", "ps -eo args")).out:
                await asyncio.sleep(0.2)

    on_containers(story)


def test_a_container_that_is_gone_is_told(
    on_containers: OnContainers, docker_engine: "docker.DockerClient"
) -> None:
    async def story(hosts: Hosts) -> None:
        docker_engine.api.remove_container(hosts["n1"].container, force=True)
        # A shell that waited in it has ended with it.
        for _ in range(3):
            with pytest.raises(HostError, match=r"^n1: asking failed"):
                await hosts["n1"].run("asking", "true")

    on_containers(story)


def test_files_come_and_go_whole(on_containers: OnContainers) -> None:
    async def story(hosts: Hosts) -> None:
        data = bytes(range(256)) * 5000
        await hosts["n1"].put("/some where/deep/it's", data, mode=0o640)
        assert await hosts["n1"].get("/some where/deep/it's") == data
        said = await hosts["n1"].run("looking", "stat -c '%a %n' '/some where/deep/'*")
        assert said.out == "640 /some where/deep/it's\n"
        with pytest.raises(HostError, match=r"n1: reading /nowhere failed: .*No such file"):
            await hosts["n1"].get("/nowhere")

    on_containers(story)


def test_many_scripts_run_at_once(on_containers: OnContainers) -> None:
    async def story(hosts: Hosts) -> None:
        begun = time.monotonic()
        said = await asyncio.gather(
            *(host.run("a test", f"sleep 1; echo {turn}") for host in hosts.values() for turn in range(6))
        )
        assert [answer.out for answer in said] == [f"{turn}\n" for turn in range(6)] * 2
        # One after the other would take twelve seconds.
        assert time.monotonic() - begun < 10

    on_containers(story)


def test_a_shell_has_the_rights_that_faults_need_and_no_more(on_containers: OnContainers) -> None:
    async def story(hosts: Hosts) -> None:
        host = hosts["n1"]
        await host.run("cutting", "nft add table ip cut && nft delete table ip cut")
        said = await host.run("becoming another", "setpriv --reuid=node --clear-groups id -un")
        assert said.out == "node\n"
        for forbidden in (
            "date -s 12:00",
            "mount -t tmpfs none /mnt",
            "mknod /tmp/disk b 8 0",
            "chroot / true",
        ):
            with pytest.raises(HostError, match=r"not permitted|permission denied"):
                await host.run(f"trying {forbidden}", forbidden)

    on_containers(story)
