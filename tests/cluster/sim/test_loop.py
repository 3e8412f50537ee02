"""The loop: virtual time, a fixed order, and asyncio's own tools upon it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsm_jepsen.cluster.sim import SimLoop, SimulationError


def test_an_hour_passes_at_once_and_time_is_whole_microseconds(loop: SimLoop) -> None:
    async def main() -> tuple[float, int]:
        await asyncio.sleep(3600.0000004)
        return asyncio.get_running_loop().time(), loop.now_us

    assert loop.run(main()) == (3600.0, 3_600_000_000)


@given(st.lists(st.integers(0, 5), max_size=30))
def test_timers_run_in_the_order_of_time_then_of_number(delays_ms: list[int]) -> None:
    loop, ran = SimLoop(), list[tuple[int, int]]()

    async def main() -> None:
        for number, delay_ms in enumerate(delays_ms):
            loop.call_later(delay_ms / 1000, ran.append, (delay_ms, number))
        await asyncio.sleep(1)

    loop.run(main())
    loop.close()
    assert ran == sorted((delay_ms, number) for number, delay_ms in enumerate(delays_ms))


def test_a_cancelled_timer_neither_runs_nor_moves_time(loop: SimLoop) -> None:
    async def main() -> int:
        loop.call_later(1, pytest.fail, "a cancelled timer ran").cancel()
        await asyncio.sleep(0.5)
        return loop.now_us

    assert loop.run(main()) == 500_000


def test_what_asyncio_offers_works(loop: SimLoop) -> None:
    """Timeout, Event, Queue, TaskGroup, gather, wait, async generators."""

    async def numbers() -> AsyncIterator[int]:
        for number in range(3):
            await asyncio.sleep(0.01)
            yield number

    async def main() -> list[object]:
        seen: list[object] = [number async for number in numbers()]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await asyncio.Event().wait()
        queue: asyncio.Queue[str] = asyncio.Queue()
        async with asyncio.TaskGroup() as group:
            got = group.create_task(queue.get())
            group.create_task(queue.put("item"))
        seen += [got.result(), await asyncio.gather(asyncio.sleep(0.2, "a"), asyncio.sleep(0.1, "b"))]
        tasks = [asyncio.create_task(asyncio.sleep(delay, delay)) for delay in (0.3, 0.1, 0.2)]
        done, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        seen += [[task.result() for task in done], len(waiting), loop.now_us]
        seen.append(await asyncio.wait_for(tasks[0], 1))
        return seen

    assert loop.run(main()) == [0, 1, 2, "item", ["a", "b"], [0.1], 2, 1_330_000, 0.3]


def test_tasks_in_a_set_are_in_the_order_of_their_creation(loop: SimLoop) -> None:
    """A set's order is that of hashes, which for stock tasks are memory addresses."""

    async def main() -> list[str]:
        cancelled = []

        async def member(name: str) -> None:
            try:
                await asyncio.sleep(1)
            except asyncio.CancelledError:
                cancelled.append(name)
                raise

        with suppress(ExceptionGroup):
            async with asyncio.TaskGroup() as group:
                for number in range(7):
                    group.create_task(member(f"m{number}"))
                await asyncio.sleep(0.1)
                raise ValueError("so that the group cancels its members")
        return cancelled

    assert loop.run(main()) == [f"m{number}" for number in range(7)]


def test_futures_in_a_set_are_in_the_order_of_their_first_use(loop: SimLoop) -> None:
    futures = [loop.create_future() for _ in range(5)]
    assert list(set(futures)) == futures


def test_a_dropped_generator_is_closed_by_the_loop(loop: SimLoop) -> None:
    closed = []

    async def numbers() -> AsyncIterator[int]:
        try:
            for number in range(3):
                yield number
        finally:
            await asyncio.sleep(0.1)
            closed.append(loop.now_us)

    async def main() -> None:
        async for _ in numbers():
            break
        await asyncio.sleep(1)

    loop.run(main())
    assert closed == [100_000]


