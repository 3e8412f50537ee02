"""The cluster: starting, stopping and restarting node programs, their logs, and what is refused."""

import asyncio

import pytest

from dsm_jepsen.cluster._base import NODES, Cluster
from dsm_jepsen.cluster.sim import LIES, SimCluster
from dsm_jepsen.env import Capability, Env, IndefiniteError, Link, OutcomeError, Program, Role


def _program(main: object) -> Program:
    return Program(main=main, command=())  # type: ignore[arg-type]


def test_it_is_a_cluster(cluster: SimCluster) -> None:
    as_any_other: Cluster = cluster
    assert as_any_other.name == "simulated"
    assert as_any_other.nodes == NODES
    assert as_any_other.control.nodes == NODES
    assert as_any_other.control.capabilities() == set(Capability) - {Capability.DISK}
    assert as_any_other.versions()["modelled store"] == "etcd"


async def test_the_program_runs_on_every_node_with_a_world_of_its_own(cluster: SimCluster) -> None:
    async def main(env: Env) -> None:
        draw = env.rng.below(1_000_000, purpose="test")
        await env.store.put(f"/{env.node}", str(draw).encode())
        await asyncio.Event().wait()

    await cluster.start(_program(main))
    await asyncio.sleep(1)
    store = await cluster.site("n1").open_store()
    entries = await store.list("/")
    assert [entry.key for entry in entries] == [f"/{node}" for node in NODES]
    assert len({entry.value for entry in entries}) == len(NODES)


async def test_a_restart_is_a_new_run_with_new_draws_and_the_same_store(cluster: SimCluster) -> None:
    async def main(env: Env) -> None:
        env.log(f"draws {env.rng.below(1_000_000, purpose='test')}")
        env.log(f"finds {await env.store.get(env.node)}")
        await env.store.put(env.node, b"was here")
        await asyncio.Event().wait()

    await cluster.start(_program(main))
    await asyncio.sleep(1)
    await cluster.control.restart("n1", Role.NODE)  # it runs: nothing happens
    await cluster.control.kill("n1", Role.NODE)
    await cluster.control.kill("n1", Role.NODE)
    await cluster.control.restart("n1", Role.NODE)
    await asyncio.sleep(1)
    first_draw, first_found, second_draw, second_found = (
        line.split(maxsplit=1)[1] for line in cluster.logs["n1"]
    )
    assert first_draw != second_draw
    assert first_found == "finds None"
    assert "was here" in second_found


async def test_a_program_that_raises_is_a_dead_process_with_a_last_line(cluster: SimCluster) -> None:
    async def main(env: Env) -> None:
        background = asyncio.create_task(asyncio.sleep(1))
        background.add_done_callback(lambda _: env.log("still runs"))
        if env.node == "n2":
            raise ValueError("no idea")
        await asyncio.Event().wait()

    await cluster.start(_program(main))
    started_us = cluster.loop.now_us
    await asyncio.sleep(2)
    (line,) = cluster.logs["n2"]
    assert line.startswith(
        f"{started_us / 1_000_000:.6f} the program ended with ValueError: no idea at test_cluster.py:"
    )
    assert cluster.logs["n1"][0].endswith("still runs")


async def test_errors_of_a_group_are_told_one_by_one_with_the_programs_own_lines(cluster: SimCluster) -> None:
    async def main(env: Env) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(env.store.put("k", b""))

    await cluster.control.pause("n2", Role.STORE)
    await cluster.start(_program(main))
    await asyncio.sleep(3)
    assert cluster.logs["n2"][0].endswith(
        "the program ended with unhandled errors in a TaskGroup: IndefiniteError: timeout"
    )


async def test_a_task_that_fails_unseen_is_in_the_log_of_its_node(cluster: SimCluster) -> None:
    async def fail() -> None:
        raise ValueError("unseen")

    async def main(_env: Env) -> None:
        crash = asyncio.create_task(fail())
        await asyncio.sleep(0.1)
        del crash
        await asyncio.Event().wait()

    await cluster.start(_program(main))
    await asyncio.sleep(0.2)
    assert "Task exception was never retrieved: ValueError: unseen" in cluster.logs["n3"][0]


async def test_clocks_show_virtual_time_from_the_year_2020(cluster: SimCluster) -> None:
    clock = cluster.site("n1").clock
    first_ns = clock.wall_ns()
    await asyncio.sleep(60)
    assert clock.wall_ns() - first_ns == 60_000_000_000
    assert clock.monotonic_ns() == cluster.clock.monotonic_ns() == cluster.loop.now_us * 1_000
    assert first_ns == 1_577_836_800_000_000_000 + clock.monotonic_ns() - 60_000_000_000


async def test_stop_ends_everything_and_may_come_twice_or_first(cluster: SimCluster) -> None:
    async def main(env: Env) -> None:
        await asyncio.sleep(1)
        env.log("runs")

    await cluster.start(_program(main))
    await cluster.stop()
    await cluster.stop()
    await asyncio.sleep(5)
    assert cluster.logs == {}
    assert await cluster.control.leader() is None
    unused = SimCluster(seed=2)
    await unused.stop()
    unused.close()


async def test_a_node_can_lose_the_store_member_on_its_own_host(cluster: SimCluster) -> None:
    async def main(env: Env) -> None:
        while True:
            try:
                await env.store.put(env.node, b"")
                env.log("ok")
            except IndefiniteError as error:
                env.log(error.kind)
            await asyncio.sleep(1)

    await cluster.start(_program(main))
    await asyncio.sleep(0.5)
    await cluster.control.cut([Link("n1", Role.STORE, "n1", Role.NODE)])
    await asyncio.sleep(3)
    await cluster.control.mend()
    await asyncio.sleep(1)
    assert [line.split()[1] for line in cluster.logs["n1"]] == ["ok", "timeout", "ok"]
    store = await cluster.site("n1").open_store()
    entry = await store.get("n1")
    assert entry is not None


async def test_no_link_of_the_clients_can_be_cut_and_no_unknown_host_touched(cluster: SimCluster) -> None:
    for act in (
        cluster.control.cut([Link("ctl", Role.NODE, "n1", Role.NODE)]),
        cluster.control.kill("n9", Role.STORE),
    ):
        with pytest.raises(ValueError, match=r"there is no host '\w+' to act on; the hosts are n1, n2,"):
            await act
    with pytest.raises(ValueError, match="there is no host 'n9'"):
        cluster.site("n9")


def test_an_unknown_lie_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="the store knows no lie 'white-lie'; it knows stale-reads"):
        SimCluster(seed=1, lie="white-lie")
    assert all(lie.description.endswith(".") for lie in LIES.values())


async def test_a_cluster_of_three_works(cluster: SimCluster) -> None:
    three = SimCluster(seed=1, nodes=("a", "b", "c"))
    assert three.nodes == three.control.nodes == ("a", "b", "c")
    three.close()


async def test_a_closed_connection_sends_nothing(cluster: SimCluster) -> None:
    async with await cluster.site("n1").open_store() as store:
        await store.put("k", b"1")
    with pytest.raises(OutcomeError, match="connection-closed"):
        await store.put("k", b"2")
