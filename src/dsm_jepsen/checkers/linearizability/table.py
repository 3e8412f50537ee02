"""What is known of a model: its symbols and states as numbers, kept from one history to the next.

The native kernel has a class of the same name and shape; this one serves where there is none, and is its
oracle. Both take a model whose state is one value at its ``assignment``; that its ``step`` says the same is
seen where all orders are tried, and where a witness is.
"""

from array import array
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Final, NamedTuple

from dsm_jepsen.checkers.linearizability.assignments import ALWAYS, Assigning, Assigns, assigns
from dsm_jepsen.checkers.linearizability.descent import PATIENCE
from dsm_jepsen.checkers.linearizability.foresight import Does, Foreseeing
from dsm_jepsen.checkers.linearizability.meaning import TO_BE_FOUND, Kind, Meaning, Sign, canonical
from dsm_jepsen.checkers.linearizability.problem import NEVER, REJECTED, UNREAD, Machine, Problem
from dsm_jepsen.checkers.linearizability.search import Found, decide
from dsm_jepsen.checkers.models import KEEP, Fact
from dsm_jepsen.checkers.models._values import frozen
from dsm_jepsen.history import Columns

_INVOKE, _OK, _FAIL, _INFO = range(4)
_NOTHING: Final = 0
"""The number of null."""

_PLAIN: Final = frozenset((int, str, type(None)))
_CLOSURE: Final = 4096
"""States times symbols that are tried to find out what holds everywhere."""

Answer = tuple[Hashable, int, int, list[Any], bytes, int, int]
"""Of a part: its key; 0 valid, 1 invalid, 2 unknown; index of the event that cannot be explained, or -1;
states that it could have met; invocations' indexes in order, 32 bits each; widest layer; number of
operations."""


class Part(NamedTuple):
    """What has to do with one key, and where it came from.

    Attributes:
        key: what its operations have in common.
        problem: its events as the search sees them.
        invocations: by operation: index of its invocation in the history.
        indexes: by event of the problem: index in the history.
    """

    key: Hashable
    problem: Problem
    invocations: list[int]
    indexes: list[int]


