"""An order exists, or the first operation that has none is named."""

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, permutations
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsm_jepsen.checkers import (
    REJECT,
    UNKNOWN,
    Budget,
    CasRegister,
    Refused,
    Register,
    explains,
    linearizable,
)
from dsm_jepsen.history import History, Op

Read = Callable[[str], History]


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        pytest.param("", True, id="nothing happened"),
        pytest.param("0-1 p1 write 3 = 3\n2-3 p2 read = 3", True, id="read what was written"),
        pytest.param("0-1 p1 write 3 = 3\n2-3 p2 read = null", False, id="stale read"),
        pytest.param("0-9 p1 write 3 = 3\n2-3 p2 read = null\n4-5 p2 read = 3", True, id="in the middle"),
        pytest.param("0-9 p1 write 3 = 3\n2-3 p2 read = 3\n4-5 p2 read = null", False, id="there and back"),
        pytest.param("0-1 p1 read = 3", False, id="out of nowhere"),
        pytest.param("0-1 p1 write 3 ?\n2-3 p2 read = 3", True, id="unknown, happened"),
        pytest.param("0-1 p1 write 3 ?\n2-3 p2 read = null", True, id="unknown, did not happen"),
        pytest.param(
            "0-1 p1 write 3 ?\n2-3 p2 read = null\n4-5 p2 read = 3", True, id="unknown, happened later"
        ),
        pytest.param(
            "0-1 p1 write 3 ?\n2-3 p2 read = 3\n4-5 p2 write 4 = 4\n6-7 p2 read = 3",
            False,
            id="unknown, happened twice",
        ),
        pytest.param(
            "0-1 p1 write 3 ?\n0-1 p3 write 3 ?\n2-3 p2 read = 3\n4-5 p2 write 4 = 4\n6-7 p2 read = 3",
            True,
            id="two unknown, each happened once",
        ),
        pytest.param(
            "0-6 p1 cas [null,1] = [null,1]\n0-20 p2 cas [null,1] = [null,1]\n2-3 p3 read = 1\n"
            "8-9 p3 write null = null\n10-11 p3 read = null",
            True,
            id="of two of one kind the first to return was first",
        ),
        pytest.param("0- p1 write 3\n2-3 p2 read = 3", True, id="never answered, happened"),
        pytest.param("2-3 p2 read = 3\n4- p1 write 3", False, id="happened before it was sent"),
        pytest.param("0-1 p1 write 3 ! unavailable\n2-3 p2 read = 3", False, id="failed, yet happened"),
        pytest.param("0-1 p1 write 3 ! unavailable\n2-3 p2 read = null", True, id="failed, did not happen"),
        pytest.param("0-1 p1 cas [null,3] = [null,3]\n2-3 p2 read = 3", True, id="compared equal"),
        pytest.param("0-1 p1 cas [1,3] = [1,3]", False, id="compared equal to what was never there"),
        pytest.param("0-1 p1 cas [null,3] ! unequal", False, id="a refusal that is a lie"),
        pytest.param("0-1 p1 cas [1,3] ! unequal", True, id="a refusal that is true"),
        pytest.param("0-1 p1 cas [null,3] ! unavailable", True, id="a failure that asserts nothing"),
        pytest.param("0-1 p1 other 3 = 4", True, id="not the model's business"),
    ],
)
def test_verdict(history: Read, text: str, *, valid: bool) -> None:
    assert linearizable(CasRegister())(history(text)).valid is valid


def test_the_first_impossible_return_is_named_with_the_last_effect_before_it(history: Read) -> None:
    text = """
    0-1 p1 write 3 = 3
    2-3 p1 write 4 = 4
    4-5 p4 read = 4
    6-8 p5 write 6 = 6
    7-9 p2 read = 3
    10-11 p2 read = 5
    """
    verdict = linearizable(Register())(history(text))
    assert verdict.culprits == (9, 3)
    assert verdict.because == (
        "not-linearizable: process 2's read at 0.009 s (op 9) returned 3, impossible in every state it could "
        "meet: 6; the last effect acknowledged before it began was process 1's write at 0.003 s (op 3)"
    )


def test_a_model_may_say_it_in_its_own_words(history: Read) -> None:
    class Outspoken(Register):
        def explain(self, states: Sequence[Any], f: str, argument: Any, result: Any) -> tuple[str, str]:
            return "stale-read", f"returned {result}, but it was {states[0]}"

    verdict = linearizable(Outspoken())(history("0-1 p1 write 3 = 3\n2-3 p2 read = 1"))
    assert verdict.anomaly == "stale-read"
    words = "stale-read: process 2's read at 0.003 s (op 3) returned 1, but it was 3;"
    assert verdict.because.startswith(words)


@pytest.mark.parametrize("bad", [{"seconds": 0}, {"seconds": -1}, {"bytes": 0}])
def test_a_budget_of_nothing_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="more than 0"):
        Budget(**bad)


