"""Histories that need no search: the special cases say the same as the search, and why; in C++ as in Python.

``make fuzz`` tries more of them.
"""

import os
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, NamedTuple, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsm_jepsen.checkers import check_linearizable, explains
from dsm_jepsen.checkers.linearizability.check import check_parts
from dsm_jepsen.checkers.linearizability.meaning import Meaning
from dsm_jepsen.checkers.linearizability.special import Settled, settle_columns
from dsm_jepsen.checkers.linearizability.table import Table
from dsm_jepsen.checkers.models import (
    CasRegister,
    Counter,
    FifoQueue,
    GrowOnlySet,
    Register,
    Registers,
    Stack,
    UnorderedQueue,
)
from dsm_jepsen.history import History, Op

EXAMPLES = int(os.environ.get("DSM_JEPSEN_FUZZ", "100")) // 4


class Kind(NamedTuple):
    """A model, the names of what puts and gets, and a real thing: what is got from what was put."""

    model: Any
    put: str
    get: str
    start: Callable[[], Any]
    do_put: Callable[[Any, Any], Any]
    do_get: Callable[[Any, Random], Any]


def added(held: list[Any], value: Any) -> list[Any]:
    return [*held, value]


def taking(place: Callable[[int, Random], int]) -> Callable[[list[Any], Random], Any]:
    return lambda held, rng: held.pop(place(len(held), rng)) if held else None


KINDS = {
    "register": Kind(Register(), "write", "read", lambda: None, lambda _, value: value, lambda held, _: held),
    "register of 7": Kind(
        CasRegister(7), "write", "read", lambda: 7, lambda _, value: value, lambda held, _: held
    ),
    "fifo": Kind(FifoQueue(), "enqueue", "dequeue", list, added, taking(lambda size, rng: 0)),
    "bag": Kind(
        UnorderedQueue(), "enqueue", "dequeue", list, added, taking(lambda size, rng: rng.randrange(size))
    ),
    "stack": Kind(Stack(), "push", "pop", list, added, taking(lambda size, rng: -1)),
    "set": Kind(
        GrowOnlySet(),
        "add",
        "read",
        list,
        lambda held, value: held if value in held else [*held, value],
        lambda held, rng: rng.sample(held, len(held)),
    ),
    "counter": Kind(Counter(), "add", "read", int, lambda held, value: held + value, lambda held, _: held),
}


class Clients:
    """Clients of the real thing; operations take effect before they return, lost ones later or never."""

    def __init__(self, kind: Kind, rng: Random) -> None:
        self.kind, self.rng, self.held = kind, rng, kind.start()
        self.events: list[Any] = []
        self.late: list[Any] = []
        self.running: dict[int, list[Any]] = {}
        self.free = list(range(rng.randint(1, 5)))
        self.lost = rng.choice([0, 0, 0.1, 0.4])
        self.always = rng.choice([1, 2, -3])
        self.asks = rng.choice([0.4, 0.5, 0.7])

    def record(self, size: int) -> None:
        """Let them do so many operations."""
        while size or self.running:
            if self.late and self.rng.random() < 0.2:
                self.held = self.kind.do_put(self.held, self.late.pop())
            process = self.rng.choice(self.free)
            if process in self.running:
                self.go_on(process, *self.running[process])
            elif size:
                size -= 1
                self.call(process, size)
            else:
                self.free.remove(process)

    def call(self, process: int, number: int) -> None:
        f, value = self.kind.get, None
        if self.rng.random() < self.asks:
            f, value = self.kind.put, 100 + number
            if isinstance(self.kind.model, Counter):
                value = self.always
            elif isinstance(self.kind.model, GrowOnlySet):
                value = self.rng.randint(1, 6)  # the same element again and again
        self.running[process] = [f, value, False]
        self.events.append(("invoke", process, f, value))

    def go_on(self, process: int, f: str, value: Any, done: bool) -> None:
        if done:
            if self.rng.random() < 0.6:
                self.events.append(("ok", process, f, value))
                del self.running[process]
        elif self.rng.random() < self.lost:
            if self.rng.random() < 0.5 and f == self.kind.put:
                self.late.append(value)
            elif self.rng.random() < 0.5 and f == self.kind.get:
                self.kind.do_get(self.held, self.rng)
            self.events.append(("info", process, f, None))
            self.free[self.free.index(process)] = 10 + len(self.events)
            del self.running[process]
        else:
            if f == self.kind.put:
                self.held = self.kind.do_put(self.held, value)
            else:
                value = self.kind.do_get(self.held, self.rng)
            self.running[process] = [f, value, True]


