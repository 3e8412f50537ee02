"""Tiny histories in a few words, and a machine of three states in a ring.

One operation a line: when it was sent and answered (ms), by whom, what, and how it ended.

    0-5 p1 write 3 = 3          process 1 writes 3, ok; values are JSON without blanks
    0-5 n2 event next = 1 B     a client of n2 (process 2): version 1, state B
    0-5 n2 read = 1 B x=4       ... with a variable
    0-5 n2.7 event next/0 ?     process 7 at n2 expects version 0; outcome unknown (info)
    0-  n2 event next           never answered
    0-5 n2 event set x=4 ! not-applicable 1 B
    9   nemesis start-kill n3   a fault's event: its start or stop is asked for
    9-9 nemesis start-halves = installed n3,n4 minority=n3,n4     ... and completed, with a report
    9-9 nemesis start-kill ! refused                              ... or broke
    0-5 n1 members = {"n2":"a"}     the session of each member

``node_of`` gives n1 for the processes 1, 6, 11 ..., n5 for 5, 10 ..., as if there were five threads.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import pytest

from dsm_jepsen.checkers import Context, models
from dsm_jepsen.checkers.models import UNKNOWN, Refused
from dsm_jepsen.history import History, Op


class Ring:
    """``next`` goes A, B, C, A; ``stay`` is for B alone; ``set`` copies its parameter x."""

    def start(self) -> Context:
        return Context(("A",), ())

    def apply(self, context: Context, event: Mapping[str, Any]) -> Context | None:
        (state,) = context.states
        match event["event"]:
            case "next":
                return Context(({"A": "B", "B": "C", "C": "A"}[state],), context.variables)
            case "stay":
                return context if state == "B" else None
            case "set":
                return Context(context.states, (("x", event["parameters"]["x"]),))
        raise AssertionError(event)


def _variables(words: list[str]) -> dict[str, Any]:
    return {name: json.loads(value) for name, _, value in (word.partition("=") for word in words)}


def _context(words: list[str]) -> dict[str, Any]:
    return {"version": int(words[0]), "states": [words[1]], "variables": _variables(words[2:])}


def _argument(f: str, words: list[str], node: str | None) -> Any:
    if node is None:
        return json.loads(words[0]) if words else None
    if f != "event":
        return None
    name, _, expect = words[0].partition("/")
    event: dict[str, Any] = {"event": name}
    if words[1:]:
        event["parameters"] = _variables(words[1:])
    return {**event, "expect": int(expect)} if expect else event


def _ending(sign: str, words: list[str], argument: Any, node: str | None) -> tuple[str, Any, Any]:
    if sign == "?":
        return "info", argument, ["timeout", None]
    if sign == "!":
        return "fail", argument, [words[0], _context(words[1:]) if words[1:] else None]
    if node is None or (words and words[0].startswith("{")):
        return "ok", json.loads(words[0]), None
    return "ok", {**(argument or {}), **_context(words), "node": node} if words else {"joined": True}, None


def _report(words: list[str]) -> dict[str, Any]:
    report: dict[str, Any] = {"outcome": words[0], "nodes": []}
    for word in words[1:]:
        name, _, value = word.rpartition("=")
        report[name or "nodes"] = _reported(name, value)
    return report


def _reported(name: str, value: str) -> Any:
    if name == "why":
        return value
    return float(value) if name.endswith("_ms") else value.split(",")


def _fault_events(when: str, f: str, words: list[str]) -> list[tuple[int, dict[str, Any]]]:
    start, _, end = when.partition("-")
    events: list[tuple[int, dict[str, Any]]] = [(int(start), {"value": words or None})]
    if end:
        sign, *told = words
        result = {"value": _report(told)} if sign == "=" else {"error": [told[0], None]}
        events = [(int(start), {}), (int(end), result)]
    return [(time, {"type": "info", "process": "nemesis", "f": f, **fields}) for time, fields in events]


def _events(line: str) -> list[tuple[int, dict[str, Any]]]:
    when, who, f, *words = line.split()
    if who == "nemesis":
        return _fault_events(when, f, words)
    start, _, end = when.partition("-")
    name, _, number = who.partition(".")
    node = name if name.startswith("n") else None
    process = int(number or name[1:])
    place = next((place for place, word in enumerate(words) if word in {"=", "!", "?"}), len(words))
    argument = _argument(f, words[:place], node)
    events = [(int(start), {"type": "invoke", "process": process, "f": f, "value": argument})]
    if end:
        kind, value, error = _ending(words[place], words[place + 1 :], argument, node)
        completion = {"type": kind, "process": process, "f": f, "value": value, "error": error}
        events.append((int(end), completion))
    return events


def _history(text: str) -> History:
    lines = [line for line in text.splitlines() if line.strip()]
    events = sorted((event for line in lines for event in _events(line)), key=lambda event: event[0])
    ops = (Op(index=index, time=ms * 1_000_000, **fields) for index, (ms, fields) in enumerate(events))
    return History(ops)


@pytest.fixture(scope="session")
def history() -> Callable[[str], History]:
    """Read a tiny history."""
    return _history


@pytest.fixture(scope="session")
def node_of() -> Callable[[int], str]:
    """Which node a process talks to."""
    return lambda process: f"n{(process - 1) % 5 + 1}"


@pytest.fixture(scope="session")
def ring() -> Ring:
    """A machine of three states."""
    return Ring()


class Alphabet(NamedTuple):
    """A model, and a few of its operations: names, arguments, and what may come, or seem to come, of each."""

    model: Any
    operations: list[tuple[str, Any, list[Any]]]


class Choosy:
    """An unordered queue as it is said to be: a dequeue of unknown outcome takes one of its values."""

    refusals = frozenset({"empty"})

    def __init__(self, room: int) -> None:
        self.room = room

    def judges(self, f: str) -> bool:
        return True

    def init(self) -> tuple[Any, ...]:
        return ()

    def steps(self, state: tuple[Any, ...], f: str, argument: Any, result: Any) -> Iterable[tuple[Any, ...]]:
        if f == "enqueue":
            full = [state] if result is UNKNOWN else []
            return [tuple(sorted((*state, argument)))] if len(state) < self.room else full
        if result is None or isinstance(result, Refused):
            return [] if state else [state]
        left = [(state[:at] + state[at + 1 :], one) for at, one in enumerate(state)]
        if result is UNKNOWN:
            return [rest for rest, _ in left] or [state]
        return [rest for rest, one in left if one == result]


def _shown(version: int, state: str) -> dict[str, Any]:
    return {"version": version, "states": [state], "variables": {}}


_CONTEXTS = [_shown(version, state) for version in range(4) for state in "ABC"]
_WAYS = [Refused(kind, seen) for kind in ("not-applicable", "lost-race") for seen in _CONTEXTS]
_EMPTY = Refused("empty")
_REGISTER = [("write", value, [value]) for value in (1, True, [2])]
_UNEQUAL = Refused("unequal")
_CAS = [("cas", [old, new], [[old, new], _UNEQUAL]) for old, new in ((0, 1), (1, 2), (2, 0))]
_LOCK = [(f, {"client": who}, [None]) for f in ("acquire", "release") for who in ("x", "y")]
_FENCED = [
    (
        f,
        {"client": who},
        [{"client": who, "fence": token} for token in ([1, 2, 3, None] if f == "acquire" else [None])],
    )
    for f in ("acquire", "release")
    for who in ("x", "y")
]
_SETS = [list[Any](), None, ["a"], [1], [1, "a"], ["a", 1], ["a", "a"]]
_LISTS = [None, [], [1], [2], [1, 2], [2, 1], [1, 1]]
_QUEUE = [("enqueue", value, [None]) for value in (1, 2)] + [("dequeue", None, [1, 2, None, _EMPTY])] * 2

ALPHABETS = {
    "register": Alphabet(models.Register(), [("read", None, [None, 1, True, [2], 3])] * 2 + _REGISTER),
    "cas-register": Alphabet(
        models.CasRegister(), [*_CAS, ("write", 0, [0, 0, _UNEQUAL]), ("read", None, [None, 0, 1, 2])]
    ),
    "cas-register from 0": Alphabet(
        models.CasRegister(0), [*_CAS, ("write", None, [None]), ("read", None, [None, 0, 1, 2, _UNEQUAL])]
    ),
    "registers": Alphabet(
        models.Registers(0),
        [("read", [key, None], [[key, value] for value in (None, 0, 1)]) for key in "xy"]
        + [("write", [key, 1], [[key, 1], [key, 1], _UNEQUAL]) for key in "xy"]
        + [("cas", ["x", [1, 0]], [["x", [1, 0]], _UNEQUAL])],
    ),
    "multi-register": Alphabet(
        models.MultiRegister({"x": 0}),
        [("txn", [["write", key, value]], [[["write", key, value]]]) for key in "xy" for value in (0, 1)]
        + [
            (
                "txn",
                [["read", "x", None], ["w", "y", 2], ["r", "y", None]],
                [[["read", "x", x], ["w", "y", 2], ["r", "y", y]] for x in (0, 1, None) for y in (2, 1)],
            ),
            (
                "txn",
                [["r", "y", None], ["r", "x", None]],
                [[["r", "y", y], ["r", "x", 0]] for y in (0, 1, 2, None)],
            ),
        ],
    ),
    "mutex": Alphabet(models.Mutex(), [("acquire", None, [None]), ("release", None, [None])]),
    "reentrant-lock": Alphabet(models.ReentrantLock(2), _LOCK),
    "fenced-lock": Alphabet(models.FencedLock(), _FENCED),
    "reentrant fenced-lock": Alphabet(models.FencedLock(2), _FENCED),
    "counter": Alphabet(
        models.Counter(),
        [("add", number, [None]) for number in (0, 1, 2, -1)] + [("read", None, [*range(-1, 5), None])] * 2,
    ),
    "grow-only-set": Alphabet(
        models.GrowOnlySet(), [("add", 1, [None]), ("add", "a", [None]), ("read", None, _SETS)]
    ),
    "set": Alphabet(
        models.RemovableSet(),
        [
            ("add", 1, [None]),
            ("add", "a", [None]),
            ("remove", 1, [None]),
            ("read", None, _SETS),
            ("remove", "a", [None]),
        ],
    ),
    "fifo-queue": Alphabet(models.FifoQueue(), _QUEUE),
    "unordered-queue": Alphabet(models.UnorderedQueue(), _QUEUE),
    "unordered queue by choice": Alphabet(Choosy(3), _QUEUE),
    "stack": Alphabet(
        models.Stack(),
        [("push", 1, [None]), ("push", 2, [None, None, _EMPTY]), *[("pop", None, [1, 2, None, _EMPTY])] * 2],
    ),
    "key-value": Alphabet(
        models.KeyValue(),
        [
            ("get", [key, None], [[key, text] for text in (None, "", "a", "b", "ab", "ba", "aa")])
            for key in "xy"
        ]
        + [("append", ["x", "a"], [None]), ("append", ["x", "b"], [None]), ("put", ["x", "b"], [None])]
        + [("append", ["y", "a"], [None])],
    ),
    "lists": Alphabet(
        models.Lists(),
        [("append", [key, value], [[key, value]]) for key, value in (("x", 1), ("x", 2), ("y", 1))]
        + [("read", [key, None], [[key, values] for values in _LISTS]) for key in "xy"],
    ),
    "list-append": Alphabet(
        models.ListAppend(),
        [
            ("txn", [["append", "x", 1]], [[["append", "x", 1]]]),
            ("txn", [["append", "x", 2], ["append", "y", 1]], [[["append", "x", 2], ["append", "y", 1]]]),
            ("txn", [["r", "x", None]], [[["r", "x", values]] for values in _LISTS]),
            (
                "txn",
                [["append", "y", 2], ["r", "y", None]],
                [[["append", "y", 2], ["r", "y", values]] for values in _LISTS],
            ),
        ],
    ),
    "state chart": Alphabet(
        models.StateChart(Ring()),
        [
            ("event", {"event": "next"}, _CONTEXTS),
            ("event", {"event": "stay"}, [*_CONTEXTS, *_WAYS[:12]]),
            ("event", {"event": "next", "expect": 1}, [*_CONTEXTS, *_WAYS[12:], Refused("lost-race")]),
            ("read-strong", None, _CONTEXTS),
        ],
    ),
}


@pytest.fixture(scope="session")
def unordered_queue() -> Alphabet:
    """A queue as it is said to be, with room for anything."""
    return Alphabet(Choosy(100), _QUEUE)


@pytest.fixture(scope="session", params=ALPHABETS)
def alphabet(request: pytest.FixtureRequest) -> Alphabet:
    """Every model in turn."""
    return ALPHABETS[request.param]
