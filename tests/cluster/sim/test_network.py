"""The network: what a caller learns when nodes die, pause or are cut off."""

import asyncio

import pytest

from dsm_jepsen.cluster.sim import SimCluster
from dsm_jepsen.env import DefiniteError, Env, IndefiniteError, Link, Program, Request, Response, Role

ASK = Request(method="GET", path="/")


async def _serve(env: Env) -> None:
    """Answer after the milliseconds that the path asks for, and log it; fail for anything else."""

    async def handler(request: Request) -> Response:
        await asyncio.sleep(int(request.path[1:] or "0") / 1000)
        env.log(f"answers {request.path}")
        return Response(status=200, body=env.node)

    await env.network.serve(handler)


async def _relay(env: Env) -> None:
    """Pass every request on to n2."""

    async def handler(request: Request) -> Response:
        if env.node == "n2":
            return Response(status=200, body="from n2")
        return await env.network.call("n2", request, timeout_ms=1_000)

    await env.network.serve(handler)


async def _start(cluster: SimCluster, program: Program) -> None:
    await cluster.start(program)
    await asyncio.sleep(0.01)


SERVE, RELAY = Program(main=_serve, command=()), Program(main=_relay, command=())


async def test_a_node_answers(cluster: SimCluster) -> None:
    await _start(cluster, SERVE)
    before_us = cluster.loop.now_us
    response = await cluster.site("n3").network.call("n3", ASK, timeout_ms=1_000)
    assert response == Response(status=200, body="n3")
    assert 400 <= cluster.loop.now_us - before_us <= 2_000


async def test_an_error_of_the_handler_is_an_answer(cluster: SimCluster) -> None:
    await _start(cluster, SERVE)
    ask = Request(method="GET", path="/x")
    response = await cluster.site("n1").network.call("n1", ask, timeout_ms=1_000)
    assert response.status == 500
    assert response.body["error"].startswith("ValueError: invalid literal")


async def test_a_dead_node_refuses_at_once(cluster: SimCluster) -> None:
    await _start(cluster, SERVE)
    await cluster.control.kill("n1", Role.NODE)
    with pytest.raises(DefiniteError, match="connection-refused"):
        async with asyncio.timeout(0.01):
            await cluster.site("n1").network.call("n1", ASK, timeout_ms=1_000)


async def test_a_node_that_does_not_serve_yet_refuses(cluster: SimCluster) -> None:
    async def late(env: Env) -> None:
        await asyncio.sleep(1)
        await _serve(env)

    await _start(cluster, Program(main=late, command=()))
    network = cluster.site("n1").network
    with pytest.raises(DefiniteError, match="connection-refused"):
        await network.call("n1", ASK, timeout_ms=1_000)
    await asyncio.sleep(1)
    assert (await network.call("n1", ASK, timeout_ms=1_000)).status == 200


async def test_a_slow_node_is_a_time_out_but_answers_all_the_same(cluster: SimCluster) -> None:
    await _start(cluster, SERVE)
    with pytest.raises(IndefiniteError, match="timeout"):
        await cluster.site("n1").network.call("n1", Request(method="GET", path="/900"), timeout_ms=500)
    await asyncio.sleep(1)
    assert cluster.logs["n1"][-1].endswith("answers /900")


async def test_a_paused_node_is_silent_and_answers_when_it_goes_on(cluster: SimCluster) -> None:
    await _start(cluster, SERVE)
    network = cluster.site("n1").network
    await cluster.control.pause("n1", Role.NODE)
    with pytest.raises(IndefiniteError, match="timeout"):
        await network.call("n1", ASK, timeout_ms=500)
    waiting = asyncio.create_task(network.call("n1", ASK, timeout_ms=5_000))
    await asyncio.sleep(1)
    assert "n1" not in cluster.logs
    await cluster.control.resume("n1", Role.NODE)
    assert (await waiting).status == 200
    assert len(cluster.logs["n1"]) == 2, "also the request whose caller gave up is answered"


@pytest.mark.parametrize("paused", [False, True])
async def test_a_node_that_dies_with_the_request_resets_the_connection(
    cluster: SimCluster, *, paused: bool
) -> None:
    await _start(cluster, SERVE)
    if paused:
        await cluster.control.pause("n1", Role.NODE)
    request = Request(method="GET", path="/500")
    waiting = asyncio.create_task(cluster.site("n1").network.call("n1", request, timeout_ms=5_000))
    await asyncio.sleep(0.2)
    await cluster.control.kill("n1", Role.NODE)
    with pytest.raises(IndefiniteError, match="connection-reset"):
        await waiting
    await cluster.control.restart("n1", Role.NODE)
    await asyncio.sleep(1)
    assert "n1" not in cluster.logs


@pytest.mark.parametrize("hosts", [("n1", "n2"), ("n2", "n1")], ids=["request lost", "answer lost"])
async def test_a_link_cut_in_one_direction_is_silence_until_mended(
    cluster: SimCluster, hosts: tuple[str, str]
) -> None:
    await _start(cluster, RELAY)
    network = cluster.site("n1").network
    await cluster.control.cut([Link(hosts[0], Role.NODE, hosts[1], Role.NODE)])
    response = await network.call("n1", ASK, timeout_ms=5_000)
    assert response == Response(status=500, body={"error": "IndefiniteError: timeout"})
    assert (await network.call("n2", ASK, timeout_ms=1_000)).body == "from n2"
    await cluster.control.mend()
    assert (await network.call("n1", ASK, timeout_ms=5_000)).body == "from n2"


async def test_a_restarted_node_serves_anew(cluster: SimCluster) -> None:
    await _start(cluster, SERVE)
    await cluster.control.kill("n1", Role.NODE)
    await cluster.control.restart("n1", Role.NODE)
    await asyncio.sleep(0.01)
    assert (await cluster.site("n1").network.call("n1", ASK, timeout_ms=1_000)).status == 200
