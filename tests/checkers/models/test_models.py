"""What each model accepts, one operation after another.

Operations are written ``f argument = result``, ``f argument ! kind`` for a failure, or ``f argument ?`` for
an unknown outcome; arguments and results as JSON. The last one may be impossible; all before it are possible.
"""

import json
from typing import Any

import pytest

from dsm_jepsen.checkers import Machine, models
from dsm_jepsen.checkers.models import REJECT, UNKNOWN, Keyed, Refused, StepModel, deterministic, named


def read(line: str) -> tuple[str, Any, Any]:
    f, _, rest = line.strip().partition(" ")
    if rest.endswith("?"):
        return f, json.loads(rest[:-1] or "null"), UNKNOWN
    for sign in ("!", "="):
        argument, found, result = rest.rpartition(sign)
        if found:
            ended = Refused(result.strip()) if sign == "!" else json.loads(result)
            return f, json.loads(argument.strip() or "null"), ended
    return f, json.loads(rest or "null"), None


def accepts(model: Any, told: str) -> bool:
    lines = [line for line in told.split(";") if line.strip()]
    states: dict[Any, Any] = {}
    for place, line in enumerate(lines):
        operation, key = read(line), None
        if isinstance(model, Keyed):
            key, *rest = model.part(*operation)
            operation = (operation[0], *rest)
        after = model.step(states.get(key, model.init()), *operation)
        if after is REJECT:
            assert place == len(lines) - 1, f"{line} should be possible"
            return False
        states[key] = after
    return True


REGISTER = models.Register()
CAS = models.CasRegister()
FROM_0 = models.CasRegister(0)
TXN = models.MultiRegister({"x": 0})
FENCED = models.FencedLock()
TWICE = models.FencedLock(2)
X, Y = '{"client": "x"}', '{"client": "y"}'


def fence(client: str, token: int | None) -> str:
    return json.dumps({"client": client, "fence": token})


