"""Gates: callbacks of a process that is up run, of a paused one wait, of a dead one never run."""

import asyncio
import re
from collections.abc import Coroutine

import pytest

from dsm_jepsen.cluster.sim import SimLoop, SimulationError
from dsm_jepsen.cluster.sim.process import Process


def _start(loop: SimLoop, process: Process, program: Coroutine[object, object, None]) -> None:
    loop.create_task(program, context=process.context.copy())


async def _tick(loop: SimLoop, ticks: list[float]) -> None:
    while True:
        await asyncio.sleep(1)
        ticks.append(loop.time())


def test_a_paused_process_stands_still_and_catches_up(loop: SimLoop) -> None:
    process, ticks = loop.process("n1/node"), list[float]()

    async def main() -> None:
        loop.call_later(1.5, process.pause)
        loop.call_later(4.5, process.resume)
        await asyncio.sleep(7)

    _start(loop, process, _tick(loop, ticks))
    loop.run(main())
    assert ticks == [1.0, 4.5, 5.5, 6.5]


def test_what_was_kept_runs_in_its_order(loop: SimLoop) -> None:
    process, ran = loop.process("n1/node"), list[int]()

    async def main() -> None:
        process.pause()
        for number in range(5):
            loop.after(number, process, ran.append, number)
        await asyncio.sleep(1)
        assert ran == []
        process.resume()
        await asyncio.sleep(0)

    loop.run(main())
    assert ran == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("paused", [False, True])
def test_a_killed_process_never_runs_again_not_even_a_finally(loop: SimLoop, *, paused: bool) -> None:
    process, ran = loop.process("n1/node"), []

    async def program() -> None:
        try:
            await asyncio.sleep(1)
        finally:
            ran.append("finally")

    async def main() -> list[str]:
        await asyncio.sleep(0.5)
        if paused:
            process.pause()
            await asyncio.sleep(1)
        process.kill()
        process.resume()
        await asyncio.sleep(5)
        return list(ran)

    _start(loop, process, program())
    assert loop.run(main()) == []


def test_tasks_that_a_process_starts_are_its_own(loop: SimLoop) -> None:
    process, ticks = loop.process("n1/node"), list[float]()

    async def program() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(_tick(loop, ticks))

    async def main() -> None:
        await asyncio.sleep(2.5)
        process.kill()
        await asyncio.sleep(5)

    _start(loop, process, program())
    loop.run(main())
    assert ticks == [1.0, 2.0]


def test_a_new_incarnation_runs_beside_its_dead_forerunner(loop: SimLoop) -> None:
    first, ticks = loop.process("n1/node"), list[float]()

    async def main() -> None:
        first.kill()
        _start(loop, loop.process("n1/node"), _tick(loop, ticks))
        await asyncio.sleep(1.5)

    _start(loop, first, _tick(loop, ticks))
    loop.run(main())
    assert ticks == [1.0]


def test_one_who_waits_for_a_dead_process_waits_for_ever(loop: SimLoop) -> None:
    process, event = loop.process("n1/node"), asyncio.Event()

    async def program() -> None:
        await asyncio.sleep(1)
        event.set()

    async def main() -> None:
        await asyncio.sleep(0.5)
        process.kill()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(event.wait(), 10)

    _start(loop, process, program())
    loop.run(main())


def test_a_deadlock_report_marks_the_paused_and_leaves_out_the_dead(loop: SimLoop) -> None:
    async def wait() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        for name in ("up", "paused", "dead"):
            process = loop.process(name)
            _start(loop, process, wait())
            await asyncio.sleep(1)
            if name != "up":
                getattr(process, {"paused": "pause", "dead": "kill"}[name])()
        await wait()

    with pytest.raises(SimulationError) as caught:
        loop.run(main())
    owners = re.findall(r"\((\S+?|paused, paused)\):", str(caught.value))
    assert owners == ["ctl", "up", "paused, paused"]
