"""Hosts' own part in skewed clocks: the library they take, and what a silent harness leaves of them."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from dsm_jepsen.env import Role

pytestmark = pytest.mark.namespaces

PATIENCE_S = 30
ASK = "import time\nwhile True: print(round(time.time()), flush=True); time.sleep(0.1)"

OnHosts = Callable[..., None]


async def eventually(condition: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(PATIENCE_S):
        while not (value := await condition()):
            await asyncio.sleep(0.05)
        return value


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
