"""One seed, one history: in every process, whatever the seed of Python's own hashes."""

import os
import subprocess
import sys

import pytest

from dsm_jepsen.cluster.sim import STORES

_STORY = """
import asyncio, hashlib, sys
from dsm_jepsen.cluster.sim import SimCluster
from dsm_jepsen.env import OutcomeError, Program, Request, Response, Role

async def program(env):
    async def handler(request):
        entry = await env.store.put(request.path, env.node.encode())
        return Response(status=200, body=[entry.position, env.rng.below(1000, purpose="body")])

    async def listen():
        async for change in env.store.watch("/n1", after=0):
            env.log(f"{change}")

    session = await env.store.open_session(500)
    await env.store.put(f"/alive/{env.node}", b"", session=session)
    async with asyncio.TaskGroup() as group:
        for each in (env.network.serve(handler), listen(), session.wait_lost()):
            group.create_task(each)

async def main(cluster, history):
    await cluster.start(Program(main=program, command=()))

    async def client(node):
        network = cluster.site(node).network
        for _ in range(150):
            try:
                request = Request(method="GET", path="/" + node)
                answer = (await network.call(node, request, timeout_ms=300)).body
            except OutcomeError as error:
                answer = str(error)
            history.append((cluster.loop.now_us, node, answer))
            await asyncio.sleep(0.01)

    async def nemesis():
        for node in ("n2", "n4", await cluster.control.leader()):
            for role in (Role.STORE, Role.NODE):
                await cluster.control.kill(node, role)
                await asyncio.sleep(1)
                await cluster.control.restart(node, role)

    waiting = {asyncio.create_task(each) for each in (nemesis(), *map(client, cluster.nodes))}
    while waiting:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        history.append(sorted(task.get_name() for task in done))

history = []
with SimCluster(seed=sys.argv[1], store=sys.argv[2]) as cluster:
    cluster.run(main(cluster, history))
    trace = repr((history, cluster.logs, cluster.loop.steps, cluster.loop.now_us))
print(len(history), hashlib.sha256(trace.encode()).hexdigest())
"""


def _trace(seed: str, hash_seed: str, store: str = "etcd") -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    command = [sys.executable, "-c", _STORY, seed, store]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("seed", ["1", "two"])
def test_a_seed_gives_the_same_history_in_every_process(seed: str, store: str) -> None:
    first, second = _trace(seed, "0", store), _trace(seed, "12345", store)
    assert first == second
    assert int(first.split()[0]) > 700


def test_another_seed_gives_another_history() -> None:
    assert _trace("1", "0") != _trace("2", "0")
