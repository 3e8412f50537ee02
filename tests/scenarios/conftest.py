"""A stage for generators: no cluster, only their questions and answers on a made-up clock."""

import heapq
from collections.abc import Callable

import pytest

from dsm_jepsen.env import Rng
from dsm_jepsen.history import NEMESIS, Op, OpType
from dsm_jepsen.scenarios.generators import Ask, Generator, Pending, Thread

Play = Callable[..., list[Op]]

_MS = 1_000_000


def _play(
    generator: Generator,
    *,
    concurrency: int = 3,
    seed: int = 1,
    latency_ms: int = 10,
    outcome: Callable[[str, int], OpType] = lambda _f, _number: "ok",
) -> list[Op]:
    """Let every operation take ``latency_ms`` and end as told; give all events in order."""
    threads: tuple[Thread, ...] = (*range(concurrency), NEMESIS)
    rng, events, ends, busy = Rng(seed), list[Op](), list[tuple[int, int, Thread, str]](), set[Thread]()
    now = 0

    def record(thread: Thread, kind: OpType, f: str) -> Op:
        op = Op(index=len(events), time=now, type=kind, process=thread, f=f)
        events.append(op)
        return op

    for _ in range(10_000):
        answer = generator.ask(
            Ask(now, tuple(thread for thread in threads if thread not in busy), threads, rng)
        )
        until: int | None = None
        if answer is not None:
            emission, generator = answer
            if not isinstance(emission, Pending):
                busy.add(emission.thread)
                generator = generator.update(record(emission.thread, "invoke", emission.f), emission.thread)
                heapq.heappush(ends, (now + latency_ms * _MS, len(events), emission.thread, emission.f))
                continue
            until = emission.until_ns
        if not ends and until is None:
            assert answer is None, "the generator waits for nothing"
            return events
        if ends and (until is None or ends[0][0] <= until):
            now, number, thread, f = heapq.heappop(ends)
            busy.discard(thread)
            generator = generator.update(record(thread, outcome(f, number), f), thread)
        else:
            assert until is not None
            assert until > now, "the generator wants to be asked again at once"
            now = until
    raise AssertionError("the generator never ends")


@pytest.fixture(scope="session")
def play() -> Play:
    return _play
