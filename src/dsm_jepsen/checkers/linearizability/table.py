"""What is known of a model: its symbols and states as numbers, kept from one history to the next.

The native kernel has a class of the same name and shape; this one serves where there is none, and is its oracle.
"""

from array import array
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, Final

from dsm_jepsen.checkers.linearizability.meaning import TO_BE_FOUND, Kind, Meaning, Sign, canonical
from dsm_jepsen.checkers.linearizability.search import Found, decide
from dsm_jepsen.checkers.linearizability.sweep import NEVER, REJECTED, Problem
from dsm_jepsen.checkers.models import KEEP, Fact

_INVOKE, _OK, _FAIL, _INFO = range(4)
_CLOSURE: Final = 4096
"""States times symbols that are tried to find out what holds everywhere."""

Answer = tuple[Hashable, int, int, list[Any], bytes, int, int]
"""Of a part: its key; 0 valid, 1 invalid, 2 unknown; index of the event that cannot be explained, or -1; states that
it could have met; invocations' indexes in order, 32 bits each; widest layer; number of operations."""


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
        self._known: dict[tuple[str, bytes], tuple[Hashable, int]] = {}
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

    def states(self, numbers: Iterable[int]) -> list[Any]:
        """Give states by their numbers."""
        return [self._states[number] for number in numbers]

    def check(
        self,
        types: Sequence[int],
        processes: Sequence[int],
        partners: Sequence[int],
        fs: Sequence[str],
        values: Sequence[Any],
        errors: Mapping[int, Any],
        stop: Callable[[], bool],
    ) -> list[Answer]:
        """Judge a history's columns, part by part, until one is invalid."""
        answers = []
        for key, problem, invocations, indexes in self.parts(types, processes, partners, fs, values, errors):
            found = decide(self, problem, self.initial, stop)
            answers.append(self._answer(key, found, invocations, indexes))
            if found.valid is False:
                break
        return answers

    def _answer(self, key: Hashable, found: Found, invocations: list[int], indexes: list[int]) -> Answer:
        kind = {True: 0, False: 1, None: 2}[found.valid]
        event = indexes[found.event] if found.event < len(indexes) else -1
        states = self.states(found.states)
        order = array("i", [invocations[operation] for operation in found.order])
        return key, kind, event, states, order.tobytes(), found.widest, len(invocations)

    def parts(
        self,
        types: Sequence[int],
        processes: Sequence[int],
        partners: Sequence[int],
        fs: Sequence[str],
        values: Sequence[Any],
        errors: Mapping[int, Any],
    ) -> list[tuple[Hashable, Problem, list[int], list[int]]]:
        """Give by part its key, the problem, its operations' invocations, and its events, by their indexes."""
        parts: dict[Hashable, tuple[list[int], list[int], list[int], list[int], list[int]]] = {}
        operation: dict[int, tuple[Hashable, int]] = {}
        for at, code in enumerate(types):
            if processes[at] < 0:
                continue
            if code != _INVOKE:
                key, number = operation.get(partners[at], (None, -1))
                if number >= 0:
                    events, _, returns, _, indexes = parts[key]
                    if returns[number] != NEVER:
                        returns[number] = len(events)
                        events.append(~number)
                        indexes.append(at)
                continue
            partner = partners[at]
            ending = _INFO if partner < 0 else types[partner]
            sign, result = Sign.UNKNOWN, None
            if ending == _OK:
                sign, result = Sign.OK, values[partner]
            elif ending == _FAIL:
                sign, result = Sign.REFUSED, self._meaning.refusal(errors.get(partner))
                if result is None:
                    continue
            if not self._meaning.model.judges(fs[at]):
                continue
            key, symbol = self._symbol(fs[at], values[at], sign, result)
            events, symbols, returns, invocations, indexes = parts.setdefault(key, ([], [], [], [], []))
            operation[at] = key, len(symbols)
            events.append(len(symbols))
            symbols.append(symbol)
            returns.append(NEVER if ending == _INFO else 0)
            invocations.append(at)
            indexes.append(at)
        if self._finding and self._found < len(self._told):
            self._found = len(self._told)
            self._facts = self._find_out()
        return [
            (self._keys[key], Problem(events, symbols, returns, self._facts), invocations, indexes)
            for key, (events, symbols, returns, invocations, indexes) in parts.items()
        ]

    def _symbol(self, f: str, argument: Any, sign: Sign, result: Any) -> tuple[bytes, int]:
        """Give the part's canonical key, and the number of what the operation does."""
        told = f, canonical([argument, sign, result])
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
            return _of_assignment(*does)
        if self._meaning.kind is Kind.SEQUENCE:
            return _OF_EDIT[does[0]]
        (facts,) = does
        self._finding |= facts == TO_BE_FOUND
        return max(facts, 0)

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


def _of_assignment(test: int, _value: Any, then: Any, possible: int) -> int:
    if then is KEEP:
        return Fact.OBSERVES | (Fact.TOTAL if test == 0 or possible else Fact(0))
    if test == 0:
        return Fact.TOTAL | Fact.RESETS
    return Fact.TOTAL if possible else Fact(0)


_OF_EDIT: Final = (Fact.TOTAL, Fact.TOTAL | Fact.RESETS, Fact.OBSERVES, Fact.OBSERVES | Fact.TOTAL)
"""By kind of edit."""
