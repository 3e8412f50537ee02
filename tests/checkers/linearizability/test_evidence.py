"""What shows a verdict stands up on its own: by validation, and by trying all orders."""

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from dsm_jepsen.checkers.linearizability.check import Budget, Linearizability, check_linearizable
from dsm_jepsen.checkers.linearizability.core import Case, EvidenceError, Ruling
from dsm_jepsen.checkers.linearizability.witness import Told, asked, explains, told
from dsm_jepsen.checkers.models import (
    REJECT,
    CasRegister,
    Fact,
    FencedLock,
    Model,
    Mutex,
    ReentrantLock,
    Refused,
    Register,
    Registers,
    deterministic,
)
from dsm_jepsen.history import History, Op
from dsm_jepsen.history.op import type_names

Read = Callable[[str], History]

CLIENTS = 3
OPERATIONS = 7

small = settings(
    max_examples=25,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
tapes = st.lists(st.integers(0, 999), min_size=8, max_size=40)


def played(alphabet: Any, tape: Sequence[int]) -> History:
    """Make a history: operations take effect as they return; some are lost, some clients told wrong."""
    model = deterministic(alphabet.model)
    events: list[dict[str, Any]] = []
    running: dict[int, tuple[str, Any, list[Any]]] = {}
    states: dict[bytes, Any] = {}
    called = [0] * CLIENTS
    for choice in tape:
        at, more = choice % CLIENTS, choice // CLIENTS
        who = {"process": at + CLIENTS * called[at]}
        if at not in running:
            if sum(called) + len(running) < OPERATIONS:
                f, argument, _ = running[at] = alphabet.operations[more % len(alphabet.operations)]
                events.append({**who, "type": "invoke", "f": f, "value": argument})
            continue
        f, argument, results = running.pop(at)
        called[at] += 1
        results = results[more % len(results) :] + results[: more % len(results)]
        wrong = more % 7 == 6
        result = results[0] if wrong else _legal(model, states, f, argument, results)
        if more % 5 == 4:
            events.append({**who, "type": "info", "f": f, "value": argument})
        elif isinstance(result, Refused):
            events.append({**who, "type": "fail", "f": f, "value": argument, "error": list(result)})
        else:
            events.append({**who, "type": "ok", "f": f, "value": result})
    return History(Op(index=index, time=index * 10**9, **event) for index, event in enumerate(events))


def _legal(model: Model, states: dict[bytes, Any], f: str, argument: Any, results: Sequence[Any]) -> Any:
    for result in results:
        history = History([Op(index=0, time=0, type="invoke", process=0, f=f, value=argument)])
        ((key, *says),) = asked(model, history, [(0, result)])
        after = model.step(states.get(key, model.init()), *says)
        if after is not REJECT:
            states[key] = after
            return result
    return Refused("unavailable")


def orders(model: Model, history: History) -> Iterator[list[int]]:
    """Give all orders that explain a history, found by trying."""

    def following(left: dict[int, Told], states: dict[bytes, Any]) -> Iterator[list[int]]:
        soonest = min((one.returned for one in left.values()), default=len(history))
        if soonest == len(history):
            yield []
        for index, one in left.items():
            if index > soonest:
                continue
            ((key, *says),) = asked(model, history, [(index, one.result)])
            after = model.step(states.get(key, model.init()), *says)
            if after is not REJECT:
                rest = {other: its for other, its in left.items() if other != index}
                for order in following(rest, {**states, key: after}):
                    yield [index, *order]

    return following(dict(told(model, history)), {})


def explained(model: Model, history: History) -> bool:
    return next(orders(model, history), None) is not None


def case_of(model: Model, history: History, key: Any) -> Case:
    def judge(*_: Any) -> Ruling:
        raise AssertionError

    return Case(history, model, key=key, judge=judge)


def kept(case: Case, sub: Any) -> History:
    """Make a history of what is kept of a part, each operation by a process of its own."""
    (types, _, partners, fs, values, errors, names, items), _ = case.weakened(sub)
    return History(
        Op(
            index=index,
            time=index,
            type=type_names[code],
            process=partners[index] if code else index,
            f=names[fs[index]],
            value=items[values[index]],
            error=items[errors[index]],
        )
        for index, code in enumerate(types)
    )


@small
@given(tape=tapes)
def test_a_counterexample_holds_and_nothing_can_be_left_out_of_it(alphabet: Any, tape: list[int]) -> None:
    model = deterministic(alphabet.model)
    history = played(alphabet, tape)
    found = check_linearizable(history, alphabet.model).counterexample
    assume(found is not None)
    assert found
    assert not explained(model, found.history())
    assert found.exact
    assert found.complete
    assert found.refusals
    assert found.minimal
    case = case_of(model, history, found.key)
    number = {index: at for at, index in enumerate(case.invocations)}
    sub = {number[one.invoke.index]: one.firm for one in (*found.core, *found.useless)}
    kept_anyway = {found.operation.invoke.index, found.start.invoke.index if found.start else -1}
    for one in found.core:
        if one.firm and one.invoke.index not in kept_anyway:
            weaker = case.loosened(sub, {number[one.invoke.index]})
            assert explained(model, kept(case, weaker)), f"{one} need not be firm"
    json.dumps(found.details)


@small
@given(tape=tapes, choices=st.data())
def test_what_can_be_explained_still_can_when_made_weaker(
    alphabet: Any, tape: list[int], choices: st.DataObject
) -> None:
    model = deterministic(alphabet.model)
    history = played(alphabet, tape)
    result = check_linearizable(history, alphabet.model)
    assume(result.valid and result.parts)
    case = case_of(model, history, choices.draw(st.sampled_from(result.parts)).key)
    sub = case.prefix(choices.draw(st.integers(0, len(case.problem.events) - 1)))
    for way in choices.draw(st.lists(st.sampled_from(["loosen", "cut", "useful"]), max_size=4)):
        resets = [one for one, firm in sub.items() if firm and case.holds(one, Fact.RESETS)]
        if way == "loosen" and sub:
            sub = case.loosened(sub, choices.draw(st.sets(st.sampled_from(sorted(sub)))))
        elif way == "useful":
            sub = case.useful(sub)
        elif resets:
            sub = case.cut(sub, choices.draw(st.sampled_from(resets)))
        assert explained(model, kept(case, sub)), f"not after {way}"


@small
@given(tape=tapes, at=st.integers(0, 99), to=st.integers(0, 99))
def test_a_witness_is_accepted_and_a_spoilt_one_just_if_it_is_one_as_well(
    alphabet: Any, tape: list[int], at: int, to: int
) -> None:
    model = deterministic(alphabet.model)
    history = played(alphabet, tape)
    witness = check_linearizable(history, alphabet.model).witness
    assume(witness)
    assert witness
    order = list(witness)
    possible = list(islice(orders(model, history), 10_000))
    assume(len(possible) < 10_000)
    assert order in possible
    moved = order.pop(at % len(order))
    assert explains(model, history, order) is (order in possible)
    assert not explains(model, history, [*order, moved, moved])
    order.insert(to % (len(order) + 1), moved)
    assert explains(model, history, order) is (order in possible)


def test_an_order_may_not_bring_what_failed(history: Read) -> None:
    events = history("0-1 p1 write 3 ! unavailable\n2-3 p2 read = 3")
    assert not explains(CasRegister(), events, [0, 2])
    assert not explains(CasRegister(), events, [2])


TOLD = """
    0-1   p1 write 1 = 1
    2-3   p1 write 2 = 2
    4-5   p4 read = 2
    6-20  p5 cas [2,4] = [2,4]
    6-7   p1 write 3 = 3
    8-9   p2 read = 3
    10-11 p3 read = 2
    12-13 p3 read = 1
    """


def test_a_counterexample_is_told_in_words_and_drawn(history: Read) -> None:
    found = check_linearizable(history(TOLD), CasRegister()).counterexample
    assert found
    assert found.because == (
        "not-linearizable: process 3's read at 0.011 s (op 12) returned 2, impossible in every state it "
        "could meet: 3; the last effect acknowledged before it began was process 1's write at 0.007 s (op 8)"
    )
    assert [str(one) for one in found.core] == ["write 3", "read = 2"]
    assert found.story.splitlines()[1:] == [
        "2 of 8 operations suffice to show it; write 3 replaced whatever was there before it:",
        "process 1  0.006 s  write 3   ├─┤",
        "process 3  0.010 s  read = 2      ├─┤ ✗",
    ]
    assert list(found.prefix) == [0, 2, 4, 7, 9]
    assert found.culprits == (12, 8)
    assert found.window == (6, 12)
    assert found.details["states"] == [{"state": 3, "because": "returned 2 is impossible"}]


def test_what_may_have_happened_is_drawn_as_open(history: Read) -> None:
    events = history("0-1 p1 write 1 = 1\n2- p2 write 2\n4-5 p3 read = 2\n6-7 p3 read = 1")
    found = check_linearizable(events, Register()).counterexample
    assert found
    assert found.timeline.splitlines() == [
        "process 1  0.000 s  write 1    ├─┤",
        "process 2  0.002 s  write 2 ?      ├┄┄┄┄┄┄┄┄┄▷",
        "process 3  0.004 s  read = 2         ├─┤",
        "           0.006 s  read = 1             ├─┤ ✗",
    ]


def test_an_operation_may_be_impossible_because_of_how_another_ended_later(history: Read) -> None:
    text = """
        0-20 p1 acquire {"client":"x"} = {"client":"x","fence":3}
        1-2  p2 release {"client":"x"} = {"client":"x"}
        3-4  p3 acquire {"client":"x"} = {"client":"x","fence":3}
        """
    found = check_linearizable(history(text), FencedLock()).counterexample
    assert found
    assert found.operation.completion
    assert found.operation.completion.index == 4
    assert found.culprits[:2] == (4, 5)
    assert found.minimal


def test_a_witness_of_several_parts_is_one_order(history: Read) -> None:
    events = history(
        '0-9 p1 write ["x",1] = ["x",1]\n1-8 p2 write ["y",1] = ["y",1]\n2-3 p3 read ["x",null] = ["x",1]\n'
        '4-5 p3 read ["y",null] = ["y",null]\n10-11 p3 read ["y",null] = ["y",1]'
    )
    result = check_linearizable(events, Registers())
    assert result.valid
    assert result.because == "5 operations, explained by an order of 5 that took effect"
    assert result.witness
    assert sorted(result.witness) == [0, 1, 2, 4, 8]
    assert explains(Registers(), events, result.witness)


def test_of_several_parts_that_is_told_of_in_which_something_is_impossible_first(history: Read) -> None:
    result = check_linearizable(
        history(
            '0-1 p1 write ["x",1] = ["x",1]\n2-3 p2 write ["y",1] = ["y",1]\n'
            '4-5 p3 read ["y",null] = ["y",9]\n6-7 p3 read ["x",null] = ["x",9]'
        ),
        Registers(),
    )
    assert result.counterexample
    assert result.counterexample.key == "y"
    assert [part.key for part in result.parts] == ["x"]


def test_a_verdict_on_nothing_says_so(history: Read) -> None:
    nothing = check_linearizable(history("0-1 p1 write 3 ! unavailable"), Register())
    assert nothing.valid
    assert nothing.because == "none of 2 events is of an operation that may have taken effect"
    one = check_linearizable(history("0-1 p1 write 3 = 3"), Register())
    assert one.because == "1 operation, explained by an order of 1 that took effect"


class Contradictory:
    """A register that says otherwise of its steps than it does."""

    refusals: frozenset[str] = frozenset()

    def judges(self, f: str) -> bool:
        return True

    def init(self) -> int:
        return 0

    def step(self, state: int, f: str, argument: Any, result: Any) -> Any:
        return CasRegister(0).step(state, f, argument, result)

    def facts(self, f: str, argument: Any, result: Any) -> Fact:
        return Fact.OBSERVES | Fact.TOTAL


def test_a_model_that_contradicts_itself_is_found_out(history: Read) -> None:
    result = check_linearizable(history("0-1 p1 write 3 = 3\n2-3 p2 read = 0"), Contradictory())
    with pytest.raises(EvidenceError):
        _ = result.witness if result.valid else result.counterexample


def test_what_is_undecided_says_what_ran_out_and_how_far_it_got(history: Read) -> None:
    lines = [f"{at}-{at + 60} p{at} write {at} = {at}" for at in range(40)]
    lines += [f"{61 + at}-{62 + at} p{100 + at} read = {7 * at % 40}" for at in range(0, 80, 2)]
    events = history("\n".join(lines))
    result: Linearizability = check_linearizable(events, CasRegister(), budget=Budget(seconds=1e-9))
    assert result.valid is None or result.counterexample
    if result.valid is None:
        assert result.because.startswith("undecided: the budget of 0 s ran out")
        assert result.details["reached"]


@pytest.mark.parametrize(
    ("model", "text", "because"),
    [
        (
            Mutex(),
            "0-1 p1 acquire = null\n2-3 p2 acquire = null",
            "two-holders: process 2's acquire at 0.003 s (op 3) succeeded, but the lock was held already",
        ),
        (
            ReentrantLock(),
            '0-1 p1 acquire "x" = "x"\n2-3 p2 release "y" = "y"',
            'wrong-release: process 2\'s release at 0.003 s (op 3) of "y" succeeded, but the lock was '
            'held by "x"',
        ),
    ],
)
def test_locks_are_told_of_as_locks(history: Read, model: Any, text: str, because: str) -> None:
    assert check_linearizable(history(text), model).because.startswith(because)
