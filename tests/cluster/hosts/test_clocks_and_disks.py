"""Skewed clocks of daemons and spoiled logs of members on hosts, and what a silent harness leaves of them."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import pytest

from dsm_jepsen.cluster.hosts import HostsCluster
from dsm_jepsen.dsm.stores import open_store
from dsm_jepsen.env import Damage, ProcessState, Program, RefusedError, Role

pytestmark = pytest.mark.namespaces

HOUR_S = 3_600
PATIENCE_S = 30
ASK = "import time\nwhile True: print(round(time.time()), flush=True); time.sleep(0.1)"

OnHosts = Callable[..., None]
Make = Callable[..., HostsCluster]


async def eventually(condition: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(PATIENCE_S):
        while not (value := await condition()):
            await asyncio.sleep(0.05)
        return value


async def ahead_s(cluster: HostsCluster, node: str) -> int:
    """How far the clock of a host's program is ahead, by the date of its answer."""
    url = f"http://{cluster.hosts[node].reach(8080)}/status"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        told = parsedate_to_datetime(answer.headers["Date"])
    return round((told.timestamp() - cluster.clock.wall_ns() / 1e9) / 10) * 10


@pytest.mark.etcd
@pytest.mark.usefixtures("etcd_binary", "network_namespaces")
def test_clocks_are_skewed_and_logs_spoiled_by_the_verbs_of_every_cluster(
    make: Make, program: Program
) -> None:
    cluster = make(("n1", "n2", "n3"), log=lambda line: None)
    control = cluster.control

    async def story() -> None:
        assert control.reasons() == {}
        await control.skew("n2", Role.NODE, offset_ms=-HOUR_S * 1000)
        assert [await ahead_s(cluster, node) for node in ("n1", "n2")] == [0, -HOUR_S]
        assert await control.skewed("n2", Role.NODE) > 0
        assert await control.skewed("n1", Role.NODE) == 0
        await control.skew("n2", Role.NODE, offset_ms=0)
        assert await ahead_s(cluster, "n2") == 0
        with pytest.raises(RefusedError, match="etcd is written in Go"):
            await control.skew("n2", Role.STORE, offset_ms=1)

        with pytest.raises(RefusedError, match="n2's store runs: kill it before"):
            await control.damage("n2", Damage.FLIP)
        async with await open_store(cluster._members["n2"].url, timeout_ms=5_000) as store:
            # So long that the middle of the log is in it, and not between two records.
            await store.put("/a/key", b"v" * 65_536)
        await control.kill("n2", Role.STORE)
        with pytest.raises(RefusedError, match="was never damaged"):
            await control.repair("n2")
        assert (await control.damage("n2", Damage.FLIP)).startswith("flipped byte ")
        await control.restart("n2", Role.STORE)

        async def refused() -> bool:
            return await control.state("n2", Role.STORE) is ProcessState.DEAD

        assert await eventually(refused)
        await control.repair("n2")
        await control.restart("n2", Role.STORE)
        assert await eventually(cluster._members["n2"].ready)

    async def happen() -> None:
        try:
            await cluster.start(program)
            await story()
        finally:
            await cluster.stop()

    asyncio.run(happen())


def test_a_silent_harness_leaves_no_clock_skewed(on_hosts: OnHosts) -> None:
    async def story(net: Any) -> None:
        one = net.outposts["n1"]
        assert await one.find_library(None) is None
        await one.daemon(
            Role.NODE, (sys.executable, "-c", ASK), user="no such user", title="a test", skewable=True
        )
        await one.verb("skew", "node", r"\000\000\000\000\000\000\001\000", step="a test")

        async def told_shifted() -> bool:
            offset_ns, told = map(int, (await one.verb("clock", "node", step="a test")).out.split())
            return offset_ns == 1 << 48 and told > 0

        assert await eventually(told_shifted)
        await one.watch()

        async def right_again() -> bool:
            return str((await one.verb("clock", "node", step="a test")).out).split()[0] == "0"

        assert await eventually(right_again)
        assert "undone" in await one.beat()

    on_hosts(story, silence_s=1)


def test_a_host_whose_compiler_fails_or_lacks_takes_the_library_that_was_built_elsewhere_or_says_why_not(
    on_hosts: OnHosts,
) -> None:
    async def story(net: Any) -> None:
        one, other, third = net.outposts.values()
        assert await one.find_library(None) is None
        made = await one.host.get(one._library)
        for outpost, command in ((other, "echo false"), (third, "false")):
            script = (await outpost.host.get(f"{outpost.folder}/on_host.sh")).decode()
            await outpost.put("on_host.sh", script.replace("command -v cc || command -v gcc", command))
        # Its compiler is there and fails, as without libc's headers.
        assert await other.find_library(made) is None
        words = "n3 says 'no library shifts the clock of python3 (there is no C compiler)'"
        assert await third.find_library(b"no library") == words

    on_hosts(story)