def recorded(kind: Kind, rng: Random, size: int) -> History:
    """Let clients do some operations, then spoil some results."""
    clients = Clients(kind, rng)
    clients.record(size)
    for _ in range(rng.choice([0, 0, 1, 1, 2])):
        spoil(kind, clients.events, rng)
    return history_of(*clients.events)


def spoil(kind: Kind, events: list[Any], rng: Random) -> None:
    """Give one get the result of another, or one that is just wrong."""
    gets = [at for at, event in enumerate(events) if event[0] == "ok" and event[2] == kind.get]
    if not gets:
        return
    one, other = rng.choice(gets), rng.choice(gets)
    results = [events[other][3], events[one][3]]
    if rng.random() < 0.2:
        results[0] = [99] if isinstance(kind.model, GrowOnlySet) else 99
    for at, result in zip((one, other), results, strict=True):
        events[at] = (*events[at][:3], result)


def only(history: History, kind: Kind, some: Sequence[int]) -> History:
    """Keep some operations; of the others, what is added to a set or counter may still be added, ever."""
    events: list[Op] = []
    adds = isinstance(kind.model, GrowOnlySet | Counter)
    for op in history:
        invocation = op if op.type == "invoke" else history.partner(op.index)
        assert invocation is not None
        process, kept = op.process, invocation.index in some
        if not kept:
            if not (adds and op.f == "add" and op.type == "invoke"):
                continue
            process = 1000 + op.index
        events.append(Op(index=len(events), time=0, type=op.type, process=process, f=op.f, value=op.value))
    return History(events)


def settle_history(history: History, model: Any) -> Settled | None:
    return settle_columns(history.columns, model)


def left_to_the_search(kind: Kind, history: History) -> bool:
    """Whether a special case may leave it: stacks with pops that never returned, and nothing else."""
    return isinstance(kind.model, Stack) and any(op.type == "info" and op.f == "pop" for op in history)


def searched(history: History, model: Any) -> tuple[bool | None, int | None]:
    """The verdict of the general search, and the first return that cannot be explained.

    A search that is stopped may know that all cannot be explained, and not where that begins: ``None``.
    """
    looks = iter(range(2_000))
    answers = Table(Meaning(model)).check(history.columns, lambda: next(looks, None) is None)
    if not answers:
        return True, -1
    (answer,) = answers
    return (True, False, None)[answer[1]], None if next(looks, None) is None else answer[2]


def first_or_later(settled: Settled, event: int) -> bool:
    """Whether a special case may name that return where the other is the first that cannot be explained."""
    return settled.event == event if settled.exact else settled.event >= event


@pytest.mark.parametrize("name", KINDS)
@given(rng=st.randoms(use_true_random=False), size=st.integers(1, 14))
@settings(max_examples=EXAMPLES, deadline=None)
def test_a_special_case_says_the_same_as_the_search(name: str, rng: Random, size: int) -> None:
    kind = KINDS[name]
    history = recorded(kind, rng, size)
    settled = settle_history(history, kind.model)
    if settled is None:
        assert left_to_the_search(kind, history)
        return
    valid, event = searched(history, kind.model)
    if valid is None:
        return
    assert settled.valid == valid
    if settled.valid:
        assert explains(kind.model, history, settled.order)
        return
    assert event is None or first_or_later(settled, event)
    if settled.exact:
        assert explains(kind.model, History(history[at] for at in range(settled.event)), settled.order)
    assert searched(only(history, kind, settled.culprits), kind.model)[0] is not True


