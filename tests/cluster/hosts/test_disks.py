"""Disks of members' own on hosts: what a power cut takes, and that nothing stays when the harness is gone."""

import asyncio
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dsm_jepsen.cluster.hosts.outpost import SMALL_DISK, Outpost
from dsm_jepsen.env import Capability, Role

pytestmark = pytest.mark.namespaces

PATIENCE_S = 20.0
WRITER = "cd {} && echo x >synced && sync synced && echo x >unsynced && echo written && exec sleep 1000"

OnHosts = Callable[..., None]


async def eventually(condition: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(PATIENCE_S):
        while not (value := await condition()):
            await asyncio.sleep(0.05)
        return value


async def write(outpost: Any) -> None:
    """Let a member write something and sync half of it, on a disk of its own."""
    assert await outpost.own_disk() == {}
    data = f"{outpost.folder}/data"
    Path(data).mkdir()
    argv = ("sh", "-c", WRITER.format(data))
    await outpost.daemon(Role.STORE, argv, user="no such user", title="a test", skewable=False)

    async def written() -> bool:
        return bool(await outpost.last_words(Role.STORE) == "written")

    await eventually(written)


def devices(outpost: Any) -> str:
    """The loop devices that a host's files have."""
    said = subprocess.run(["losetup", "-a"], capture_output=True, text=True, check=True).stdout
    return "\n".join(line for line in said.splitlines() if outpost.folder in line)


@pytest.mark.parametrize(
    ("words", "left"),
    [(("cut_power",), "x\n"), (("strike", "KILL", "store", "dead"), "x\nx\n")],
    ids=["a power cut", "a kill"],
)
def test_a_power_cut_takes_what_was_not_synced_and_a_kill_takes_nothing(
    own_disks: None, on_hosts: OnHosts, words: tuple[str, ...], left: str
) -> None:
    async def story(net: Any) -> None:
        one = net.outposts["n1"]
        await write(one)
        await one.verb(*words, step="a test")
        files = (f"{one.folder}/data/{name}" for name in ("synced", "unsynced"))
        said = await one.verb("on_disk", "cat", *files, step="reading", allowed=(0, 1))
        assert said.out == left

    on_hosts(story)


def test_only_the_member_sees_its_disk_and_its_data_are_fetched_from_there(
    own_disks: None, on_hosts: OnHosts, tmp_path: Path
) -> None:
    async def story(net: Any) -> None:
        one = net.outposts["n1"]
        await write(one)
        assert devices(one)
        assert list((Path(one.folder) / "data").iterdir()) == []
        await one.finish()
        await one.collect(tmp_path / "here", logs={"store.log": "etcd.log"}, data=True)
        argv = ["tar", "-tzf", str(tmp_path / "here" / "data.tar.gz")]
        assert "data/unsynced\n" in subprocess.run(argv, capture_output=True, text=True, check=True).stdout

    on_hosts(story)


@pytest.mark.parametrize("dead", [False, True])
def test_the_watch_frees_a_full_disk_when_it_hears_nothing_also_a_dead_members_and_says_so(
    own_disks: None, on_hosts: OnHosts, dead: bool
) -> None:
    async def story(net: Any) -> None:
        one = net.outposts["n1"]
        await write(one)
        kill = ("strike", "KILL", "store", "dead")
        if dead:
            await one.verb(*kill, step="a test")
        assert (await one.verb("fill", step="a test")).out == "0\n"
        await one.watch()

        async def undone() -> bool:
            return (Path(one.folder) / "undone").exists()

        await eventually(undone)
        assert "undone" in await one.beat()
        await one.verb(*kill, step="a test")
        df = ("df", "--output=avail", "-B1", f"{one.folder}/data")
        free = await one.verb("on_disk", *df, step="asking for the room")
        assert int(free.out.split()[-1]) > 200 << 20

    on_hosts(story, silence_s=2)


def test_the_next_run_removes_what_a_killed_one_left_also_a_full_disk(
    own_disks: None, on_hosts: OnHosts, tmp_path: Path
) -> None:
    async def story(net: Any) -> None:
        old = net.outposts["n1"]
        await write(old)
        await old.verb("fill", step="a test")
        assert devices(old)
        await asyncio.sleep(2.1)
        new = Outpost(old.host, str(tmp_path / "new" / "n1"), silence_s=1)
        assert Path(old.folder).parent.name in await new.make()
        await new.remove()
        assert not Path(old.folder).exists()

        async def gone() -> bool:
            return not devices(old)

        await eventually(gone)

    on_hosts(story)


@pytest.fixture
def small_disk(own_disks: None, tmp_path: Path) -> Iterator[Path]:
    """A small file system that was there before."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "small", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_host_that_may_mount_nothing_says_so_and_makes_do_with_a_small_disk_that_it_has(
    on_hosts: OnHosts, tmp_path: Path, small_disk: Path
) -> None:
    tool = tmp_path / "bin" / "mount"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho 'mount: permission denied' >&2; exit 1\n")
    tool.chmod(0o755)

    async def story(net: Any) -> None:
        one, two = net.outposts["n1"], net.outposts["n2"]
        for outpost in (one, two):
            outpost.host.path = f"{tool.parent}:{outpost.host.path}"
        why = await one.own_disk()
        assert why.keys() == {Capability.POWER, Capability.SPACE}
        for word in ("n1 gives a member no disk of its own", "mount: permission denied"):
            assert word in why[Capability.POWER]
        settings = Path(two.folder) / "settings"
        settings.write_text(settings.read_text().replace(SMALL_DISK, str(small_disk)))
        assert (await two.own_disk()).keys() == {Capability.POWER}
        (Path(two.folder) / "data" / "file").touch()
        assert (await two.verb("fill", step="a test")).out == "0\n"
        assert {path.name for path in small_disk.iterdir()} == {"ballast", "file"}
        assert int((await two.verb("free", step="a test")).out) > 900_000
        await two.remove()
        assert list(small_disk.iterdir()) == []

    on_hosts(story)
