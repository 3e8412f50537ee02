"""Child processes: signals, ends, last words."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dsm_jepsen.cluster._base import ClusterError
from dsm_jepsen.cluster.local.processes import Process, birth, end, wait_until

COUNT = "import time\nwhile True: print('tick', flush=True); time.sleep(0.01)"
STUBBORN = (
    "import signal, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\ntime.sleep(60)"
)
POLITE = (
    "import signal, sys, time\n"
    "def leave(*_): print('bye', flush=True); sys.exit(0)\n"
    "signal.signal(signal.SIGTERM, leave)\nprint('up', flush=True)\ntime.sleep(60)"
)


class Child:
    """A process under test, with what it told its owner."""

    def __init__(self, code: str, log: Path) -> None:
        self.pids: list[int] = []
        self.exits: list[str] = []
        self.process = Process(
            title="n1 child",
            argv=(sys.executable, "-c", code),
            env=os.environ,
            log=log,
            started=self.pids.append,
            exited=self.exits.append,
        )

    def said(self) -> str:
        return self.process.log.read_text(encoding="utf-8") if self.process.log.exists() else ""

    async def start(self, *, until: str) -> None:
        self.process.start()
        assert await wait_until(lambda: until in self.said(), 10)


Spawn = Callable[[str], Child]


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Spawn]:
    """Makes processes that run some Python; all are ended after the test."""
    children: list[Child] = []

    def make(code: str) -> Child:
        children.append(Child(code, tmp_path / f"{len(children)}.log"))
        return children[-1]

    yield make
    for one in children:
        one.process.end_now()


def test_a_killed_process_is_gone_and_starts_again_with_the_same_log(child: Spawn) -> None:
    one = child(COUNT)

    async def main() -> None:
        await one.start(until="tick")
        await one.process.kill()
        assert not one.process.running
        assert birth(one.pids[0]) is None
        before = len(one.said())
        one.process.start()
        assert await wait_until(lambda: len(one.said()) > before, 10)

    asyncio.run(main())
    assert len(set(one.pids)) == 2
    assert one.exits == []


def test_a_paused_process_stands_still_until_it_is_resumed(child: Spawn) -> None:
    one = child(COUNT)

    async def main() -> None:
        await one.start(until="tick")
        await one.process.pause()
        before = one.said()
        await asyncio.sleep(0.1)
        assert one.said() == before
        assert one.process.running
        await one.process.resume()
        assert await wait_until(lambda: one.said() != before, 10)

    asyncio.run(main())


def test_every_verb_may_be_repeated(child: Spawn) -> None:
    one = child(COUNT)

    async def main() -> None:
        for _ in range(2):
            one.process.start()
        for verb in (one.process.pause, one.process.resume, one.process.kill, one.process.pause):
            await verb()
            await verb()
        await one.process.resume()

    asyncio.run(main())
    assert len(one.pids) == 1
    assert not one.process.paused


def test_a_process_killed_while_paused_starts_unpaused(child: Spawn) -> None:
    one = child(COUNT)

    async def main() -> None:
        await one.start(until="tick")
        await one.process.pause()
        await one.process.kill()
        one.process.start()
        assert not one.process.paused

    asyncio.run(main())


def test_ending_lets_a_process_end_in_good_order_even_if_it_is_paused(child: Spawn) -> None:
    one = child(POLITE)

    async def main() -> None:
        await one.start(until="up")
        await one.process.pause()
        await end([one.process], grace_s=10)

    asyncio.run(main())
    assert one.said() == "up\nbye\n"
    assert one.exits == []


def test_ending_kills_what_does_not_end_in_time(child: Spawn) -> None:
    one = child(STUBBORN)

    async def main() -> None:
        await one.start(until="up")
        await end([one.process], grace_s=0.1)

    asyncio.run(main())
    assert not one.process.running
    assert one.process.how_it_ended() == "was ended by signal 9"


def test_ending_kills_also_when_it_is_cancelled(child: Spawn) -> None:
    one = child(STUBBORN)

    async def main() -> None:
        await one.start(until="up")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await end([one.process], grace_s=60)

    asyncio.run(main())
    assert not one.process.running


def test_an_end_that_nobody_asked_for_is_told_once(child: Spawn) -> None:
    one = child("raise SystemExit(3)")

    async def main() -> None:
        one.process.start()
        assert await wait_until(lambda: not one.process.running, 10)
        await one.process.kill()
        await end([one.process], grace_s=0)
        await end([one.process], grace_s=0)

    asyncio.run(main())
    assert one.exits == [
        f"n1 child ended with exit code 3, and nobody had asked it to (log: {one.process.log})"
    ]


def test_a_child_leads_its_own_session_so_that_ctrl_c_does_not_reach_it(child: Spawn) -> None:
    one = child(COUNT)
    one.process.start()
    assert os.getsid(one.pids[0]) == one.pids[0] != os.getsid(0)


def test_a_kill_reaches_what_the_child_itself_started(child: Spawn) -> None:
    one = child(
        "import subprocess, sys\n"
        "grandchild = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(grandchild.pid, flush=True)\ngrandchild.wait()"
    )

    async def main() -> None:
        await one.start(until="\n")
        assert birth(int(one.said())) is not None
        await one.process.kill()
        assert await wait_until(lambda: birth(int(one.said())) is None, 10)

    asyncio.run(main())


def test_whoever_must_know_whether_it_is_dying_waits_for_that(child: Spawn) -> None:
    dying, alive, never = child("import time; time.sleep(0.3)"), child(COUNT), child(COUNT)
    dying.process.start()
    alive.process.start()
    assert dying.process.ends_within(10)
    assert not alive.process.ends_within(0.01)
    assert never.process.ends_within(0)


def test_last_words_are_the_end_of_the_log_and_where_it_is(child: Spawn) -> None:
    one = child("for n in range(1000): print('line', n)")

    async def main() -> None:
        one.process.start()
        assert await wait_until(lambda: not one.process.running, 10)

    asyncio.run(main())
    assert one.process.last_words(2) == f"line 998\nline 999\n(log: {one.process.log})"


def test_a_program_that_does_not_exist_is_named(tmp_path: Path) -> None:
    process = Process(
        title="n1 store",
        argv=("/no/such/store",),
        env={},
        log=tmp_path / "log",
        started=lambda _: None,
        exited=pytest.fail,
    )
    with pytest.raises(ClusterError, match=r"n1 store cannot be started: .*/no/such/store"):
        process.start()


def test_a_birth_is_the_same_at_every_look_and_differs_between_processes(child: Spawn) -> None:
    one = child(COUNT)
    one.process.start()
    assert birth(one.pids[0]) == birth(one.pids[0]) != birth(os.getppid())


def test_a_process_that_ended_but_was_not_buried_has_no_birth() -> None:
    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as dead:
        assert dead.stdout is not None
        dead.stdout.read()

        async def main() -> None:
            assert await wait_until(lambda: birth(dead.pid) is None, 10)

        asyncio.run(main())
        assert Path(f"/proc/{dead.pid}").exists()