@pytest.mark.parametrize("name", KINDS)
@given(rng=st.randoms(use_true_random=False), size=st.integers(1, 60))
@settings(max_examples=EXAMPLES, deadline=None)
def test_whatever_engine_is_asked_the_verdict_is_the_same(name: str, rng: Random, size: int) -> None:
    kind = KINDS[name]
    history = recorded(kind, rng, size)
    settled = settle_history(history, kind.model)
    if settled is None:
        assert left_to_the_search(kind, history)
        return
    (part,) = check_parts(history, kind.model)
    if not settled.exact:
        return
    assert (part.valid, part.event) == (settled.valid, -1 if settled.valid else settled.event)
    upto = history if settled.valid else History(history[at] for at in range(settled.event))
    assert explains(kind.model, upto, part.order)
    if "register" not in name:  # these are judged part by part in C++, in another order
        assert [*part.order] == [*settled.order]
        assert sorted(part.culprits) == sorted(settled.culprits)


def history_of(*events: tuple[str, int, str, Any]) -> History:
    return History(
        Op(index=index, time=index, type=cast("Any", type_), process=process, f=f, value=value)
        for index, (type_, process, f, value) in enumerate(events)
    )


def one_after_another(*operations: tuple[str, Any, Any]) -> History:
    return history_of(
        *(event for f, asked, told in operations for event in (("invoke", 0, f, asked), ("ok", 0, f, told)))
    )


def test_values_that_come_out_of_a_queue_in_the_wrong_order_are_named() -> None:
    history = one_after_another(
        ("enqueue", 1, 1), ("enqueue", 2, 2), ("enqueue", 3, 3), ("dequeue", None, 1), ("dequeue", None, 3)
    )
    settled = settle_history(history, FifoQueue())
    assert settled is not None
    assert (settled.valid, settled.event, settled.exact) == (False, 9, True)
    assert set(settled.culprits) == {2, 4, 8}


def test_a_queue_found_empty_while_a_value_is_surely_inside_is_named_with_the_value() -> None:
    history = one_after_another(("enqueue", 1, 1), ("dequeue", None, None), ("dequeue", None, 1))
    settled = settle_history(history, FifoQueue())
    assert settled is not None
    assert (settled.valid, settled.event, set(settled.culprits)) == (False, 3, {0, 2})


def test_where_lost_dequeues_leave_a_beginning_undecided_the_return_named_is_perhaps_not_the_first() -> None:
    the_first = history_of(
        ("invoke", 0, "enqueue", 1),
        ("invoke", 1, "enqueue", 2),
        ("ok", 1, "enqueue", 2),
        ("ok", 0, "enqueue", 1),
        ("invoke", 2, "enqueue", 3),
        ("ok", 2, "enqueue", 3),
        ("invoke", 3, "dequeue", None),
        ("info", 3, "dequeue", None),
        ("invoke", 0, "dequeue", None),
        ("invoke", 1, "dequeue", None),
        ("ok", 0, "dequeue", 3),  # with 1 and 2 out, by the dequeue that was lost and the one that goes on
        ("invoke", 0, "dequeue", None),
        ("ok", 0, "dequeue", 2),  # too late
        ("ok", 1, "dequeue", 1),
    )
    later = history_of(
        ("invoke", 0, "enqueue", 1),
        ("ok", 0, "enqueue", 1),
        ("invoke", 0, "enqueue", 2),
        ("ok", 0, "enqueue", 2),
        ("invoke", 1, "dequeue", None),
        ("invoke", 2, "dequeue", None),
        ("info", 2, "dequeue", None),
        ("invoke", 0, "dequeue", None),
        ("ok", 0, "dequeue", None),  # impossible, for one lost dequeue cannot have taken both values
        ("invoke", 0, "dequeue", None),
        ("ok", 1, "dequeue", 99),  # nobody put that
        ("ok", 0, "dequeue", 2),
    )
    for history, named, first in ((the_first, 12, 12), (later, 10, 8)):
        settled = settle_history(history, FifoQueue())
        assert settled is not None
        assert (settled.valid, settled.event, settled.exact) == (False, named, False)
        assert searched(history, FifoQueue()) == (False, first)


