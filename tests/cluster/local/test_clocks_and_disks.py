"""Skewed clocks of real processes and spoiled logs of real members: what is told, and who starts."""

import asyncio
import re
import sys
import textwrap
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from dsm_jepsen.cluster.local import LocalCluster, clocks
from dsm_jepsen.dsm.stores import open_store
from dsm_jepsen.env import (
    Capability,
    Damage,
    OutcomeError,
    ProcessState,
    Program,
    RefusedError,
    Request,
    Role,
    Store,
)

HOUR_S = 3_600
PATIENCE_S = 30
DEAD = ProcessState.DEAD

CLOCK = textwrap.dedent(
    """
    import http.server, json, sys, time
    began = time.monotonic()
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            time.sleep(0.01)
            body = json.dumps([time.time(), time.monotonic() - began]).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
    host, port = sys.argv[sys.argv.index("--listen") + 1].split(":")
    http.server.ThreadingHTTPServer((host, int(port)), Answer).serve_forever()
    """
)


async def no_store(url: str) -> Store:
    raise LookupError(url)


async def eventually(condition: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(PATIENCE_S):
        while not (value := await condition()):
            await asyncio.sleep(0.05)
        return value


Happen = Callable[..., None]


@pytest.fixture
def happen(tmp_path: Path) -> Happen:
    """Lets a story happen on a cluster on the loopback, whose node program tells the time."""
    script = tmp_path / "clock.py"
    script.write_text(CLOCK, encoding="utf-8")

    def run(story: Callable[[LocalCluster], Awaitable[None]], store: str = "etcd") -> None:
        async def started() -> None:
            cluster = LocalCluster(
                run_folder=tmp_path / "run",
                open_store=no_store,
                store=store,
                network="loopback",
                command=(sys.executable, str(script)),
                log=lambda line: None,
            )
            try:
                await cluster.start(Program(main=None, command=()))  # type: ignore[arg-type]
                await story(cluster)
            finally:
                await cluster.stop()

        asyncio.run(started())

    return run


async def off_s(cluster: LocalCluster, node: str) -> int:
    """How many seconds a node's program believes to be ahead."""
    answer = await cluster.site(node).network.call(node, Request(method="GET", path="/"), timeout_ms=5_000)
    told_s, since_start_s = map(float, answer.body)
    assert 0 <= since_start_s < HOUR_S, "only the wall clock is shifted"
    return round(told_s - time.time())


@pytest.mark.etcd
@pytest.mark.usefixtures("etcd_binary")
def test_one_program_is_told_a_shifted_time_also_after_a_restart_and_etcd_cannot_be(happen: Happen) -> None:
    async def story(cluster: LocalCluster) -> None:
        control = cluster.control
        assert await off_s(cluster, "n2") == 0
        await control.skew("n2", Role.NODE, offset_ms=-HOUR_S * 1000)
        assert [await off_s(cluster, node) for node in ("n1", "n2")] == [0, -HOUR_S]
        assert await control.skewed("n2", Role.NODE) > 0
        assert await control.skewed("n1", Role.NODE) == 0
        await control.kill("n2", Role.NODE)
        await control.restart("n2", Role.NODE)

        async def back() -> bool:
            try:
                return await off_s(cluster, "n2") == -HOUR_S
            except OutcomeError:
                return False

        assert await eventually(back)
        await control.skew("n2", Role.NODE, offset_ms=0)
        assert await off_s(cluster, "n2") == 0
        assert await control.skewed("n2", Role.NODE) == 0
        with pytest.raises(RefusedError, match="etcd is written in Go, which asks the kernel for the time"):
            await control.skew("n2", Role.STORE, offset_ms=1)

    happen(story)


@pytest.mark.zookeeper
@pytest.mark.slow
@pytest.mark.usefixtures("zookeeper")
def test_a_zookeeper_server_is_told_a_shifted_time_and_goes_on(happen: Happen) -> None:
    async def story(cluster: LocalCluster) -> None:
        leader: str = await eventually(cluster.control.leader)
        await cluster.control.skew(leader, Role.STORE, offset_ms=HOUR_S * 1000)
        async with await open_store(cluster._members[leader].url, timeout_ms=5_000) as store:
            # The leader dates each write.
            await store.put("/a/key", b"value")
        assert await cluster.control.skewed(leader, Role.STORE) > 0
        assert await cluster.control.leader() == leader

    happen(story, "zookeeper")


@pytest.mark.parametrize(
    ("tool", "words"),
    [
        (None, "there is no C compiler: install gcc"),
        ("#!/bin/sh\necho 'no space left' >&2; exit 1\n", "cannot compile .*skew.c: no space left"),
        ('#!/bin/sh\n: >"$5"\n', "does not shift the clock of"),
    ],
)
@pytest.mark.usefixtures("etcd_binary")
def test_where_nothing_can_be_preloaded_clocks_cannot_be_skewed_and_the_reason_is_told(
    tool: str | None, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = LocalCluster(run_folder=tmp_path, open_store=no_store, network="loopback")
    tools = tmp_path / "tools"
    tools.mkdir()
    if tool is not None:
        (tools / "cc").write_text(tool)
        (tools / "cc").chmod(0o755)
    monkeypatch.setenv("PATH", str(tools))
    clocks.library.cache_clear()
    assert Capability.CLOCK not in cluster.control.capabilities()
    assert re.search(words, cluster.control.reasons()[Capability.CLOCK])


@pytest.mark.parametrize(
    ("store", "programs"),
    [
        pytest.param("etcd", "etcd_binary", marks=pytest.mark.etcd),
        pytest.param("zookeeper", "zookeeper", marks=[pytest.mark.zookeeper, pytest.mark.slow]),
    ],
)
def test_a_member_with_a_flipped_byte_refuses_to_start_until_it_has_its_disk_back(
    store: str, programs: str, happen: Happen, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue(programs)

    async def story(cluster: LocalCluster) -> None:
        control, member = cluster.control, cluster._members["n2"]
        with pytest.raises(RefusedError, match="n2's store runs: kill it before its disk is touched"):
            await control.damage("n2", Damage.FLIP)
        async with await open_store(member.url, timeout_ms=5_000) as connection:
            # So long that the middle of the log is in it, and not between two records.
            await connection.put("/a/key", b"v" * 65_536)
        await control.kill("n2", Role.STORE)
        assert (await control.damage("n2", Damage.FLIP)).startswith("flipped byte ")
        await control.restart("n2", Role.STORE)

        async def refused() -> bool:
            assert not await member.ready()
            return await control.state("n2", Role.STORE) is DEAD

        assert await eventually(refused)
        await control.repair("n2")
        with pytest.raises(RefusedError, match="given back already"):
            await control.repair("n2")
        await control.restart("n2", Role.STORE)
        assert await eventually(member.ready)

    happen(story, store)