def test_many_undecided_operations_of_one_kind_are_cheap(history: Read) -> None:
    lines = [f"{ms}-{ms + 1} p{ms} write {ms % 3} ?" for ms in range(60)]
    reads = [f"{ms}-{ms + 1} p99 read = {ms % 3}" for ms in range(100, 160, 2)]
    verdict = linearizable(Register())(history("\n".join(lines + reads)))
    assert verdict.valid is True


class Step(NamedTuple):
    """What one of three clients does next: invoke, or complete what is open."""

    client: int
    f: str
    argument: Any
    kind: str
    result: Any


def _steps(f: str) -> st.SearchStrategy[Step]:
    value = st.integers(0, 2)
    argument = {"read": st.none(), "write": value, "cas": st.tuples(value, value).map(list)}[f]
    kinds = st.sampled_from(["ok", "ok", "ok", "ok", "fail", "info"])
    return st.builds(Step, st.integers(0, 2), st.just(f), argument, kinds, value)


def _played(steps: list[Step]) -> History:
    """Let three clients take these steps; each completes its operation as told by the step that began it."""
    events: list[dict[str, Any]] = []
    open_steps: dict[int, Step] = {}
    process = [0, 1, 2]
    for step in steps:
        client = step.client
        begun = open_steps.pop(client, None)
        shared = {"process": process[client]}
        if begun is None:
            open_steps[client] = step
            events.append({**shared, "type": "invoke", "f": step.f, "value": step.argument})
            continue
        result = begun.result if begun.f == "read" else begun.argument
        error = ["unequal", None] if begun.f == "cas" else ["unavailable", None]
        events.append(
            {
                **shared,
                "type": begun.kind,
                "f": begun.f,
                "value": result,
                "error": None if begun.kind == "ok" else error,
            }
        )
        if begun.kind == "info":
            process[client] += 3
    return History(Op(index=index, time=index, **event) for index, event in enumerate(events))


steps = st.sampled_from(["read", "read", "write", "cas"]).flatmap(_steps)
histories = st.lists(steps, max_size=13).map(_played)


def _brute_force(history: History) -> bool:
    """Try all orders of all that must have happened, and of any part of what may have."""
    must: list[tuple[Op, int, Any]] = []
    may: list[tuple[Op, int, Any]] = []
    for invoke, completion in history.operations():
        if completion is None or completion.type == "info":
            may.append((invoke, len(history), UNKNOWN))
        elif completion.type == "ok":
            must.append((invoke, completion.index, completion.value))
        elif completion.error[0] == "unequal":
            must.append((invoke, completion.index, Refused("unequal")))
    return any(
        _legal(order)
        for count in range(len(may) + 1)
        for part in combinations(may, count)
        for order in permutations([*must, *part])
    )


def _legal(order: Sequence[tuple[Op, int, Any]]) -> bool:
    state: Any = 0
    for place, (invoke, _, result) in enumerate(order):
        if any(returned < invoke.index for _, returned, _ in order[place + 1 :]):
            return False
        state = CasRegister().step(state, invoke.f, invoke.value, result)
        if state is REJECT:
            return False
    return True


def _prefixes(history: History) -> Iterator[History]:
    events = list(history)
    return (History(events[:length]) for length in range(len(events) + 1))


@settings(max_examples=300, deadline=None)
@given(histories)
def test_the_verdict_is_that_of_trying_all_orders(told: History) -> None:
    assert linearizable(CasRegister(0))(told).valid is _brute_force(told)


@given(histories)
def test_the_order_of_a_valid_history_explains_it(told: History) -> None:
    verdict = linearizable(CasRegister(0))(told)
    if verdict.valid:
        assert explains(CasRegister(0), told, verdict.details["order"])


@given(histories)
def test_every_beginning_of_a_valid_history_is_valid(told: History) -> None:
    check = linearizable(CasRegister(0))
    verdict = check(told)
    valid_up_to = len(told) if verdict.valid else verdict.culprits[0]
    for prefix in _prefixes(told):
        if len(prefix) <= valid_up_to:
            assert check(prefix).valid is True
        elif all(op.type != "fail" for op in told):  # before it failed, it may have happened
            assert check(prefix).valid is False


@given(histories)
def test_the_same_history_gets_the_same_verdict(told: History) -> None:
    assert linearizable(CasRegister(0))(told) == linearizable(CasRegister(0))(told)


@pytest.mark.parametrize(
    ("order", "good"),
    [
        pytest.param([0, 2, 4], True, id="the right order"),
        pytest.param([0, 2], True, id="the optional one left out"),
        pytest.param([2, 0], False, id="illegal for the model"),
        pytest.param([4, 0, 2], False, id="before it was sent"),
        pytest.param([0], False, id="one missing"),
        pytest.param([0, 2, 2], False, id="one twice"),
        pytest.param([0, 2, 1], False, id="not an invocation"),
    ],
)
def test_a_witness_is_checked_on_its_own(history: Read, order: list[int], *, good: bool) -> None:
    told = history("0-1 p1 write 3 = 3\n2-3 p2 read = 3\n4-5 p3 write 3 ?")
    assert explains(Register(), told, order) is good
