"""What models declare, to be searched without being asked, is what they do when they are asked."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsm_jepsen.checkers.models import (
    KEEP,
    MODELS,
    REJECT,
    UNKNOWN,
    CasRegister,
    Declares,
    Fact,
    Keyed,
    NonDeterministic,
    OneSequence,
    OneValue,
    deterministic,
    named,
)
from dsm_jepsen.checkers.models._values import same

choices = st.lists(st.integers(0, 1_000), max_size=8)


def told(alphabet: Any) -> list[tuple[str, Any, Any]]:
    """Give all operations with all that may come of them, as the model's ``step`` is asked."""
    model = alphabet.model
    every = [(f, argument, end) for f, argument, ends in alphabet.operations for end in [*ends, UNKNOWN]]
    if isinstance(model, Keyed):
        return [(f, *model.part(f, argument, result)[1:]) for f, argument, result in every]
    return every


def walked(model: Any, operations: list[tuple[str, Any, Any]], steps: list[int]) -> Any:
    """Give a state that is come to by what is possible of these."""
    state = model.init()
    for choice in steps:
        after = model.step(state, *operations[choice % len(operations)])
        state = state if after is REJECT else after
    return state


def assigned(model: Any, state: Any, *operation: Any) -> Any:
    said = model.assignment(*operation)
    equal = same(state, said.value)
    if said.test == "always" or equal is (said.test == "equals"):
        return state if said.then is KEEP else said.then
    return state if said.possible else REJECT


def edited(model: Any, state: Any, *operation: Any) -> Any:
    said = model.edit(*operation)
    operand = said.operand if isinstance(said.operand, str) else tuple(said.operand)
    match said.kind:
        case "appends":
            return state + operand
        case "replaces":
            return operand
        case "reads":
            return state if same(operand, state) else REJECT
    return state


@settings(max_examples=200, deadline=None)
@given(one=choices, other=choices)
def test_what_is_declared_is_what_is_done(alphabet: Any, one: list[int], other: list[int]) -> None:
    model, operations = deterministic(alphabet.model), told(alphabet)
    states = [walked(model, operations, steps) for steps in (one, other)]
    for operation in operations:
        ends = [model.step(state, *operation) for state in states]
        says = None
        if isinstance(model, OneValue):
            says = assigned
        elif isinstance(model, OneSequence):
            says = edited
        if says:
            for state, end in zip(states, ends, strict=True):
                said = says(model, state, *operation)
                assert (said is REJECT) is (end is REJECT)
                assert end is REJECT or same(said, end)
        elif isinstance(model, Declares):
            facts = model.facts(*operation)
            if Fact.OBSERVES in facts:
                assert all(end in (REJECT, state) for state, end in zip(states, ends, strict=True))
            if Fact.TOTAL in facts:
                assert REJECT not in ends
            if Fact.RESETS in facts:
                assert ends[0] is not REJECT
                assert ends[0] == ends[1]


def test_every_model_says_something_of_its_operations(alphabet: Any) -> None:
    declares = isinstance(alphabet.model, OneValue | OneSequence | Declares)
    assert declares or isinstance(alphabet.model, NonDeterministic)


@pytest.mark.parametrize("name", MODELS)
def test_models_are_equal_by_value(name: str) -> None:
    assert named(name) == named(name)
    assert hash(named(name)) == hash(named(name))


def test_models_that_begin_with_different_values_differ() -> None:
    assert CasRegister(0) != CasRegister(1)