class Table:
    """A model's table.

    Args:
        meaning: the model.
    """

    def __init__(self, meaning: Meaning) -> None:
        self._meaning = meaning
        self._states: list[Hashable] = []
        self._numbers: dict[Hashable, int] = {}
        self._cells: dict[tuple[int, int], int] = {}
        self._symbols: dict[Hashable, int] = {}
        self._told: list[tuple[str, Any, Sign, Any]] = []
        self._facts: list[int] = []
        self._does: list[Does] = []  # of sequences
        self._assigns: list[Assigns] = []  # of values
        self._known: dict[Hashable, tuple[bytes, int]] = {}
        self._keys: dict[bytes, Hashable] = {}
        self._found = 0
        self._finding = False
        self.initial = self._number(meaning.model.init())

    def step(self, state: int, symbol: int) -> int:
        """Give the state after, or ``REJECTED``; the model is asked once."""
        key = state, symbol
        try:
            return self._cells[key]
        except KeyError:
            after = self._meaning.step(self._states[state], *self._told[symbol])
            return self._cells.setdefault(key, REJECTED if after is NotImplemented else self._number(after))

    def seen(self, state: int, *_: object) -> int:
        """Foresee nothing."""
        return state

    def alike(self, *_: object) -> Sequence[int]:
        """Nothing is known of states."""
        return ()

    def states(self, numbers: Iterable[int]) -> list[Any]:
        """Give states by their numbers."""
        return [self._states[number] for number in numbers]

    def check(self, columns: Columns, stop: Callable[[], bool], patience: int = PATIENCE) -> list[Answer]:
        """Judge a history's columns, part by part, until one is invalid."""
        answers = []
        for part in self.parts(columns):
            found = decide(self.machine(part.problem), part.problem, self.initial, stop, patience)
            answers.append(self._answer(part, found))
            if found.valid is False:
                break
        return answers

    def machine(self, problem: Problem) -> Machine:
        """Give the machine that a part's search asks."""
        if self._meaning.kind is Kind.SEQUENCE:
            return Foreseeing(self, self._states, self._does, problem)
        return Assigning(self._assigns, len(self._states)) if self._meaning.kind is Kind.VALUE else self

    def _answer(self, part: Part, found: Found) -> Answer:
        kind = {True: 0, False: 1, None: 2}[found.valid]
        event = part.indexes[found.event] if found.event < len(part.indexes) else -1
        order = array("i", [part.invocations[operation] for operation in found.order])
        states = self.states(state for state in found.states if state != UNREAD)
        return part.key, kind, event, states, order.tobytes(), found.widest, len(part.invocations)

    def parts(self, columns: Columns) -> list[Part]:
        """Split a history into parts that have nothing to do with each other."""
        parts: dict[bytes, Part] = {}
        operation: dict[int, tuple[Part, int]] = {}
        types, _, partners, fs, values, errors, _, _ = columns
        met: dict[tuple[int, int, int, int], tuple[bytes, int] | None] = {}
        for at, (code, partner) in enumerate(zip(types, partners, strict=True)):
            if code == _INVOKE:
                ending = _INFO if partner < 0 else types[partner]
                told = fs[at], values[at], ending, _NOTHING
                if ending != _INFO:
                    told = fs[at], values[at], ending, (values if ending == _OK else errors)[partner]
                if told not in met:
                    met[told] = self._known_of(columns, *told)
                if (known := met[told]) is not None:
                    key, symbol = known
                    if key not in parts:
                        parts[key] = Part(self._keys[key], Problem([], [], [], self._facts), [], [])
                    operation[at] = parts[key], _call(parts[key], at, symbol, returns=ending != _INFO)
            elif (found := operation.get(partner)) is not None:
                _return(*found, at)
        if self._finding and self._found < len(self._told):
            self._found = len(self._told)
            self._facts[:] = self._find_out()
        return list(parts.values())

    def _known_of(
        self, columns: Columns, f: int, argument: int, ending: int, result: int
    ) -> tuple[bytes, int] | None:
        """Give an operation's part and symbol; ``None`` if there is nothing to judge."""
        names, items = columns.names, columns.items
        told, sign = items[result], Sign.OK
        if ending == _INFO:
            sign = Sign.UNKNOWN
        elif ending == _FAIL:
            told, sign = self._meaning.refusal(told), Sign.REFUSED
            if told is None:
                return None
        if not self._meaning.model.judges(names[f]):
            return None
        return self._symbol(names[f], items[argument], sign, told)

    def _symbol(self, f: str, argument: Any, sign: Sign, result: Any) -> tuple[bytes, int]:
        """Give the part's canonical key, and the number of what the operation does."""
        told = f, sign, _like(argument), _like(result)
        if told not in self._known:
            key, *does = self._meaning.define(f, argument, sign, result)
            named = canonical(key)
            self._keys.setdefault(named, key)
            alike: Hashable = (named, *told)
            if self._meaning.kind is not Kind.ANY:
                alike = canonical(["keep" if one is KEEP else [one] for one in does])
            number = self._symbols.setdefault(alike, len(self._told))
            if number == len(self._told):
                self._told.append((f, argument, sign, result))
                self._facts.append(self._fact(does))
            self._known[told] = named, number
        return self._known[told]

    def _fact(self, does: Sequence[Any]) -> int:
        if self._meaning.kind is Kind.VALUE:
            test, value, then, possible = does
            known = 0 if test == ALWAYS else self._number(value)
            after = None if then is KEEP else self._number(then)
            self._assigns.append(assigns(test, known, after, possible=possible))
            return int(_of_assignment(*does))
        if self._meaning.kind is Kind.SEQUENCE:
            kind, operand = does
            self._does.append((kind, operand if isinstance(operand, str) else frozen(operand)))
            return int(_OF_EDIT[kind])
        (facts,) = does
        self._finding |= facts == TO_BE_FOUND
        return int(max(facts, 0))

    def _find_out(self) -> list[int]:
        """Find what holds in all states that can be reached, if they are few."""
        symbols = range(len(self._told))
        ends: list[set[int]] = [set() for _ in symbols]
        facts = [int(Fact.OBSERVES | Fact.TOTAL | Fact.RESETS)] * len(symbols)
        for state, _ in enumerate(self._states):  # grows meanwhile
            if len(self._states) * len(symbols) > _CLOSURE:
                return [0] * len(symbols)
            for symbol in symbols:
                after = self.step(state, symbol)
                if after == REJECTED:
                    facts[symbol] &= Fact.OBSERVES
                    continue
                ends[symbol].add(after)
                if after != state:
                    facts[symbol] &= ~Fact.OBSERVES
                if len(ends[symbol]) > 1:
                    facts[symbol] &= ~Fact.RESETS
        return [fact & ~Fact.RESETS if fact & Fact.OBSERVES else fact for fact in facts]

    def _number(self, state: Hashable) -> int:
        like = canonical(state) if self._meaning.kind is Kind.VALUE else state  # 1 and true are two values
        number = self._numbers.setdefault(like, len(self._states))
        if number == len(self._states):
            self._states.append(state)
        return number


def _call(part: Part, at: int, symbol: int, *, returns: bool) -> int:
    events, symbols, ends, _ = part.problem
    number = len(symbols)
    events.append(number)
    symbols.append(symbol)
    ends.append(0 if returns else NEVER)
    part.invocations.append(at)
    part.indexes.append(at)
    return number


def _return(part: Part, number: int, at: int) -> None:
    events, _, ends, _ = part.problem
    if ends[number] != NEVER:
        ends[number] = len(events)
        events.append(~number)
        part.indexes.append(at)


def _like(value: Any) -> Hashable:
    """Equal for values that are equal as JSON; most are that as they are."""
    return value if type(value) in _PLAIN else canonical(value)


def _of_assignment(test: int, _value: Any, then: Any, possible: int) -> int:
    if then is KEEP:
        return Fact.OBSERVES | (Fact.TOTAL if test == 0 or possible else Fact(0))
    if test == 0:
        return Fact.TOTAL | Fact.RESETS
    return Fact.TOTAL if possible else Fact(0)


_OF_EDIT: Final = (Fact.TOTAL, Fact.TOTAL | Fact.RESETS, Fact.OBSERVES, Fact.OBSERVES | Fact.TOTAL)
"""By kind of edit."""
