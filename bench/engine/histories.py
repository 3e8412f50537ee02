"""Histories of any length from a seed: right ones by construction, and such that are wrong in hard ways.

A name says it all: ``MODEL-cCLIENTS-nOPERATIONS-vVALUES-iLOST-tTHINK-HOW``. A client calls, is answered after
5 to 105 % of a unit of time, and thinks up to twice THINK units. Each operation takes effect at a random
point between call and return. LOST of the operations never return: half of these take effect at some later
time (up to ten units), half never; the client goes on under a new process number.

Models:
    * cas: a third each of reads, writes and compare-and-sets of VALUES values.
    * reg: reads and writes; uniq: the same, every written value another.
    * queue, stack: half put, half take; every value another.
    * set: adds and reads of everything; with ``v0`` every value another and some fifty reads in all.
    * kv: gets, puts and appends of strings by key, of VALUES keys.

How it ends, or what is wrong with it:
    * ok: two reads when all is quiet; nothing is wrong.
    * bad: the last of them returns what was never there.
    * dom: it returns one of the other values there are.
    * mid, late: a read in the middle or near the end returns another one's value, of a set one element too
      few; many: one in a hundred does (at least three); flip: a compare-and-set failed that succeeded, or the
      other way round.
    * scarce: three compare-and-sets of the same were lost, all along the history; in the end four reads have
      need of them. near: three reads have; nothing is wrong.
"""

import random
from array import array
from copy import copy
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any, NamedTuple

from dsm_jepsen.checkers import models
from dsm_jepsen.history import Columns, History

INVOKE, OK, FAIL, INFO = range(4)
NOWHERE = 99_999_999
"""A value that nobody writes."""

REGISTERS = {"cas", "reg"}
REFUSED = {"cas": ["unequal"], "dequeue": ["empty"], "pop": ["empty"]}


class Name(NamedTuple):
    """What a history's name says."""

    model: str
    clients: int
    operations: int
    values: int
    lost: float
    think: float
    how: str

    @classmethod
    def of(cls, text: str) -> "Name":
        """Read a name."""
        model, c, n, v, i, t, how = text.split("-")
        if how == "dom" and model not in REGISTERS:
            raise ValueError(f"{text}: only registers have values to choose a wrong one from")
        return cls(model, int(c[1:]), int(n[1:]), int(v[1:]), float(i[1:]), float(t[1:]), how)

    def __str__(self) -> str:
        model, c, n, v, i, t, how = self
        return f"{model}-c{c}-n{n}-v{v}-i{i:g}-t{t:g}-{how}"

    @property
    def valid(self) -> bool | None:
        """The verdict, where it is known by construction; elsewhere it depends on what else was open."""
        if self.how == "dom" and self.lost:
            return None
        return {"ok": True, "near": True, "bad": False, "dom": False, "scarce": False}.get(self.how)


@dataclass
class Events:
    """Columns that grow."""

    types: bytearray
    processes: "array[int]"
    partners: "array[int]"
    fs: list[str]
    values: list[Any]
    errors: dict[int, Any]

    def call(self, process: int, f: str, value: Any) -> int:
        """Add an invocation."""
        at = len(self.types)
        self.types.append(INVOKE)
        self.processes.append(process)
        self.partners.append(-1)
        self.fs.append(f)
        self.values.append(value)
        return at

    def end(self, call: int, code: int, value: Any) -> None:
        """Add a completion."""
        at = len(self.types)
        self.types.append(code)
        self.processes.append(self.processes[call])
        self.partners.append(call)
        self.partners[call] = at
        self.fs.append(self.fs[call])
        self.values.append(value)
        if code == FAIL:
            self.errors[at] = REFUSED[self.fs[call]]

    def copy(self) -> "Events":
        """Give one that can be changed."""
        types, processes, partners, fs, values, errors = vars(self).values()
        return Events(types[:], processes[:], partners[:], fs[:], values[:], dict(errors))


def history(name: str, seed: int = 1) -> History:
    """Make the history of this name."""
    asked = Name.of(name)
    return finished(simulated(asked, seed), asked, seed)


def model_of(name: str) -> Any:
    """The model that judges the history of this name."""
    made = {"cas": models.CasRegister, "reg": models.Register, "uniq": models.Register, "kv": models.KeyValue}
    made |= {"queue": models.FifoQueue, "stack": models.Stack, "set": models.GrowOnlySet}
    return made[Name.of(name).model]()


