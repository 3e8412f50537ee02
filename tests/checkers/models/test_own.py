"""A user's own model is a class with ``init`` and ``step``; what is wrong with it is said."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import pytest

from dsm_jepsen.checkers import check_linearizable, models
from dsm_jepsen.checkers.linearizability.check import check_parts
from dsm_jepsen.history import History

Read = Callable[[str], History]

GOOD = "0-1 p1 write 3 = 3\n2-3 p2 read = 3"
STALE = "0-1 p1 write 3 = 3\n2-3 p2 read = 4"


class Cell:
    """All that a model needs."""

    def init(self) -> Any:
        return 0

    def step(self, state: Any, f: str, argument: Any, result: Any) -> Any:
        if f == "write":
            return argument
        return state if result in (state, models.UNKNOWN) else models.REJECT


class Bag(Cell):
    """States of many kinds of values, in no order."""

    def init(self) -> Any:
        return frozenset({1, "a", None})

    def step(self, state: Any, f: str, argument: Any, result: Any) -> Any:
        if f == "write":
            return state | {argument}
        return state if result in state else models.REJECT


class Wavering(Cell):
    """A write may or may not take."""

    def steps(self, state: Any, f: str, argument: Any, result: Any) -> Iterable[Any]:
        if f == "write":
            return [state, argument]
        return [state] if result == state else []


@pytest.mark.parametrize("model", [Cell(), Bag(), Wavering()])
@pytest.mark.parametrize("native", [True, False])
def test_init_and_step_are_enough(history: Read, model: Any, *, native: bool) -> None:
    assert all(part.valid for part in check_parts(history(GOOD), model, native=native))
    assert not all(part.valid for part in check_parts(history(STALE), model, native=native))


@pytest.mark.parametrize("model", [Cell(), Bag(), Wavering()])
def test_it_has_all_the_evidence(history: Read, model: Any) -> None:
    assert check_linearizable(history(GOOD), model).witness
    found = check_linearizable(history(STALE), model)
    assert found.because.startswith(
        "not-linearizable: process 2's read at 0.003 s (op 3) returned 4, impossible"
    )
    assert msgspec.json.encode(found.details)


def test_a_model_that_changes_is_asked_again(history: Read) -> None:
    class Bounded(Cell):
        most = 9

        def step(self, state: Any, f: str, argument: Any, result: Any) -> Any:
            return (
                models.REJECT
                if f == "write" and argument > self.most
                else super().step(state, f, argument, result)
            )

    model = Bounded()  # the types want no more of it, either
    assert check_linearizable(history(GOOD), model).valid is True
    model.most = 2
    assert check_linearizable(history(GOOD), model).valid is False


class Listed(Cell):
    def step(self, state: Any, f: str, argument: Any, result: Any) -> Any:
        return [argument] if f == "write" else state


class Forgetful(Cell):
    def step(self, state: Any, f: str, argument: Any, result: Any) -> Any:
        return argument if f == "write" else None


class Doubtful(Cell):
    def step(self, state: Any, f: str, argument: Any, result: Any) -> Any:
        return argument if f == "write" else bool(result != state)


class Alone(Cell):
    def step(self, state: Any, f: str, argument: Any, result: Any) -> Any:
        return Cell() if f == "write" else state


class Broken(Cell):
    def step(self, state: Any, f: str, argument: Any, result: Any) -> Any:
        raise KeyError(f)


@pytest.mark.parametrize(
    ("model", "because"),
    [
        (Listed(), r"the state \[3\] has no hash"),
        (Forgetful(), "a step gives None, expected a state, or REJECT"),
        (Doubtful(), "a step gives False, expected a state, or REJECT"),
        (Alone(), "make Cell a frozen dataclass"),
        (Broken(), "KeyError: 'write'"),
        (Cell, r"Cell is a class, expected a model: make one, Cell\(\)"),
        ("cas-register", r"expected an object with init\(\) and step"),
    ],
)
def test_what_is_wrong_with_it_is_said(history: Read, model: Any, because: str) -> None:
    with pytest.raises((TypeError, ValueError), match=because):
        check_linearizable(history(GOOD), model)