def test_a_dequeue_that_never_returned_explains_one_missing_value_and_not_two() -> None:
    lost: list[tuple[str, int, str, Any]] = [("invoke", 1, "dequeue", None), ("info", 1, "dequeue", None)]
    for missing, valid in ((1, True), (2, False)):
        events: list[tuple[str, int, str, Any]] = []
        for value in range(missing + 1):
            events += [("invoke", 0, "enqueue", value), ("ok", 0, "enqueue", value)]
        settled = settle_history(
            history_of(*events, *lost, ("invoke", 0, "dequeue", None), ("ok", 0, "dequeue", missing)),
            FifoQueue(),
        )
        assert settled is not None
        assert settled.valid is valid


def test_a_stack_that_gives_the_lower_of_two_values_is_refused() -> None:
    history = one_after_another(("push", 1, 1), ("push", 2, 2), ("pop", None, 1), ("pop", None, 2))
    settled = settle_history(history, Stack())
    assert settled is not None
    assert (settled.valid, settled.event, set(settled.culprits)) == (False, 5, {0, 2, 4})


def test_two_reads_of_a_set_that_grow_apart_contradict_each_other() -> None:
    history = history_of(
        ("invoke", 0, "add", 1),
        ("invoke", 1, "add", 2),
        ("invoke", 2, "read", None),
        ("invoke", 3, "read", None),
        ("ok", 2, "read", [1]),
        ("ok", 3, "read", [2]),
    )
    settled = settle_history(history, GrowOnlySet())
    assert settled is not None
    assert (settled.valid, settled.event, settled.culprits) == (False, 5, [2, 3])


@pytest.mark.parametrize(
    ("model", "operations"),
    [
        (Register(), [("write", 1, 1), ("write", 1, 1)]),
        (Register(1), [("write", 1, 1)]),
        (CasRegister(), [("write", 1, 1), ("cas", [1, 2], [1, 2])]),
        (FifoQueue(), [("enqueue", 1, 1), ("enqueue", 1, 1)]),
        (Counter(), [("add", 1, 1), ("add", 2, 2)]),
        (Counter(), [("read", None, None)]),
    ],
)
def test_what_is_of_another_kind_is_left_to_the_search(
    model: Any, operations: list[tuple[str, Any, Any]]
) -> None:
    assert settle_history(one_after_another(*operations), model) is None


def test_one_and_true_are_different_values() -> None:
    settled = settle_history(
        one_after_another(("write", 1, 1), ("write", True, True), ("read", None, 1)), Register()
    )
    assert settled is not None
    assert settled.valid is False


@pytest.mark.parametrize("name", ["fifo", "bag", "stack", "set", "register"])
def test_of_a_long_history_that_is_wrong_a_few_operations_are_shown(name: str) -> None:
    kind = KINDS[name]
    seeds = (Random(seed) for seed in range(100))
    histories = (recorded(kind, rng, 300) for rng in seeds)
    history = next(one for one in histories if check_linearizable(one, kind.model).valid is False)
    evidence = check_linearizable(history, kind.model).counterexample
    assert evidence is not None
    assert evidence.exact
    assert sum(one.firm for one in evidence.core) < 10
    assert check_linearizable(evidence.history(), kind.model).valid is False


def test_each_register_is_judged_in_its_own_way() -> None:
    history = one_after_another(
        ("write", ["told apart", 1], ["told apart", 1]),
        ("write", ["alike", 1], ["alike", 1]),
        ("write", ["alike", 1], ["alike", 1]),
        ("read", ["told apart", None], ["told apart", 1]),
        ("read", ["alike", None], ["alike", 2]),
    )
    told_apart, alike = check_parts(history, Registers())
    assert (told_apart.valid, alike.valid) == (True, False)
    assert alike.event == len(history) - 1
