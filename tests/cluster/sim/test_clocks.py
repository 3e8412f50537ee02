"""Skewed clocks of simulated hosts: what a program is told, and that nothing else is shifted."""

import asyncio

import pytest

from dsm_jepsen.cluster.sim import SimCluster
from dsm_jepsen.env import Damage, Env, Program, RefusedError, Role

HOUR_MS = 3_600_000


async def test_one_hosts_program_is_told_a_shifted_wall_clock_until_it_is_set_right(
    cluster: SimCluster,
) -> None:
    clocks = {}

    async def program(env: Env) -> None:
        clocks[env.node] = env.clock
        await asyncio.sleep(1000)

    def off_ms(node: str) -> int:
        return (clocks[node].wall_ns() - cluster.clock.wall_ns()) // 1_000_000

    await cluster.start(Program(main=program, command=()))
    await asyncio.sleep(0.01)
    await cluster.control.skew("n2", Role.NODE, offset_ms=-HOUR_MS)
    assert await cluster.control.skewed("n2", Role.NODE) == 0, "nobody asked yet"
    assert [off_ms(node) for node in ("n1", "n2")] == [0, -HOUR_MS]
    assert clocks["n2"].monotonic_ns() == cluster.clock.monotonic_ns()
    assert await cluster.control.skewed("n2", Role.NODE) == 1
    await cluster.control.kill("n2", Role.NODE)
    await cluster.control.restart("n2", Role.NODE)
    await asyncio.sleep(0.01)
    assert off_ms("n2") == -HOUR_MS, "it is the host's clock that is wrong"
    await cluster.control.skew("n2", Role.NODE, offset_ms=0)
    assert off_ms("n2") == 0
    assert await cluster.control.skewed("n2", Role.NODE) == 0


async def test_what_is_out_of_the_model_is_refused_with_the_reason(cluster: SimCluster) -> None:
    with pytest.raises(RefusedError, match="the simulated store has no wall clock"):
        await cluster.control.skew("n1", Role.STORE, offset_ms=1)
    for verb in (cluster.control.damage("n1", Damage.FLIP), cluster.control.repair("n1")):
        with pytest.raises(RefusedError, match="the simulated store has one log, and no disks"):
            await verb
