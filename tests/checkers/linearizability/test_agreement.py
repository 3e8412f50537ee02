"""Kernel, twin, and trying all orders: for every model the same verdict on the same tiny histories.

``make fuzz`` tries more of them.
"""

import os
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dsm_jepsen.checkers.linearizability.check import Part, check_columns
from dsm_jepsen.checkers.linearizability.descent import PATIENCE
from dsm_jepsen.checkers.models import (
    REJECT,
    UNKNOWN,
    CasRegister,
    Keyed,
    KeyValue,
    NonDeterministic,
    OneSequence,
    Refused,
    UnorderedQueue,
)
from dsm_jepsen.history import History, Op

EXAMPLES = int(os.environ.get("DSM_JEPSEN_FUZZ", "100"))
CLIENTS = 3
OPERATIONS = 7

States = Mapping[Any, Any]
"""Of a model's things, by key."""


class Call(NamedTuple):
    """An operation to be explained: when it was called, when it returned if ever, and what it came to."""

    called: int
    returned: float
    f: str
    argument: Any
    result: Any


def key_of(model: Any, call: Call) -> Any:
    return model.part(*call[2:])[0] if isinstance(model, Keyed) else None


def steps(model: Any, states: States, f: str, argument: Any, result: Any) -> Iterator[States]:
    key = None
    if isinstance(model, Keyed):
        key, argument, result = model.part(f, argument, result)
    state = states.get(key, model.init())
    if isinstance(model, NonDeterministic):
        ends: Iterable[Any] = model.steps(state, f, argument, result)
    else:
        ends = [model.step(state, f, argument, result)]
    return ({**states, key: end} for end in ends if end is not REJECT)


def calls_of(model: Any, history: History) -> Iterator[Call]:
    for invoke, completion in history.operations():
        call = Call(invoke.index, inf, invoke.f, invoke.value, UNKNOWN)
        if completion is None or completion.type == "info":
            yield call
        elif completion.type == "ok":
            yield call._replace(returned=completion.index, result=completion.value)
        elif completion.error[0] in model.refusals:
            yield call._replace(returned=completion.index, result=Refused(*completion.error))


def explained(model: Any, calls: Sequence[Call], states: States) -> bool:
    """Try all orders."""
    soonest = min((call.returned for call in calls), default=inf)
    return soonest == inf or any(
        explained(model, [*calls[:at], *calls[at + 1 :]], after)
        for at, call in enumerate(calls)
        if call.called < soonest
        for after in steps(model, states, call.f, call.argument, call.result)
    )


def first_impossible(model: Any, calls: Sequence[Call]) -> float | None:
    """Give the first return that cannot be explained, if there is one."""
    for end in sorted({call.returned for call in calls} - {inf}):
        begun = [call for call in calls if call.called < end]
        so_far = [call._replace(returned=inf) if call.returned > end else call for call in begun]
        if not explained(model, so_far, {}):
            return end
    return None


class Tape:
    """Choices, read one by one."""

    def __init__(self, choices: bytes) -> None:
        self.left = iter(choices)
        self.over = False

    def choose(self, among: int) -> int:
        choice = next(self.left, None)
        self.over |= choice is None
        return (choice or 0) % among


class Player:
    """Clients of a right system, as the tape says; some lose their patience, and some are told wrong."""

    def __init__(self, alphabet: Any, choices: bytes, *, losses: bool, lies: bool) -> None:
        self.model, self.operations = alphabet
        self.tape = Tape(choices)
        self.losses, self.lies = losses, lies
        self.states: States = {}
        self.events: list[dict[str, Any]] = []
        self.open: dict[int, dict[str, Any]] = {}
        self.late: list[dict[str, Any]] = []
        self.processes = list(range(CLIENTS))
        self.called = 0

    def play(self) -> History:
        while not self.tape.over:
            client = self.tape.choose(CLIENTS)
            if client not in self.open:
                self.call(client)
            elif self.losses and self.tape.choose(6) == 5:
                self.lose(client)
            elif "ending" not in self.open[client]:
                self.take_effect(self.open[client])
            else:
                self.answer(client)
            if self.late and self.tape.choose(3) == 2:
                self.take_effect(self.late.pop())
        return History(Op(index=index, time=index, **event) for index, event in enumerate(self.events))

    def call(self, client: int) -> None:
        if self.called == OPERATIONS:
            return
        self.called += 1
        f, argument, results = self.operations[self.tape.choose(len(self.operations))]
        self.open[client] = {"f": f, "argument": argument, "results": results}
        self.tell(client, type="invoke", f=f, value=argument)

    def take_effect(self, one: dict[str, Any]) -> None:
        possible = [
            (result, states)
            for result in one["results"]
            for states in steps(self.model, self.states, one["f"], one["argument"], result)
        ]
        one["ending"] = Refused("unavailable")
        if possible:
            one["ending"], self.states = possible[self.tape.choose(len(possible))]

    def answer(self, client: int) -> None:
        one = self.open.pop(client)
        ending = one["ending"]
        if self.lies and self.tape.choose(4) == 3:
            ending = one["results"][self.tape.choose(len(one["results"]))]
        if isinstance(ending, Refused):
            self.tell(client, type="fail", f=one["f"], value=one["argument"], error=list(ending))
        else:
            self.tell(client, type="ok", f=one["f"], value=ending)

    def lose(self, client: int) -> None:
        one = self.open.pop(client)
        if self.tape.choose(2):
            self.tell(client, type="info", f=one["f"], value=one["argument"])
        self.processes[client] += CLIENTS
        if "ending" not in one:
            self.late.append(one)

    def tell(self, client: int, **event: Any) -> None:
        self.events.append({"process": self.processes[client], **event})