def test_what_nobody_asks_for_is_reported(loop: SimLoop) -> None:
    reports = []
    loop.set_exception_handler(lambda _, context: reports.append(repr(context["exception"])))

    def broken() -> None:
        raise ValueError("broken")

    async def main() -> None:
        loop.call_soon(broken)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    loop.run(main())
    assert reports == ["ValueError('broken')"]


def test_a_deadlock_is_reported_with_who_waits_for_what(loop: SimLoop) -> None:
    async def waits_for_godot() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        await asyncio.sleep(2)
        async with asyncio.TaskGroup() as group:
            group.create_task(waits_for_godot(), name="vladimir")

    with pytest.raises(SimulationError) as caught:
        loop.run(main())
    first, *tasks = str(caught.value).splitlines()
    assert first == (
        "deadlock at 2.000000 s of virtual time: nothing is ready and no timer is set, "
        "but the main coroutine has not ended"
    )
    assert tasks[0].startswith("  task-1 (ctl): test_a_deadlock_is_reported_with_who_waits_for_what.main")
    assert tasks[1].startswith("  vladimir (ctl): ")
    assert "waits_for_godot (test_loop.py:" in tasks[1]
    assert "> Event.wait (locks.py:" in tasks[1]


def test_the_budget_ends_a_task_that_never_rests() -> None:
    async def spin() -> None:
        while True:
            await asyncio.sleep(0)

    loop = SimLoop(budget=50_000)
    with pytest.raises(SimulationError, match=r"the budget of 50000 callbacks is spent at 0\.000000 s"):
        loop.run(spin())
    assert loop.steps == 50_000
    loop.close()


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("run_in_executor", "threads"),
        ("call_soon_threadsafe", "threads"),
        ("create_connection", "sockets"),
        ("create_server", "sockets"),
        ("getaddrinfo", "sockets"),
        ("sock_recv", "sockets"),
        ("add_signal_handler", "signals"),
        ("subprocess_exec", "processes and pipes"),
        ("run_forever", "endless runs"),
        ("set_task_factory", "modes and factories"),
    ],
)
def test_the_outside_world_is_refused_in_a_sentence(loop: SimLoop, name: str, what: str) -> None:
    with pytest.raises(
        SimulationError, match=f"a simulation has no {what}: one seed must give one history; "
    ):
        getattr(loop, name)()


def test_threads_are_refused_where_programs_ask_for_them(loop: SimLoop) -> None:
    async def main() -> None:
        await asyncio.to_thread(print)

    with pytest.raises(SimulationError, match="threads"):
        loop.run(main())


def test_a_simulation_runs_also_inside_another_loop_as_in_a_notebook(loop: SimLoop) -> None:
    async def inner() -> float:
        await asyncio.sleep(5)
        return asyncio.get_running_loop().time()

    async def outer() -> tuple[float, float]:
        await asyncio.sleep(1)
        inner_s = loop.run(inner())
        await asyncio.sleep(1)
        return inner_s, asyncio.get_running_loop().time()

    around = SimLoop()
    assert around.run(outer()) == (5.0, 2.0)
    around.close()


def test_a_simulation_inside_itself_is_refused(loop: SimLoop) -> None:
    async def main() -> None:
        loop.run(asyncio.sleep(0))

    with pytest.raises(SimulationError, match="the simulation runs already; await the coroutine"):
        loop.run(main())


def test_a_run_can_be_followed_by_another_which_goes_on_where_it_ended(loop: SimLoop) -> None:
    ticks = []

    async def tick() -> None:
        while True:
            await asyncio.sleep(1)
            ticks.append(loop.now_us)

    async def main() -> asyncio.Task[None]:
        task = asyncio.create_task(tick())
        await asyncio.sleep(1.5)
        return task

    task = loop.run(main())
    loop.run(asyncio.sleep(1))
    assert not task.done()
    assert ticks == [1_000_000, 2_000_000]
