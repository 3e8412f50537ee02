"""What each generator promises, seen on a made-up clock."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsm_jepsen.history import NEMESIS, Op
from dsm_jepsen.scenarios.generators import (
    NOTHING,
    Generator,
    any_of,
    clients,
    cycle,
    each_process,
    limit,
    mix,
    nemesis,
    once,
    phases,
    reserve,
    sleep,
    stagger,
    then,
    time_limit,
    until,
    until_ok,
)

Play = Callable[..., list[Op]]

READS = cycle(once("read"))


def invoked(events: list[Op]) -> list[str]:
    return [event.f for event in events if event.type == "invoke"]


def times_ms(events: list[Op], f: str) -> list[float]:
    return [event.time / 1e6 for event in events if event.type == "invoke" and event.f == f]


def test_once_is_one_operation(play: Play) -> None:
    assert invoked(play(once("read"))) == ["read"]


def test_a_function_gives_the_value_at_the_moment_of_asking(play: Play) -> None:
    seen: list[int] = []
    play(then(sleep(0.5), once("read", lambda ask: seen.append(ask.now_ns))))
    assert seen == [500_000_000]


def test_then_goes_on_when_the_one_before_is_exhausted_but_does_not_wait_for_its_end(play: Play) -> None:
    events = play(clients(then(once("a"), once("b"))))
    assert [event.f for event in events] == ["a", "b", "a", "b"]
    assert events[1].time == events[0].time


def test_phases_wait_until_everything_before_has_ended(play: Play) -> None:
    events = play(clients(phases(each_process(once("a")), once("b"))))
    assert [event.f for event in events] == ["a"] * 6 + ["b"] * 2


def test_phases_of_clients_do_not_wait_for_the_nemesis(play: Play) -> None:
    slow = nemesis(once("start-x"))
    events = play(any_of(slow, clients(phases(once("a"), once("b")))), latency_ms=1000)
    assert times_ms(events, "b") == [1000]


@pytest.mark.parametrize(
    ("generator", "count"),
    [
        pytest.param(cycle(once("read"), times=4), 4, id="cycle so many times"),
        pytest.param(cycle(once("read"), times=0), 0, id="cycle no times"),
        pytest.param(limit(5, READS), 5, id="limit"),
        pytest.param(limit(0, READS), 0, id="limit of nothing"),
        pytest.param(limit(5, once("read")), 1, id="limit above what there is"),
        pytest.param(NOTHING, 0, id="nothing"),
        pytest.param(cycle(NOTHING), 0, id="a cycle of nothing ends"),
        pytest.param(each_process(once("read")), 4, id="each process, and the nemesis is one"),
        pytest.param(clients(each_process(once("read"))), 3, id="each client process"),
        pytest.param(mix(once("read"), once("read")), 2, id="mix until all are exhausted"),
        pytest.param(any_of(once("read"), once("read")), 2, id="any of until all are exhausted"),
        pytest.param(mix(), 0, id="mix of nothing"),
    ],
)
def test_number_of_operations(play: Play, generator: Generator, count: int) -> None:
    assert len(invoked(play(generator))) == count


def test_sleep_counts_from_when_it_is_reached(play: Play) -> None:
    events = play(clients(phases(once("a"), then(sleep(2), once("b")))))
    assert times_ms(events, "b") == [2010]


def test_time_limit_ends_even_what_would_wait_for_ever(play: Play) -> None:
    events = play(clients(time_limit(1, then(once("a"), sleep(100), once("b")))))
    assert invoked(events) == ["a"]


def test_stagger_keeps_the_mean_rate_of_all_threads_together(play: Play) -> None:
    events = play(clients(limit(400, stagger(0.1, READS))), concurrency=20)
    last_ms = times_ms(events, "read")[-1]
    assert last_ms == pytest.approx(40_000, rel=0.15)
    gaps = [b - a for a, b in zip(times_ms(events, "read"), times_ms(events, "read")[1:], strict=False)]
    assert max(gaps) <= 200


def test_mix_draws_each_about_as_often(play: Play) -> None:
    count = Counter(invoked(play(limit(1000, mix(cycle(once("a")), cycle(once("b")))))))
    assert count["a"] == pytest.approx(500, abs=100)


def test_reserve_gives_threads_to_generators_in_order(play: Play) -> None:
    events = play(
        clients(reserve((1, cycle(once("a"), times=3)), (2, cycle(once("b"), times=6)), default=once("c"))),
        concurrency=5,
    )
    threads: dict[str, set[Any]] = {}
    for event in events:
        threads.setdefault(event.f, set()).add(event.process)
    assert threads["a"] == {0}
    assert threads["b"] == {1, 2}
    assert threads["c"] <= {3, 4}


def test_an_operation_that_no_thread_may_do_is_left_out(play: Play) -> None:
    events = play(each_process(reserve((1, once("a")), default=once("b"))))
    assert {event.f for event in events} == {"a"}


def test_clients_and_nemesis_keep_to_their_threads(play: Play) -> None:
    events = play(any_of(clients(limit(20, READS)), nemesis(limit(3, cycle(once("start-x"))))))
    assert {event.process for event in events if event.f == "start-x"} == {NEMESIS}
    assert {event.process for event in events if event.f == "read"} == {0, 1, 2}


def test_any_of_prefers_the_one_named_first(play: Play) -> None:
    events = play(clients(any_of(limit(3, cycle(once("a"))), limit(3, cycle(once("b"))))), concurrency=1)
    assert invoked(events) == ["a", "a", "a", "b", "b", "b"]


def test_until_ok_goes_on_over_failures(play: Play) -> None:
    events = play(
        clients(until_ok(cycle(once("join")))), concurrency=1, outcome=lambda _f, n: "ok" if n > 6 else "fail"
    )
    assert [event.type for event in events if event.type != "invoke"][-1] == "ok"
    assert len(invoked(events)) == 4


def test_until_ok_in_each_process_asks_of_every_thread_its_own_success(play: Play) -> None:
    events = play(clients(each_process(until_ok(cycle(once("join"))))))
    assert {event.process for event in events if event.type == "ok"} == {0, 1, 2}


def test_until_counts_the_events_that_meet_the_condition(play: Play) -> None:
    events = play(clients(until(lambda event: event.type == "ok", READS, times=7)), concurrency=1)
    assert len(invoked(events)) == 7


def test_every_client_thread_gets_to_work(play: Play) -> None:
    events = play(clients(limit(60, READS)), latency_ms=1, concurrency=5)
    assert {event.process for event in events} == {0, 1, 2, 3, 4}


generators: st.SearchStrategy[Generator] = st.recursive(
    st.sampled_from([once("a"), once("b"), sleep(0.01), NOTHING]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: then(*parts)),
        st.lists(inner, max_size=3).map(lambda parts: phases(*parts)),
        st.lists(inner, max_size=3).map(lambda parts: mix(*parts)),
        st.lists(inner, max_size=3).map(lambda parts: any_of(*parts)),
        inner.map(lambda part: cycle(part, times=2)),
        inner.map(lambda part: limit(3, part)),
        inner.map(lambda part: stagger(0.005, part)),
        inner.map(lambda part: time_limit(0.05, part)),
        inner.map(each_process),
        inner.map(until_ok),
        st.tuples(inner, inner).map(lambda pair: reserve((1, pair[0]), default=pair[1])),
    ),
    max_leaves=8,
)


@given(generator=generators, seed=st.integers(0, 1000))
def test_the_same_generator_and_seed_give_the_same_events(
    play: Play, generator: Generator, seed: int
) -> None:
    first = play(clients(generator), seed=seed)
    assert play(clients(generator), seed=seed) == first


@given(generator=generators)
def test_no_thread_has_two_operations_in_flight(play: Play, generator: Generator) -> None:
    open_threads: set[Any] = set()
    for event in play(clients(generator)):
        if event.type == "invoke":
            assert event.process not in open_threads
            open_threads.add(event.process)
        else:
            open_threads.remove(event.process)
    assert not open_threads
