"""What a host does by itself: daemons, the dead man's watch, and what killed runs left."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dsm_jepsen.cluster.hosts import HostError
from dsm_jepsen.cluster.hosts.outpost import Outpost
from dsm_jepsen.env import Link, ProcessState, RefusedError, Role

pytestmark = pytest.mark.namespaces

STORE, NODE = Role.STORE, Role.NODE
DEAD, PAUSED, UP = ProcessState.DEAD, ProcessState.PAUSED, ProcessState.UP
SLEEP = ("sleep", "1000")
PATIENCE_S = 20.0
CUT = Link("n2", STORE, "n1", STORE)

OnHosts = Callable[..., None]


async def daemon(outpost: Any, role: Role = STORE, argv: tuple[str, ...] = SLEEP) -> None:
    await outpost.daemon(role, argv, user="no such user", title="a test", skewable=True)


async def eventually(condition: Callable[[], Any]) -> Any:
    async with asyncio.timeout(PATIENCE_S):
        while not (value := await condition()):
            await asyncio.sleep(0.05)
        return value


async def rules(outpost: Any) -> str:
    said = await outpost.sh("a test", "nft list ruleset")
    return str(said.out)


def test_a_daemon_is_killed_frozen_and_started_again_and_each_verb_may_be_repeated(on_hosts: OnHosts) -> None:
    async def story(net: Any) -> None:
        one = net.outposts["n1"]
        assert await one.state(STORE) is DEAD
        await daemon(one)
        for words, state in [
            (("start", STORE), UP),
            (("strike", "STOP", STORE, "paused", "dead"), PAUSED),
            (("start", STORE), PAUSED),
            (("strike", "CONT", STORE, "up", "dead"), UP),
            (("strike", "KILL", STORE, "dead"), DEAD),
            (("strike", "STOP", STORE, "paused", "dead"), DEAD),
            (("strike", "CONT", STORE, "up", "dead"), DEAD),
            (("start", STORE), UP),
            (("strike", "STOP", STORE, "paused", "dead"), PAUSED),
            (("strike", "KILL", STORE, "dead"), DEAD),
        ]:
            for _ in range(2):
                await one.verb(*words, step="a test")
                assert await one.state(STORE) is state

    on_hosts(story)


def test_a_frozen_daemon_has_all_its_processes_frozen(on_hosts: OnHosts) -> None:
    async def story(net: Any) -> None:
        one = net.outposts["n1"]
        await daemon(one, argv=("sh", "-c", "sleep 1000 & echo $!; wait"))

        async def child() -> str:
            return (Path(one.folder) / "store.log").read_text().strip()

        pid = await eventually(child)
        await one.verb("strike", "STOP", STORE, "paused", step="a test")

        async def frozen() -> bool:
            return ") T " in Path(f"/proc/{pid}/stat").read_text()

        assert await eventually(frozen)

    on_hosts(story)


def test_a_daemon_is_not_dead_before_its_last_thread_is(on_hosts: OnHosts) -> None:
    headless = (
        "import ctypes, threading, time\n"
        "threading.Thread(target=time.sleep, args=(1000,)).start()\n"
        "ctypes.CDLL(None).pthread_exit(None)"
    )

    async def story(net: Any) -> None:
        one = net.outposts["n1"]
        await daemon(one, argv=(sys.executable, "-c", headless))
        pid = (Path(one.folder) / "store.pid").read_text().split()[0]

        async def without_its_first() -> bool:
            return ") Z " in Path(f"/proc/{pid}/stat").read_text()

        assert await eventually(without_its_first)
        assert await one.state(STORE) is UP
        await one.verb("strike", "KILL", STORE, "dead", step="a test")
        assert await one.state(STORE) is DEAD

    on_hosts(story)


def test_a_number_that_was_given_to_somebody_else_is_left_alone(on_hosts: OnHosts) -> None:
    async def story(net: Any) -> None:
        one = net.outposts["n1"]
        with subprocess.Popen(SLEEP) as stranger:
            await one.put("store.pid", f"{stranger.pid} 1\n")
            assert await one.state(STORE) is DEAD
            await one.verb("strike", "KILL", STORE, "dead", step="a test")
            assert stranger.poll() is None
            stranger.kill()

    on_hosts(story)


def test_the_watch_undoes_faults_when_it_hears_nothing_and_says_so(on_hosts: OnHosts) -> None:
    async def story(net: Any) -> None:
        one = net.outposts["n1"]
        await daemon(one)
        await one.verb("strike", "STOP", STORE, "paused", step="a test")
        await net.links.cut([CUT])
        assert "saddr" in await rules(one)
        await one.watch()

        async def healed() -> bool:
            return "saddr" not in await rules(one) and await one.state(STORE) is UP

        assert await eventually(healed)
        assert "undone" in await one.beat()

    on_hosts(story, silence_s=2)


def test_the_watch_undoes_nothing_while_it_hears_from_the_harness(on_hosts: OnHosts) -> None:
    async def story(net: Any) -> None:
        one = net.outposts["n1"]
        await net.links.cut([CUT])
        await one.watch()
        for _ in range(20):
            assert "undone" not in await one.beat()
            await asyncio.sleep(0.2)
        assert "saddr" in await rules(one)

    on_hosts(story, silence_s=3)


def test_a_watch_without_faults_has_nothing_to_tell(on_hosts: OnHosts) -> None:
    async def story(net: Any) -> None:
        one = net.outposts["n1"]
        await daemon(one)
        await one.watch()
        await asyncio.sleep(3)
        assert dict(await one.beat()) == {"store": "up", "node": "dead"}

    on_hosts(story, silence_s=1)


def test_what_a_killed_run_left_is_removed_by_the_next(on_hosts: OnHosts, tmp_path: Path) -> None:
    async def story(net: Any) -> None:
        old = net.outposts["n1"]
        await daemon(old)
        await daemon(old, NODE)
        await net.links.cut([CUT])
        pid = (Path(old.folder) / "store.pid").read_text().split()[0]
        await asyncio.sleep(2.1)
        new = Outpost(old.host, str(tmp_path / "new" / "n1"), silence_s=1)
        run = Path(old.folder).parent.name
        assert f"{run}" in await new.make()
        assert not Path(old.folder).exists()
        assert await _gone(pid)
        assert "saddr" not in await rules(new)
        await new.remove()
        assert not (tmp_path / "new").exists()

    on_hosts(story, silence_s=60)


async def _gone(pid: str) -> bool:
    async def look() -> bool:
        stat = Path(f"/proc/{pid}/stat")
        return not stat.exists() or ") Z " in stat.read_text()

    return bool(await eventually(look))


def test_a_host_that_another_run_uses_is_refused_and_that_run_goes_on(
    on_hosts: OnHosts, tmp_path: Path
) -> None:
    async def story(net: Any) -> None:
        old = net.outposts["n1"]
        await daemon(old)
        await net.links.cut([CUT])
        new = Outpost(old.host, str(tmp_path / "new" / "n1"), silence_s=60)
        with pytest.raises(RefusedError, match=r"n1 is in use by the run \S+, last heard of \d+ s ago"):
            await new.make()
        await new.remove()
        assert await old.state(STORE) is UP
        assert "saddr" in await rules(old)
        assert not Path(new.folder).exists()

    on_hosts(story)


def test_a_daemon_writes_a_log_and_has_an_environment_of_its_own(
    on_hosts: OnHosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETCD_NAME", "mischief")

    async def story(net: Any) -> None:
        one = net.outposts["n1"]
        await daemon(one, argv=("sh", "-c", "env; echo 'it''s up'"))

        async def ended() -> bool:
            return await one.state(STORE) is DEAD

        await eventually(ended)
        said = await one.last_words(STORE)
        assert "its up" in said
        assert "mischief" not in said
        await one.collect(
            tmp_path / "here", logs={"store.log": "etcd.log", "node.log": "node.log"}, data=False
        )
        assert (tmp_path / "here" / "etcd.log").read_text().strip() == said
        assert (tmp_path / "here" / "node.log").read_text() == ""

    on_hosts(story)


def test_to_remove_or_finish_what_was_never_made_is_harmless(on_hosts: OnHosts, tmp_path: Path) -> None:
    async def story(net: Any) -> None:
        never = Outpost(net.fleet.hosts["n1"], str(tmp_path / "never"), silence_s=1)
        await never.finish()
        await never.remove()
        with pytest.raises(HostError, match="n1: a heartbeat failed: "):
            await never.beat()

    on_hosts(story)