def simulated(name: Name, seed: int) -> tuple[Events, "Machine"]:
    """Let the clients work; how it ends is ``finished``'s matter."""
    # By hand and not by simulated hosts: a million operations are wanted within seconds.
    rng = random.Random(f"{name._replace(how='')} {seed}")
    draw = rng.random
    machine = Machine(name, rng)
    events = Events(bytearray(), array("q"), array("q"), [], [], {})
    results: dict[int, tuple[int, Any]] = {}
    left, process, turn = name.operations, name.clients, name.clients
    agenda: list[tuple[float, int, int, int]] = []  # when, tie, what (call, effect, end, loss), of which
    for client in range(name.clients):
        heappush(agenda, (draw(), client, 0, client))
    while agenda:
        now, _, what, which = heappop(agenda)
        turn += 2
        if what == 0:
            if not left:
                continue
            left -= 1
            at = events.call(which, *machine.draws())
            lasts = draw() + 0.05
            if draw() < name.lost:
                if draw() < 0.5:
                    heappush(agenda, (now + 10 * draw(), turn, 1, at))
                heappush(agenda, (now + lasts, turn + 1, 3, at))
            else:
                heappush(agenda, (now + lasts * draw(), turn, 1, at))
                heappush(agenda, (now + lasts, turn + 1, 2, at))
        elif what == 1:
            results[which] = machine.apply(events.fs[which], events.values[which])
        elif what == 2:
            events.end(which, *results.pop(which))
            heappush(agenda, (now + 2 * draw() * name.think, turn, 0, events.processes[which]))
        else:
            events.end(which, INFO, events.values[which])
            heappush(agenda, (now + 2 * draw() * name.think, turn, 0, process))
            process += 1
    return events, machine


class Machine:
    """What the clients work on."""

    def __init__(self, name: Name, rng: random.Random) -> None:
        self._name, self._rng = name, rng
        self._draw = {"cas": self._cas, "reg": self._reg, "uniq": self._uniq, "kv": self._kv}.get(name.model)
        self._puts, self._takes = {"queue": ("enqueue", "dequeue"), "stack": ("push", "pop")}.get(
            name.model, ("add", "read")
        )
        self._reads = min(0.5, 50 / name.operations) if name.values == 0 else 0.5
        self._state: Any = {"queue": [], "stack": [], "set": [], "kv": {}}.get(name.model)
        self._first = self._last = 0

    def draws(self) -> tuple[str, Any]:
        """What is done next: f and value."""
        if self._draw:
            return self._draw()
        if self._name.model == "set":
            if self._rng.random() < self._reads:
                return "read", None
            return "add", self._value()
        return (self._puts, self._value()) if self._rng.random() < 0.5 else (self._takes, None)

    def _value(self) -> int:
        if self._name.values:
            return int(self._rng.random() * self._name.values)
        self._last += 1
        return self._last

    def _cas(self) -> tuple[str, Any]:
        kind = self._rng.random() * 3
        if kind < 1:
            return "read", None
        return ("write", self._value()) if kind < 2 else ("cas", [self._value(), self._value()])

    def _reg(self) -> tuple[str, Any]:
        return ("read", None) if self._rng.random() < 0.5 else ("write", self._value())

    _uniq = _reg

    def _kv(self) -> tuple[str, Any]:
        kind, key = self._rng.random(), str(self._value())
        if kind < 0.45:
            return "get", [key, None]
        self._first += 1
        return ("append", [key, f"{self._first} "]) if kind < 0.95 else ("put", [key, f"{self._first} "])

    def copy(self) -> "Machine":
        """Give one that can be changed."""
        other = copy(self)
        other._state = copy(self._state)  # noqa: SLF001
        return other

    def apply(self, f: str, value: Any) -> tuple[int, Any]:  # noqa: C901 (one line for each kind)
        """Take effect: how it ends, and with what."""
        match f:
            case "read":
                return OK, sorted(self._state) if isinstance(self._state, list) else self._state
            case "write":
                self._state = value
            case "cas" if self._state == value[0]:
                self._state = value[1]
            case "enqueue" | "push":
                self._state.append(value)
            case "add":
                if self._name.values == 0 or value not in self._state:
                    self._state.append(value)
            case "pop" if self._state:
                return OK, self._state.pop()
            case "dequeue" if self._first < len(self._state):
                self._first += 1
                return OK, self._state[self._first - 1]
            case "get":
                return OK, [value[0], self._state.get(value[0], "")]
            case "put":
                self._state[value[0]] = value[1]
            case "append":
                self._state[value[0]] = self._state.get(value[0], "") + value[1]
            case _:
                return FAIL, value
        return OK, value


