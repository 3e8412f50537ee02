"""A machine's definition: what no instance could walk is refused before there is any."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import pytest

from dsm_jepsen.dsm.queue import Advance, AnyMachine, Fork, Worker, registry

if TYPE_CHECKING:
    from dsm_jepsen.env import Env

Make = Callable[..., AnyMachine]


async def tick(instance: Any) -> Advance[Any]:
    return Advance(state="over", payload=instance.payload)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"initial": "nowhere"}, "'nowhere'"),
        ({"initial": "over"}, "begins"),
        ({"edges": {"begun": ("away",)}}, "'away'"),
        ({"forks": {"over": Fork(branches={"a": "begun"}, on_failure="wait")}}, "no edge leaves"),
        ({"forks": {"begun": Fork(branches={"a": "over"}, on_failure="wait")}}, "begins"),
        ({"deadline_ms": 0}, "at least 1"),
        ({"attempts": 0}, "at least 1"),
    ],
)
def test_a_chart_that_cannot_be_walked_is_refused(
    make_machine: Make, fields: dict[str, Any], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        make_machine(tick, **fields)


@pytest.mark.parametrize("branches", [{}, {"a/b": "begun"}, {f"b{n}": "begun" for n in range(31)}])
def test_a_fork_has_some_branches_with_plain_names(branches: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="branches"):
        Fork(branches=branches, on_failure="wait")


def test_two_machines_of_one_name_are_refused(make_machine: Make) -> None:
    with pytest.raises(ValueError, match="used once"):
        registry([make_machine(tick), make_machine(tick)])


def test_a_deadline_must_be_shorter_than_a_session(make_machine: Make) -> None:
    late = make_machine(tick, deadline_ms=10_000)
    with pytest.raises(ValueError, match="deadlines"):
        Worker(cast("Env", None), registry([late]))
