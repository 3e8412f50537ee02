"""A real cluster on the loopback: what comes up, what faults do, and that nothing stays behind."""

import asyncio
import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from dsm_jepsen.cluster._base import NODES, ClusterError
from dsm_jepsen.cluster.local import LocalCluster, clean_leftovers
from dsm_jepsen.env import Env, Program, RefusedError, Request, Role, Store
from dsm_jepsen.scenarios import find_scenario
from dsm_jepsen.scenarios._phases import refuse_impossible

NODE = textwrap.dedent(
    """
    import http.server, json, sys
    options = dict(zip(sys.argv[4::2], sys.argv[5::2]))
    print(json.dumps(sys.argv[1:]), flush=True)
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps(options).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
    host, port = options["--listen"].split(":")
    http.server.ThreadingHTTPServer((host, int(port)), Answer).serve_forever()
    """
)
TIMEOUT_MS = 5_000
WRITE_TIMEOUT_S = 1
PATIENCE_S = 30


async def never_in_this_process(_: Env) -> None:
    pytest.fail("a local cluster runs a program as a process of its own")


PROGRAM = Program(main=never_in_this_process, command=("node", "--machine", "web"))


async def no_store(url: str) -> Store:
    raise LookupError(url)


Make = Callable[..., LocalCluster]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes a cluster whose node program is a script; a test fails on a log line it does not expect."""

    def cluster(
        script: str = NODE, *, run: str = "run", log: Callable[[str], None] = pytest.fail
    ) -> LocalCluster:
        program = tmp_path / "program.py"
        program.write_text(script, encoding="utf-8")
        return LocalCluster(
            run_folder=tmp_path / run,
            open_store=no_store,
            network="loopback",
            command=(sys.executable, str(program)),
            node_options=("--etcd-client", "aetcd"),
            log=log,
        )

    return cluster


async def started(
    cluster: LocalCluster, story: Callable[[LocalCluster], Awaitable[None]], program: Program | None = None
) -> None:
    try:
        await cluster.start(program)
        await story(cluster)
    finally:
        await cluster.stop()


async def eventually(condition: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(PATIENCE_S):
        while not (value := await condition()):
            await asyncio.sleep(0.02)
        return value


async def commits(cluster: LocalCluster, node: str) -> bool:
    """Whether a write through a node's member takes effect now."""
    url = f"http://{cluster._members[node].url.removeprefix('etcd://')}/v3/kv/put"
    body = {name: base64.b64encode(b"x").decode() for name in ("key", "value")}
    try:
        async with (
            asyncio.timeout(WRITE_TIMEOUT_S),
            aiohttp.ClientSession() as session,
            session.post(url, json=body) as answer,
        ):
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


@pytest.mark.etcd
@pytest.mark.usefixtures("etcd_binary")
class TestStore:
    """Faults of the five members."""

    def test_all_members_commit_and_one_leads(self, make: Make) -> None:
        async def story(cluster: LocalCluster) -> None:
            assert cluster.nodes == NODES
            assert [await commits(cluster, node) for node in NODES] == [True] * 5
            assert await eventually(cluster.control.leader) in NODES

        asyncio.run(started(make(), story))

    def test_a_site_opens_the_store_of_its_own_member(self, make: Make) -> None:
        async def story(cluster: LocalCluster) -> None:
            for node in ("n1", "n5"):
                with pytest.raises(LookupError, match=cluster._members[node].url):
                    await cluster.site(node).open_store()

        asyncio.run(started(make(), story))

    def test_two_clusters_side_by_side_do_not_disturb_each_other(self, make: Make) -> None:
        async def all_commit(cluster: LocalCluster) -> None:
            assert [await commits(cluster, node) for node in NODES] == [True] * 5

        async def neighbour(cluster: LocalCluster) -> None:
            await started(make(run="second"), all_commit)
            await all_commit(cluster)

        asyncio.run(started(make(), neighbour))


@pytest.mark.etcd
@pytest.mark.usefixtures("etcd_binary")
class TestPrograms:
    """The five node programs."""

    def test_each_is_told_its_name_its_member_and_its_address(self, make: Make, tmp_path: Path) -> None:
        async def story(cluster: LocalCluster) -> None:
            for node in NODES:
                answer = await cluster.site("n1").network.call(
                    node, Request(method="GET", path="/"), timeout_ms=TIMEOUT_MS
                )
                options = answer.body
                assert (options["--name"], options["--store-url"]) == (node, cluster._members[node].url)
                assert options["--etcd-client"] == "aetcd"
                words = json.loads((tmp_path / "run" / node / "node.log").read_text().splitlines()[0])
                assert words[:3] == ["node", "--machine", "web"]

        asyncio.run(started(make(), story, PROGRAM))

    def test_one_that_ends_on_its_own_is_told_of(self, make: Make) -> None:
        lines: list[str] = []

        async def story(cluster: LocalCluster) -> None:
            process = cluster._processes["n3", Role.NODE]
            assert process._child is not None
            os.kill(process._child.pid, signal.SIGTERM)
            process._child.wait(PATIENCE_S)

        asyncio.run(started(make(log=lines.append), story, PROGRAM))
        assert len(lines) == 1
        assert lines[0].startswith("n3 node was ended by signal 15, and nobody had asked it to (log: ")

    def test_one_that_dies_at_its_start_shows_its_last_words(
        self, make: Make, tmp_path: Path, processes_left: Callable[[], list[str]]
    ) -> None:
        said: list[str] = []
        cluster = make("print('loading'); raise SystemExit('no such machine: web')", log=said.append)
        with pytest.raises(ClusterError) as caught:
            asyncio.run(cluster.start(PROGRAM))
        log = tmp_path / "run" / "n1" / "node.log"
        assert str(caught.value) == (
            "n1 node ended with exit code 1 at its start. Its last words:\n"
            f"loading\nno such machine: web\n(log: {log})"
        )
        assert [line for line in said if "n1 node" in line] == [], "it is told once"
        assert processes_left() == []


