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
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from dsm_jepsen.checkers import Context
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