def judged(parts: Sequence[Part]) -> bool:
    return all(part.valid for part in parts)


def check_explanation(model: Any, calls: Sequence[Call], order: "array[int]") -> None:
    """See that an order is complete, in keeping with real time, and legal."""
    by_call = {call.called: call for call in calls}
    explaining = [by_call[index] for index in order]
    assert len({*order}) == len(order)
    assert {call.called for call in calls if call.returned < inf} <= {*order}
    latest = -1
    possible: list[States] = [{}]
    for call in explaining:
        latest = max(latest, call.called)
        assert call.returned > latest, "it returned before one that comes earlier was called"
        possible = [after for states in possible for after in steps(model, states, *call[2:])]
        assert possible, "impossible there"


NO_DESCENT = -1
"""A descent's patience with which the sweeps decide what it would have decided."""

tapes = st.binary(min_size=60, max_size=60)
tried = settings(max_examples=EXAMPLES // 4, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("lies", [False, True], ids=["right", "corrupted"])
@pytest.mark.parametrize("losses", [False, True], ids=["all return", "some lost"])
@tried
@given(choices=tapes, patience=st.sampled_from([PATIENCE, 1, NO_DESCENT]))
def test_kernel_and_twin_say_what_trying_all_orders_says(
    alphabet: Any, choices: bytes, patience: int, *, losses: bool, lies: bool
) -> None:
    model = alphabet.model
    history = Player(alphabet, choices, losses=losses, lies=lies).play()
    calls = list(calls_of(model, history))
    valid = explained(model, calls, {})
    assert valid or lies
    for native in (True, False):
        parts = check_columns(history.columns, model, native=native, patience=patience)
        assert judged(parts) is valid
        for part in parts:
            alike = [call for call in calls if key_of(model, call) == part.key]
            if part.valid:
                check_explanation(model, alike, part.order)
                continue
            if part.valid is None:  # harder to judge than a later one that is invalid
                assert parts[-1].valid is False
                continue
            first = first_impossible(model, alike)
            assert first is not None
            foresees = isinstance(model, OneSequence)  # that a coming read will be impossible
            assert part.event <= first if foresees else part.event == first


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize(("read", "valid"), [(None, True), (1, False)])
def test_a_write_that_was_refused_did_not_happen(read: Any, *, valid: bool, native: bool) -> None:
    history = History(
        [
            Op(index=0, time=0, type="invoke", process=0, f="write", value=1),
            Op(index=1, time=1, type="fail", process=0, f="write", value=1, error=["unequal"]),
            Op(index=2, time=2, type="invoke", process=1, f="read"),
            Op(index=3, time=3, type="ok", process=1, f="read", value=read),
        ]
    )
    assert judged(check_columns(history.columns, CasRegister(), native=native)) is valid


@tried
@given(choices=tapes)
def test_to_count_what_an_unordered_queue_lost_is_as_good_as_to_choose_it(
    unordered_queue: Any, choices: bytes
) -> None:
    history = Player(unordered_queue, choices, losses=True, lies=True).play()
    calls = list(calls_of(UnorderedQueue(), history))
    assert explained(UnorderedQueue(), calls, {}) is explained(unordered_queue.model, calls, {})


def strings(*events: tuple[int, Any, str, str | None]) -> History:
    """Make a history of one string: process, type, f, and what is written or read."""
    return History(
        Op(index=index, time=index, type=type_, process=process, f=f, value=["k", value])
        for index, (process, type_, f, value) in enumerate(events)
    )


APPENDS = [(client, "append", f"{client} ") for client in range(12)]


@pytest.mark.parametrize("native", [True, False])
def test_orders_of_lost_appends_that_a_read_does_not_begin_with_are_not_tried(*, native: bool) -> None:
    lost = [(client, "invoke", f, value) for client, f, value in APPENDS]
    history = strings(*lost, (12, "invoke", "get", None), (12, "ok", "get", "nowhere"))
    (part,) = check_columns(history.columns, KeyValue(), native=native, effort=10)
    assert part.valid is False


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("patience", [PATIENCE, NO_DESCENT])
def test_orders_of_appends_that_nobody_can_read_any_more_are_not_tried(
    patience: int, *, native: bool
) -> None:
    called, returned = (
        [(client, type_, f, value) for client, f, value in APPENDS] for type_ in ("invoke", "ok")
    )
    readers = (12, "get", "10 11 "), (13, "get", "11 10 ")  # one of them is wrong
    asking = [(reader, "invoke", f, None) for reader, f, _ in readers]
    answered = [(reader, "ok", f, value) for reader, f, value in readers]
    history = strings(*asking, *called, *returned, *answered)
    (part,) = check_columns(history.columns, KeyValue(), native=native, effort=10, patience=patience)
    assert part.valid is False
