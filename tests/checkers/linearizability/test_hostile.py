"""What a model or a history may do to the search without bringing the process down: anything."""

import os
import signal
import threading
import time
from array import array
from collections.abc import Callable
from contextlib import nullcontext
from enum import StrEnum
from math import inf, nan
from typing import Any

import pytest

from dsm_jepsen.checkers import models
from dsm_jepsen.checkers.linearizability import check
from dsm_jepsen.checkers.linearizability.check import Budget, check_parts
from dsm_jepsen.history import History, Op


class Naive:
    """A model that a user might write: counts."""

    refusals = frozenset[str]()

    def init(self) -> Any:
        return 0

    def judges(self, f: str) -> bool:
        return True

    def step(self, state: Any, f: str, argument: Any, result: Any) -> Any:
        return state + 1


def model(**methods: Callable[..., Any]) -> Any:
    return type("Odd", (Naive,), methods)()


def history(*events: tuple[int, Any, str, Any]) -> History:
    return History(
        Op(index=index, time=index, process=process, type=type_, f=f, value=value)
        for index, (process, type_, f, value) in enumerate(events)
    )


def at_once(count: int) -> History:
    return history(*((who, type_, "go", who) for type_ in ("invoke", "ok") for who in range(count)))


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value, 1]
    return value


def endless() -> Any:
    value: list[Any] = [1, 2]
    value[0] = value
    return value


both = pytest.mark.parametrize("native", [True, False], ids=["kernel", "twin"])


@both
@pytest.mark.parametrize(
    "value", [nan, inf, -inf, -0.0, 10**400, -(2**63) - 1, "\ud800", "a\0b", True, 1.0, nested(40)]
)
def test_an_odd_value_is_itself_and_nothing_else(value: Any, *, native: bool) -> None:
    for seen, right in ((value, True), (2, False), ([value], False)):
        written = [(0, "invoke", "write", value), (0, "ok", "write", value)]
        read = [(0, "invoke", "read", None), (0, "ok", "read", seen)]
        parts = check_parts(history(*written, *read), models.Register(7), native=native)
        assert [part.valid for part in parts] == [right]


@both
@pytest.mark.parametrize("value", [nan, inf, [nan], {"a": inf}])
def test_what_json_has_no_number_for_is_not_null(value: Any, *, native: bool) -> None:
    null = [None] if isinstance(value, list) else {"a": None} if isinstance(value, dict) else -inf
    events = [(0, "invoke", "write", value), (0, "ok", "write", value)]
    parts = check_parts(
        history(*events, (0, "invoke", "read", None), (0, "ok", "read", null)),
        models.Register(),
        native=native,
    )
    assert parts[0].valid is False


@both
@pytest.mark.parametrize("value", [nested(100_000), endless()], ids=["deep", "endless"])
def test_a_value_without_end_is_refused(value: Any, *, native: bool) -> None:
    with pytest.raises(RecursionError):
        check_parts(history((0, "invoke", "write", value)), models.Register(), native=native)


@both
@pytest.mark.parametrize("value", [nested(100_000), endless()], ids=["deep", "endless"])
def test_a_value_of_what_did_not_happen_is_not_looked_at(value: Any, *, native: bool) -> None:
    failed = history((0, "invoke", "write", value), (0, "fail", "write", value))
    assert not check_parts(failed, models.CasRegister(), native=native)