def finished(simulation: tuple[Events, Machine], name: Name, seed: int) -> History:
    """Make of a simulation the history that is asked for; the simulation can be used again."""
    events, machine = simulation[0].copy(), simulation[1].copy()
    rng = random.Random(f"{name} {seed}")
    process = max(events.processes) + 1
    if name.how in {"scarce", "near"}:
        events = _scarce(events, name, rng)
    else:
        _last_reads(events, machine, name, process)
        _spoiled(events, name, rng)
    return History.of_columns(_columns(events), times=array("q", range(len(events.types))), extras={})


def _columns(events: Events) -> Columns:
    """Give the events as a reader gives them: whatever comes again is there once."""
    numbers: dict[Any, int] = {None: 0}
    items: list[Any] = [None]

    def number(value: Any) -> int:
        name = tuple(value) if isinstance(value, list) else value
        if name not in numbers:
            numbers[name] = len(items)
            items.append(value)
        return numbers[name]

    names = list(dict.fromkeys(events.fs))
    places = {name: place for place, name in enumerate(names)}
    fs = array("i", map(places.__getitem__, events.fs))
    errors = array("i", bytes(4 * len(fs)))
    for at, error in events.errors.items():
        errors[at] = number(error)
    values = array("i", map(number, events.values))
    return Columns(events.types, events.processes, events.partners, fs, values, errors, names, items)


def _last_reads(events: Events, machine: Machine, name: Name, process: int) -> None:
    for last in (False, True):
        f = {"queue": "dequeue", "stack": "pop", "kv": "get"}.get(name.model, "read")
        argument = ["0", None] if f == "get" else None
        if f in {"dequeue", "pop"}:  # there is something to take
            put = "enqueue" if f == "dequeue" else "push"
            code, _ = machine.apply(put, -1 - last)
            events.end(events.call(process, put, -1 - last), code, -1 - last)
        code, value = machine.apply(f, argument)
        if last and name.how == "bad":
            value = {"kv": ["0", "nowhere"], "set": [NOWHERE]}.get(name.model, NOWHERE)
        if last and name.how == "dom":
            value = (value + 1) % name.values
        events.end(events.call(process, f, argument), code, value)


def _spoiled(events: Events, name: Name, rng: random.Random) -> None:
    span = {"mid": (0.4, 0.6), "late": (0.9, 1), "many": (0, 1), "flip": (0.5, 1)}.get(name.how)
    if span is None:
        return
    among = range(int(span[0] * len(events.types)), int(span[1] * len(events.types)))
    asked = {"cas"} if name.how == "flip" else {"read", "get", "dequeue", "pop"}
    found = [at for at in among if events.types[at] in {OK, FAIL} and events.fs[at] in asked]
    if name.how == "flip":
        at = rng.choice(found)
        events.types[at] = OK + FAIL - events.types[at]
        if events.errors.pop(at, None) is None:
            events.errors[at] = REFUSED["cas"]
        return
    found = [at for at in found if events.types[at] == OK]
    wrong = max(3, len(found) // 100) if name.how == "many" else 1
    values = events.values
    for at in rng.sample(found, wrong):
        if name.model == "set":  # the last element was not there yet, or what was never there was
            values[at] = values[at][:-1] or [NOWHERE]
            continue
        others = rng.sample(found, min(len(found), 50))
        if name.model == "kv":
            others = [other for other in others if values[other][0] == values[at][0]]
        other = next((other for other in others if values[other] != values[at]), at)
        if name.model in {"queue", "stack"}:  # they change places: each is taken once only
            values[at], values[other] = values[other], values[at]
        else:
            values[at] = values[other]


def _scarce(events: Events, name: Name, rng: random.Random) -> Events:
    """Lose three equal compare-and-sets on the way, and need three or four of them in the end."""
    if name.model != "cas":
        raise ValueError(f"{name}: only cas histories have compare-and-sets")
    before, after, process = name.values, name.values + 1, max(events.processes) + 1
    lost = sorted(rng.sample(range(len(events.types)), 3))
    made = Events(bytearray(), array("q"), array("q"), [], [], {})
    calls: dict[int, int] = {}
    for at, code in enumerate(events.types):
        while lost and lost[0] <= at:
            lost.pop(0)
            made.call(process, "cas", [before, after])
            process += 1
        if code == INVOKE:
            calls[at] = made.call(events.processes[at], events.fs[at], events.values[at])
        else:
            made.end(calls.pop(events.partners[at]), code, events.values[at])
    for _ in range(4 if name.how == "scarce" else 3):
        made.end(made.call(process, "write", before), OK, before)
        made.end(made.call(process, "read", None), OK, after)
    return made