@pytest.mark.parametrize(
    ("model", "told", "possible"),
    [
        (REGISTER, "write 1; read = 1", True),
        (REGISTER, "write 1; read = 2", False),
        (REGISTER, "write 1; read ?", True),
        (REGISTER, "read = null", True),
        (REGISTER, "write 1; read = null", False),
        (REGISTER, "write 1; read = true", False),
        (REGISTER, "write 1; read = 1.0", False),
        (REGISTER, "write [1]; read = [1]", True),
        (REGISTER, "write [1]; read = [true]", False),
        (models.Register(0), "read = 0", True),
        (models.Register(0), "write 1; read = null", True),
        (CAS, "write 1; cas [1, 2] = [1, 2]; read = 2", True),
        (CAS, "write 1; cas [2, 3] = [2, 3]", False),
        (CAS, "write 1; cas [2, 3] ! unequal; read = 1", True),
        (CAS, "write 1; cas [1, 3] ! unequal", False),
        (CAS, "write 1; cas [1, 3] ?; read = 3", True),
        (CAS, "write 1; cas [2, 3] ?; read = 1", True),
        (CAS, "write 1; write 2 ! unequal; read = 1", True),
        (FROM_0, "read = 0; cas [0, 1] = null; read = null", True),
        (models.Registers(), 'write ["x", 1]; write ["y", 2]; read ["x", null] = ["x", 1]', True),
        (models.Registers(), 'write ["x", 1]; read ["y", null] = ["y", 1]', False),
        (models.Registers(), 'write ["x", 1]; cas ["x", [1, 2]]; read ["x", null] = ["x", 2]', True),
        (TXN, 'txn [["read", "x", null]] = [["read", "x", 0]]', True),
        (TXN, 'txn [["read", "x", null]] = [["read", "x", 1]]', False),
        (TXN, 'txn [["read", "x", null]] = [["read", "x", null]]', True),
        (TXN, 'txn [["read", "y", null]] = [["read", "y", null]]', True),
        (TXN, 'txn [["write", "y", 2]] ?; txn [["read", "y", null]] = [["read", "y", null]]', False),
        (TXN, 'txn [["w", "x", 2], ["r", "x", null]] = [["w", "x", 2], ["r", "x", 2]]', True),
        (TXN, 'txn [["w", "x", 2], ["r", "x", null]] = [["w", "x", 2], ["r", "x", 0]]', False),
        (models.Mutex(), "acquire; release; acquire", True),
        (models.Mutex(), "acquire; acquire", False),
        (models.Mutex(), "release", False),
        (models.Mutex(), "acquire; acquire ?; release", True),
        (models.ReentrantLock(), f"acquire {X}; acquire {X}; release {X}; release {X}; acquire {Y}", True),
        (models.ReentrantLock(), f"acquire {X}; acquire {X}; release {X}; acquire {Y}", False),
        (models.ReentrantLock(), f"acquire {X}; release {Y}", False),
        (models.ReentrantLock(), 'acquire "x"; acquire "y"', False),
        (models.ReentrantLock(1), f"acquire {X}; acquire {X}", False),
        (FENCED, f"acquire {X} = {fence('x', 1)}; release {X}; acquire {Y} = {fence('y', 2)}", True),
        (FENCED, f"acquire {X} = {fence('x', 2)}; release {X}; acquire {Y} = {fence('y', 2)}", False),
        (FENCED, f"acquire {X} = {fence('x', 1)}; acquire {X} = {fence('x', 1)}", False),
        (FENCED, f"acquire {X} ?; release {X}; acquire {Y} = {fence('y', 1)}", True),
        (FENCED, f"acquire {X} = {fence('x', None)}; release {X}; acquire {Y} = {fence('y', 1)}", True),
        (FENCED, f"acquire {X} = {fence('x', 0)}", False),
        (TWICE, f"acquire {X} = {fence('x', 1)}; acquire {X} = {fence('x', 1)}", True),
        (TWICE, f"acquire {X} = {fence('x', 1)}; acquire {X} = {fence('x', 2)}", False),
        (TWICE, f"acquire {X} ?; acquire {X} = {fence('x', 2)}; acquire {X} = {fence('x', 2)}", False),
        (models.Counter(), "add 2; add -1; read = 1", True),
        (models.Counter(), "add 2; read = 1", False),
        (models.Counter(), "add 2; read = null", True),
        (models.Counter(5), "read = 5", True),
        (models.GrowOnlySet(), 'add 1; add "a"; add 1; read = ["a", 1]', True),
        (models.GrowOnlySet(), "add 1; read = [1, 1]", False),
        (models.GrowOnlySet(), "add 1; read = [true]", False),
        (models.GrowOnlySet(), "add 1; read = []", False),
        (models.RemovableSet(), "add 1; add 2; remove 1; remove 3; read = [2]", True),
        (models.RemovableSet(), "add 1; remove 1; read = [1]", False),
        (models.FifoQueue(), "enqueue 1; enqueue 2; dequeue = 1; dequeue = 2; dequeue = null", True),
        (models.FifoQueue(), "enqueue 1; enqueue 2; dequeue = 2", False),
        (models.FifoQueue(), "enqueue 1; dequeue = null", False),
        (models.FifoQueue(), "enqueue 1; dequeue ! empty", False),
        (models.FifoQueue(), "dequeue ! empty; dequeue ?; enqueue 1 ! empty; dequeue = null", True),
        (models.FifoQueue(), "enqueue 1; enqueue 2; dequeue ?; dequeue = 2", True),
        (models.UnorderedQueue(), "enqueue 1; enqueue 2; dequeue = 2; dequeue = 1; dequeue = null", True),
        (models.UnorderedQueue(), "enqueue 1; dequeue = 1; dequeue = 1", False),
        (models.UnorderedQueue(), "enqueue 1; enqueue 2; dequeue ?; dequeue = 2; dequeue = 1", False),
        (models.UnorderedQueue(), "enqueue 1; enqueue 1; dequeue ?; dequeue = 1; dequeue ! empty", True),
        (models.UnorderedQueue(), "enqueue 1; enqueue 2; dequeue ?; dequeue = null", False),
        (models.UnorderedQueue(), "enqueue 1; dequeue ?; enqueue 2; dequeue = 2", True),
        (models.Stack(), "push 1; push 2; pop = 2; pop = 1; pop = null", True),
        (models.Stack(), "push 1; push 2; pop = 1", False),
        (models.Stack(), "push 1; push 2; pop ?; pop = 1; pop ! empty", True),
        (models.KeyValue(), 'put ["x", "a"]; append ["x", "b"]; get ["x", null] = ["x", "ab"]', True),
        (models.KeyValue(), 'put ["x", "a"]; get ["y", null] = ["y", "a"]', False),
        (models.KeyValue(), 'get ["x", null] = ["x", null]; get ["x", null] = ["x", ""]', True),
        (models.KeyValue(), 'put ["x", "a"]; get ["x", null] = ["x", null]', False),
        (models.Lists(), 'append ["x", 1]; append ["x", [2]]; read ["x", null] = ["x", [1, [2]]]', True),
        (models.Lists(), 'append ["x", 1]; read ["x", null] = ["x", null]', False),
        (models.Lists(), 'append ["x", 1]; read ["y", null] = ["y", null]', True),
        (models.ListAppend(), 'txn [["append", "x", 1]] ?; txn [["r", "x", null]] = [["r", "x", [1]]]', True),
        (
            models.ListAppend(),
            'txn [["append", "x", 1]] ?; txn [["r", "x", null]] = [["r", "x", null]]',
            False,
        ),
        (
            models.ListAppend(),
            'txn [["append", "x", 1]] ?; txn [["r", "y", null]] = [["r", "y", null]]',
            True,
        ),
    ],
)
def test_possible(model: Any, told: str, *, possible: bool) -> None:
    assert accepts(model, told) is possible


