"""Jepsen's rules of processes and outcomes, seen in the history the interpreter records."""

import asyncio
from typing import Any, Self

import pytest

from dsm_jepsen.cluster.sim import SimCluster
from dsm_jepsen.env import Control, DefiniteError, IndefiniteError, Rng, Site
from dsm_jepsen.history import NEMESIS, History, Op
from dsm_jepsen.scenarios._interpreter import Crew, Interpreter
from dsm_jepsen.scenarios.generators import (
    Generator,
    any_of,
    clients,
    cycle,
    limit,
    nemesis,
    once,
    phases,
    sleep,
    then,
)


class Scripted:
    """A client that does what the operation's name says."""

    opened = 0
    closed = 0

    async def open(self, site: Site) -> Self:
        type(self).opened += 1
        return self

    async def close(self) -> None:
        type(self).closed += 1

    async def invoke(self, f: str, value: Any) -> Any:
        await asyncio.sleep(0.01)
        match f:
            case "fail":
                raise DefiniteError("not-applicable", {"version": 3})
            case "info":
                raise IndefiniteError("timeout")
            case "crash":
                raise KeyError("nobody expected this")
            case "hang":
                await asyncio.sleep(1_000_000)
        return value


class Shaker:
    """A nemesis that only says what it did."""

    async def start(self, control: Control, rng: Rng, wanted: tuple[str, ...]) -> list[str]:
        return ["n3"]

    async def stop(self, control: Control) -> list[str]:
        return []


def run(generator: Generator, *, concurrency: int = 2) -> tuple[list[Op], list[str]]:
    events, log = History(), list[str]()
    Scripted.opened = Scripted.closed = 0

    async def act(cluster: SimCluster) -> None:
        await cluster.start(None)
        site = cluster.site("n1")
        crew = Crew(
            clock=cluster.clock,
            rng=Rng(1),
            sites=(site,) * concurrency,
            client=Scripted(),
            control=cluster.control,
            nemeses={"shaking": Shaker()},  # type: ignore[dict-item]
            record=events.append,
            log=log.append,
        )
        interpreter = Interpreter(crew, concurrency)
        await interpreter.run(generator)
        await interpreter.close()

    with SimCluster(seed=1) as cluster:
        cluster.run(act(cluster))
    return list(events), log


@pytest.mark.parametrize(
    ("f", "kind", "error"),
    [
        pytest.param("read", "ok", None, id="ok"),
        pytest.param("fail", "fail", ["not-applicable", {"version": 3}], id="certainly not done"),
        pytest.param("info", "info", ["timeout", None], id="unknown"),
        pytest.param("hang", "info", ["timeout", None], id="a client that never answers"),
        pytest.param(
            "crash", "info", ["exception", "KeyError: 'nobody expected this'"], id="a client with a bug"
        ),
    ],
)
def test_an_operation_ends_as_its_client_says(f: str, kind: str, error: Any) -> None:
    events, _ = run(clients(once(f, 7)))
    assert [(event.type, event.f, event.value, event.error) for event in events] == [
        ("invoke", f, 7, None),
        (kind, f, 7, error),
    ]


def test_after_an_info_the_thread_goes_on_as_a_new_process_with_a_new_client() -> None:
    events, _ = run(clients(phases(once("info"), once("read"), once("fail"), once("read"))), concurrency=1)
    assert [event.process for event in events] == [0, 0, 1, 1, 1, 1, 1, 1]
    assert Scripted.opened == 2


def test_every_client_that_was_opened_is_closed() -> None:
    run(clients(limit(20, cycle(then(once("info"), once("read"))))))
    assert Scripted.closed == Scripted.opened > 2


def test_a_bug_in_a_client_is_told_in_the_log() -> None:
    _, log = run(clients(once("crash")))
    assert "nobody expected this" in log[0]
    assert "Traceback" in log[0]


def test_a_client_that_cannot_be_opened_fails_its_operation_for_certain() -> None:
    Scripted.opened = 0

    async def refuse(self: Scripted, site: Site) -> Scripted:
        raise IndefiniteError("timeout")

    original = Scripted.open
    Scripted.open = refuse  # type: ignore[method-assign, assignment]
    try:
        events, _ = run(clients(once("read")))
    finally:
        Scripted.open = original  # type: ignore[method-assign]
    assert (events[1].type, events[1].error[0]) == ("fail", "no-client")


def test_a_fault_is_two_info_events_and_says_what_it_did() -> None:
    events, _ = run(nemesis(phases(once("start-shaking"), once("stop-shaking"))))
    assert [(event.type, event.process, event.f, event.value) for event in events] == [
        ("info", NEMESIS, "start-shaking", None),
        ("info", NEMESIS, "start-shaking", ["n3"]),
        ("info", NEMESIS, "stop-shaking", None),
        ("info", NEMESIS, "stop-shaking", []),
    ]


def test_time_never_goes_back_and_waits_are_kept() -> None:
    events, _ = run(
        any_of(clients(limit(50, cycle(once("read")))), nemesis(then(sleep(1), once("start-shaking"))))
    )
    times = [event.time for event in events]
    assert times == sorted(times)
    assert next(event.time for event in events if event.process == NEMESIS) == 1_000_000_000


def test_a_generator_that_waits_for_nothing_is_an_error_not_a_hang() -> None:
    with pytest.raises(RuntimeError, match="waits for nothing"):
        run(clients(_Stuck()))


class _Stuck(Generator):
    def ask(self, ask: Any) -> Any:
        from dsm_jepsen.scenarios.generators import Pending

        return Pending(), self