@pytest.mark.etcd
@pytest.mark.usefixtures("etcd_binary")
class TestNothingStaysBehind:
    """Processes and data are gone, however a run ends."""

    def test_after_stop(self, make: Make, temporary: Path, processes_left: Callable[[], list[str]]) -> None:
        async def story(cluster: LocalCluster) -> None:
            assert len(processes_left()) == 10
            await cluster.control.pause("n1", Role.STORE)
            await cluster.control.pause("n2", Role.NODE)
            await cluster.control.kill("n3", Role.STORE)

        asyncio.run(started(make(), story, PROGRAM))
        assert processes_left() == []
        assert list(temporary.glob("*/*")) == []

    def test_after_a_start_that_was_interrupted(
        self, make: Make, temporary: Path, processes_left: Callable[[], list[str]]
    ) -> None:
        async def main() -> None:
            starting = asyncio.create_task(make().start(PROGRAM))

            async def half_way() -> bool:
                return len(processes_left()) >= 2

            await eventually(half_way)
            starting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await starting

        asyncio.run(main())
        assert processes_left() == []
        assert list(temporary.glob("*/*")) == []

    def test_after_the_harness_was_killed_and_another_run_cleaned_up(
        self, tmp_path: Path, temporary: Path, processes_left: Callable[[], list[str]]
    ) -> None:
        harness = textwrap.dedent(
            f"""
            import asyncio
            from pathlib import Path
            from dsm_jepsen.cluster.local import LocalCluster
            async def main():
                run = Path({str(tmp_path / "run")!r})
                await LocalCluster(run_folder=run, open_store=None, network="loopback").start(None)
                print("up", flush=True)
                await asyncio.sleep(60)
            asyncio.run(main())
            """
        )
        with subprocess.Popen([sys.executable, "-c", harness], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"up\n"
            assert clean_leftovers(pytest.fail) == []
            process.kill()
        assert len(processes_left()) == 5
        (line,) = clean_leftovers(lambda _: None)
        assert line.startswith(f"the run of process {process.pid} was killed: ended its processes (")
        assert processes_left() == []
        assert list(temporary.glob("*/*")) == []


class TestRefusals:
    """What cannot be done is said by name."""

    @pytest.fixture(autouse=True)
    def fake_etcd(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """An etcd that knows its version, and cannot start."""
        path = tmp_path / "bin" / "etcd"
        path.parent.mkdir()
        path.write_text(
            '#!/bin/sh\n[ "$1" = --version ] && { echo "etcd Version: 3.5.9"; exit; }\n'
            "echo starting; echo 'panic: disk on fire' >&2; exit 2\n",
            encoding="utf-8",
        )
        path.chmod(0o755)
        shell = shutil.which("sh")
        assert shell is not None
        monkeypatch.setenv("PATH", f"{path.parent}:{Path(shell).parent}")

    def test_a_member_that_dies_at_its_start_shows_its_last_words(
        self, make: Make, tmp_path: Path, temporary: Path
    ) -> None:
        said: list[str] = []
        with pytest.raises(ClusterError) as caught:
            asyncio.run(make(log=said.append).start(None))
        assert str(caught.value) == (
            "n1 etcd ended with exit code 2 at its start. Its last words:\n"
            f"starting\npanic: disk on fire\n(log: {tmp_path / 'run' / 'n1' / 'etcd.log'})"
        )
        assert said == [], "it is told once"
        assert list(temporary.glob("*/*")) == []

    def test_an_unknown_store(self, tmp_path: Path) -> None:
        with pytest.raises(RefusedError, match="cannot run 'consul'; it can run etcd"):
            LocalCluster(run_folder=tmp_path, open_store=no_store, store="consul")

    def test_a_scenario_that_cuts_links(self, make: Make) -> None:
        words = r"cannot cut here: its network is loopback \(it was asked for\); run it on another"
        with pytest.raises(RefusedError, match=words):
            refuse_impossible(find_scenario("partition-half"), make())

    def test_a_process_that_does_not_exist(self, make: Make) -> None:
        with pytest.raises(RefusedError, match="no node process on 'n1'; it has not been started"):
            asyncio.run(make().control.kill("n1", Role.NODE))

    def test_a_site_before_the_start(self, make: Make) -> None:
        with pytest.raises(ClusterError, match="not started"):
            make().site("n1")

    def test_stopping_what_was_never_started_is_harmless(self, make: Make) -> None:
        asyncio.run(make().stop())

    def test_a_cluster_knows_what_it_runs(self, make: Make, tmp_path: Path) -> None:
        cluster = make()
        assert cluster.name == "local"
        assert cluster.versions() == {
            "etcd": "3.5.9",
            "etcd-binary": str(tmp_path / "bin" / "etcd"),
            "network": "loopback (it was asked for)",
        }