@both
@pytest.mark.parametrize(
    ("methods", "error"),
    [
        ({"step": lambda *_: 1 / 0}, ZeroDivisionError),
        ({"step": lambda _, state, *__: state + 3 // (3 - state)}, ZeroDivisionError),
        ({"step": lambda *_: [1]}, TypeError),
        ({"init": lambda _: []}, TypeError),
        ({"judges": lambda *_: 1 / 0}, ZeroDivisionError),
        ({"part": lambda *_: 1 / 0}, ZeroDivisionError),
        ({"part": lambda *_: (1,)}, ValueError),
        ({"facts": lambda *_: "x"}, ValueError),
        ({"steps": lambda *_: None}, TypeError),
    ],
)
def test_what_a_model_raises_is_raised(
    methods: dict[str, Any], error: type[Exception], *, native: bool
) -> None:
    with pytest.raises(error):
        check_parts(at_once(5), model(**methods), native=native)


@pytest.mark.parametrize(
    ("method", "column", "missed"),
    [
        ("step", "items", False),
        ("step", "names", False),
        ("facts", "items", True),
        ("facts", "names", False),  # all have one name, which is known then
        ("judges", "items", True),
        ("judges", "names", False),
    ],
)
def test_a_history_may_shrink_while_it_is_judged(method: str, column: str, *, missed: bool) -> None:
    judged = at_once(5)

    def shrink(*_: Any) -> int:
        getattr(judged.columns, column).clear()
        return 1

    with pytest.raises(IndexError) if missed else nullcontext():
        check_parts(judged, model(**{method: shrink}))


def test_a_model_that_never_answers_the_same_gets_some_verdict() -> None:
    answers = iter(range(1_000_000))
    (part,) = check_parts(at_once(5), model(step=lambda *_: next(answers) % 7))
    assert part.valid


def test_a_model_may_have_histories_judged_in_a_step() -> None:
    def step(_: Any, state: int, *__: Any) -> int:
        check_parts(history((0, "invoke", "write", 1)), models.CasRegister())
        if state == 0:
            check_parts(at_once(3), model(step=inner))
        return min(state + 1, 9)

    def inner(_: Any, state: int, *__: Any) -> int:
        return min(state + 1, 9)

    assert check_parts(at_once(4), model(step=step))[0].valid


def test_many_threads_may_judge_by_one_model() -> None:
    def step(_: Any, state: int, *__: Any) -> int:
        time.sleep(1e-4)
        return min(state + 1, 9)

    slow = model(step=step)
    verdicts: list[bool | None] = []

    def judge() -> None:
        for _ in range(10):
            verdicts.append(check_parts(at_once(4), slow)[0].valid)
            check_parts(history((0, "invoke", "append", ["k", "a"])), models.KeyValue())

    crew = [threading.Thread(target=judge) for _ in range(5)]
    for one in crew:
        one.start()
    for one in crew:
        one.join()
    assert verdicts == [True] * 50


@pytest.mark.parametrize("seconds", [1e-12, 1e-3, inf])
@pytest.mark.parametrize("size", [1, 1000, 2**63, 10**30])
def test_a_budget_may_be_tiny_or_huge(seconds: float, size: int) -> None:
    parts = check_parts(
        at_once(40), model(step=lambda _, state, *__: state), budget=Budget(seconds=seconds, bytes=size)
    )
    assert parts[0].valid is not False


def long_ones() -> dict[str, History]:
    """Right histories of which a descent looks at the budget amid its way, with choices left and without."""
    alone = [(0, type_, "write", k % 3) for k in range(800) for type_ in ("invoke", "ok")]
    around: list[tuple[int, str, str, Any]] = [(9, "invoke", "write", 1), (9, "ok", "write", 1)]
    for k in range(200):
        before = (k + 1) % 2
        around += [(who, "invoke", "read", None) for who in range(3)]
        around += [(9, "invoke", "write", k % 2), (9, "ok", "write", k % 2)]
        around += [(who, "ok", "read", before) for who in range(3)]
    return {"one after the other": history(*alone), "reads around writes": history(*around)}


LITTLE: dict[str, dict[str, Any]] = {
    "no time": {"budget": Budget(seconds=1e-6)},
    "no room": {"budget": Budget(bytes=1)},
    **{f"{looks} looks": {"effort": looks} for looks in range(1, 7)},
}


@both
@pytest.mark.parametrize("which", long_ones())
@pytest.mark.parametrize("little", LITTLE)
def test_a_budget_that_runs_out_makes_nothing_invalid(which: str, little: str, *, native: bool) -> None:
    (part,) = check.check_columns(
        long_ones()[which].columns, models.CasRegister(), native=native, **LITTLE[little]
    )
    assert part.valid is not False


def test_a_search_can_be_interrupted() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it is ignored

    def step(_: Any, state: int, *__: Any) -> int:
        if state == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return state + 1

    try:
        with pytest.raises(KeyboardInterrupt):
            check_parts(at_once(8), model(step=step))
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    "partners",
    [[5, 0], [-7, 0], [1, 1], [-1, 0], [1, -1], [0, 0], [2**40, 0]],
    ids=str,
)
def test_the_kernel_refuses_columns_of_no_history(partners: list[int]) -> None:
    pytest.importorskip("dsm_jepsen._native")
    columns = at_once(1).columns._replace(partners=array("q", partners))
    with pytest.raises(ValueError, match="not those of a history"):
        check.check_columns(columns, Naive())


@pytest.mark.parametrize("column", ["fs", "values", "errors"])
@pytest.mark.parametrize("number", [-1, 7])
def test_the_kernel_refuses_columns_with_numbers_that_stand_for_nothing(column: str, number: int) -> None:
    pytest.importorskip("dsm_jepsen._native")
    numbers: Any = {column: array("i", [0, number])}
    columns = at_once(1).columns._replace(**numbers)
    with pytest.raises(ValueError, match="stand for nothing"):
        check.check_columns(columns, Naive())


class Name(StrEnum):
    """A string that is none of its class."""

    X = "x"


@pytest.mark.parametrize(
    ("written", "read"),
    [((1, 2), [1, 2]), ([1, (2, 3)], [1, [2, 3]]), (Name.X, "x"), (signal.SIGINT, int(signal.SIGINT))],
    ids=str,
)
@pytest.mark.parametrize("native", [True, False])
def test_values_are_equal_if_they_are_as_json(written: Any, read: Any, *, native: bool) -> None:
    events = history(
        (0, "invoke", "write", written),
        (0, "ok", "write", written),
        (1, "invoke", "read", None),
        (1, "ok", "read", read),
    )
    (part,) = check_parts(events, models.Register(), native=native)
    assert part.valid


def test_more_open_at_once_than_the_kernel_can_hold_is_no_error() -> None:
    events = history(*((who, type_, "write", 1) for type_ in ("invoke", "ok") for who in range(4200)))
    (part,) = check_parts(events, models.Register(), budget=Budget(seconds=0.2))
    assert part.valid is not False