@pytest.mark.parametrize(
    ("model", "told", "because"),
    [
        (models.Counter(), "add 1.5", "whole number"),
        (models.FifoQueue(), "enqueue null", "nothing"),
        (models.KeyValue(), 'put ["x", 1]', "no string"),
        (models.Lists(), 'read ["x", null] = ["x", 1]', "no list"),
        (models.Registers(), 'read ["x", null] = ["y", 1]', "one key"),
        (TXN, 'txn [["append", "x", 1]] ?', "read and write"),
        (models.ListAppend(), 'txn [["w", "x", 1]] ?', "append and r"),
        (TXN, 'txn [["w", "x", 1]] = [["w", "x", 2], ["r", "y", 0]]', "other things"),
        (FENCED, f'acquire {X} = {{"client": "x", "fence": "7"}}', "fence"),
    ],
)
def test_what_no_client_can_mean_is_an_error(model: Any, told: str, because: str) -> None:
    with pytest.raises(ValueError, match=because):
        accepts(model, told)


def seen(version: int, state: str) -> dict[str, Any]:
    return {"version": version, "states": [state], "variables": {}}


@pytest.mark.parametrize(
    ("version", "argument", "result", "after"),
    [
        pytest.param(0, {"event": "next"}, seen(1, "B"), 1, id="accepted"),
        pytest.param(0, {"event": "next"}, seen(1, "C"), None, id="accepted, but led elsewhere"),
        pytest.param(0, {"event": "next", "expect": 1}, seen(1, "B"), None, id="not what was expected"),
        pytest.param(0, {"event": "stay"}, Refused("not-applicable", seen(0, "A")), 0, id="not applicable"),
        pytest.param(1, {"event": "stay"}, Refused("not-applicable", seen(1, "B")), None, id="applicable"),
        pytest.param(0, {"event": "stay"}, Refused("not-applicable", seen(0, "B")), None, id="shown wrong"),
        pytest.param(1, {"event": "next", "expect": 0}, Refused("lost-race"), 1, id="lost a race"),
        pytest.param(1, {"event": "next", "expect": 1}, Refused("lost-race"), None, id="lost no race"),
        pytest.param(0, {"event": "next"}, UNKNOWN, 1, id="unknown, possible"),
        pytest.param(0, {"event": "stay"}, UNKNOWN, 0, id="unknown, not applicable"),
    ],
)
def test_a_state_chart_takes_events(
    ring: Machine, version: int, argument: Any, result: Any, after: int | None
) -> None:
    chart = models.StateChart(ring)
    state = chart.init()
    for _ in range(version):
        state = chart.step(state, "event", {"event": "next"}, UNKNOWN)
    end = chart.step(state, "event", argument, result)
    assert end is REJECT if after is None else end.version == after


def test_any_function_makes_a_model() -> None:
    def step(state: int, f: str, argument: Any, result: Any) -> Any:
        return (state + 1) % 3 if result in (UNKNOWN, state) else REJECT

    model = StepModel(function=step, initial=0, operations=frozenset({"tick"}))
    assert accepts(model, "tick = 0; tick ?; tick = 2; tick = 0")
    assert not accepts(model, "tick = 1")
    assert model.judges("tick")
    assert not model.judges("tock")


def test_a_model_of_many_outcomes_keeps_all_that_may_be(unordered_queue: Any) -> None:
    model = deterministic(unordered_queue.model)
    assert accepts(model, "enqueue 1; enqueue 2; dequeue ?; dequeue = 1; dequeue = null")
    assert not accepts(model, "enqueue 1; enqueue 2; dequeue ?; dequeue = 1; dequeue = 2")
    assert deterministic(model) is model


@pytest.mark.parametrize(
    ("name", "initial", "because"),
    [
        ("cas-regster", None, "did you mean cas-register"),
        ("mutex", 0, "only these have: register"),
        ("counter", "many", "whole number"),
    ],
)
def test_a_model_that_cannot_be_had_is_refused(name: str, initial: Any, because: str) -> None:
    with pytest.raises(ValueError, match=because):
        named(name, initial)


def test_a_model_is_had_by_name_with_a_value_to_begin_with() -> None:
    assert named("register") == models.Register()
    assert named("cas-register", 0) == models.CasRegister(0)
    assert named("register", [1]).init() == (1,)
    assert named("multi-register", {"y": 1, "x": 0}) == models.MultiRegister({"x": 0, "y": 1})
