"""The smallest part of a history that still cannot be explained.

A history is made weaker: more orders explain it than before. If none explains the weaker one, none explains
the history. These are the ways; each leaves fewer operations *firm*, that is, bound to happen between call
and return.

* **Prefix**: what is called after a moment is left out, what returns after it becomes *loose*: it may happen
  at any time after its call, with any result, or never. (Of an order for the whole, keep what comes up to the
  last operation that returned by then.)
* **Loosen** any operation. One that changes no state, and is loose, may be left out.
* **Cut** before a firm operation that resets the state: leave out what returned before its call, and loosen
  what was open at the same time. (Of an order for the whole, leave out all before it. It is possible
  anywhere, and all after it goes on from the same state.)
* **Useless** loose operations are left out: those after which, until the next reset, no firm operation is
  possible, whatever loose ones do. (In an order, whatever comes from there to the next reset is loose, and
  may be left out with it.) That is so only while the others are firm, so it is done last.

A write may not just be left out: whoever read it would seem to be wrong.

Loosening is tried on halves, quarters, and so on down to one by one. Once is enough: what has to stay firm in
a history has to in a weaker one, too.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Container, Hashable, Mapping, Sequence
from typing import Any, NamedTuple

from dsm_jepsen.checkers.linearizability.meaning import Kind, Meaning, canonical
from dsm_jepsen.checkers.linearizability.problem import NEVER, REJECTED, Bounds, End, Outcome
from dsm_jepsen.checkers.linearizability.sweep import Sweep
from dsm_jepsen.checkers.linearizability.table import Table
from dsm_jepsen.checkers.models import Fact, Model
from dsm_jepsen.history import Columns, History

_STATES = 256
_CELLS = 20_000
"""States, and states times operations, among which useless operations are looked for."""

_SHORT = 64
"""Events."""

_EACH = 8
"""Resets that are tried one by one; then ever fewer of them."""

_WIDEST = 4096
"""Configurations kept when all states are asked for."""

Sub = Mapping[int, bool]
"""Operations of a part, by number, that are kept; whether they are firm."""


class EvidenceError(RuntimeError):
    """Evidence that does not stand up: the model contradicts itself, or the search is wrong."""


class Ruling(NamedTuple):
    """What the engine says: valid or not (``None``: undecided), and an order by invocations' indexes."""

    valid: bool | None
    order: Sequence[int]


Judge = Callable[[Columns, int], Ruling]
"""Judges columns with so much effort: the search's looks at its budget."""

_EFFORT = 1000
"""For all of a case, in about milliseconds of the kernel. Counted: one history has one piece of evidence."""

_LOOKS = 32
"""For one ruling, beside one for every sixteen events."""


class Case:
    """The part of a history that cannot be explained, and what may be asked of it.

    Args:
        history: the whole.
        model: what should have happened.
        key: of the part.
        judge: the engine.
    """

    def __init__(self, history: History, model: Model, *, key: Hashable, judge: Judge) -> None:
        self._columns = history.columns
        self._judge = judge
        self._effort = _EFFORT
        meaning = Meaning(model)
        self._asked = meaning.kind is Kind.ANY
        self.table = Table(meaning)
        name = canonical(key)
        part = next(one for one in self.table.parts(history.columns) if canonical(one.key) == name)
        self.problem, self.invocations, self.indexes = part.problem, part.invocations, part.indexes
        self.facts = self.problem.facts
        if self._asked:  # what is found out about operations has to hold when others are loose, too
            loose, _ = self.weakened(dict.fromkeys(range(len(self.invocations)), False))
            self.table.parts(loose)
        self._calls = [place for place, event in enumerate(self.problem.events) if event >= 0]

    def call(self, operation: int) -> int:
        """The place of an operation's call among the part's events."""
        return self._calls[operation]

    def holds(self, operation: int, fact: Fact) -> bool:
        """Whether something holds of an operation in every state."""
        return bool(self.facts[self.problem.symbols[operation]] & fact)

    def weakened(self, sub: Sub) -> tuple[Columns, list[int]]:
        """Give columns for what is kept, and the events' indexes in the history."""
        types, _, _, fs, values, errors, names, items = self._columns
        returns = self.problem.returns
        firm = [(self.invocations[one], self.indexes[returns[one]]) for one in sub if sub[one]]
        kept = sorted([self.invocations[one] for one in sub] + [end for _, end in firm])
        place = {index: at for at, index in enumerate(kept)}
        partners = array("q", [-1]) * len(kept)
        for start, end in firm:
            partners[place[start]], partners[place[end]] = place[end], place[start]
        codes, clients = bytearray(types[index] for index in kept), array("q", [0]) * len(kept)
        did, told, missed = (array("i", [column[index] for index in kept]) for column in (fs, values, errors))
        return Columns(codes, clients, partners, did, told, missed, names, items), kept

    def ask(self, sub: Sub) -> Ruling:
        """Have it judged; undecided once the effort for the case is spent.

        The engine supposes at first that what is loose may happen again and again. With a model that has to
        be asked, and many states to come, that is dear: short histories are searched exactly instead.
        """
        if self._effort <= 0:
            return Ruling(None, ())
        columns, kept = self.weakened(sub)
        if self._asked and len(kept) <= _SHORT:
            outcome = self._swept(columns)
            if outcome.end is End.STUCK and not outcome.pruned:
                return Ruling(valid=False, order=())
        looks = _LOOKS + len(kept) // 16
        valid, order = self._judge(columns, looks)
        self._spend(looks if valid is None else 1 + len(kept) // 5000)
        return Ruling(valid, [kept[index] for index in order])

    def _spend(self, effort: int) -> bool:
        """Whether that was all."""
        self._effort -= effort
        return self._effort <= 0

    def prefix(self, place: int) -> Sub:
        """Keep what was called up to an event of the part."""
        returns = self.problem.returns
        called = range(bisect_right(self._calls, place))
        return {
            one: returns[one] <= place
            for one in called
            if returns[one] <= place or not self.holds(one, Fact.OBSERVES)
        }

    def loosened(self, sub: Sub, which: set[int]) -> Sub:
        """Make some operations loose."""
        return {
            one: firm and one not in which
            for one, firm in sub.items()
            if one not in which or not self.holds(one, Fact.OBSERVES)
        }

    def cut(self, sub: Sub, at: int) -> Sub:
        """Leave out what came before an operation that resets the state."""
        returns, call = self.problem.returns, self.call(at)
        within = {one for one in sub if self.call(one) < returns[at] and call < returns[one]} - {at}
        kept = {one: firm for one, firm in sub.items() if not firm or returns[one] >= call}
        return self.loosened(kept, within)

    def useful(self, sub: Sub) -> Sub:
        """Leave out loose operations that nothing firm can come of."""
        columns, kept = self.weakened(sub)
        parts = self.table.parts(columns)
        if not parts:
            return sub
        _, problem, invocations, _ = parts[0]
        resets = {symbol for symbol in problem.symbols if problem.facts[symbol] & Fact.RESETS}
        ends = zip(problem.symbols, problem.returns, strict=True)
        loose = {symbol for symbol, returns in ends if returns == NEVER}
        ends = zip(problem.symbols, problem.returns, strict=True)
        firm = {symbol for symbol, returns in ends if returns != NEVER} - resets
        states = self._reached(sorted(set(problem.symbols)))
        if not loose or not states:
            return sub
        step = self.table.step
        wanted = {state for state in states if any(step(state, one) != REJECTED for one in firm)}
        more = True
        while more:
            leads = {one for one in states - wanted if any(step(one, by) in wanted for by in loose - resets)}
            wanted |= leads
            more = bool(leads)
        of_use = {
            one for one in loose if any(step(at, one) in wanted and step(at, one) != at for at in states)
        }
        left_out = {
            kept[invocation]
            for invocation, symbol, returns in zip(invocations, problem.symbols, problem.returns, strict=True)
            if returns == NEVER and symbol not in of_use
        }
        return {one: firm for one, firm in sub.items() if self.invocations[one] not in left_out}

    def _reached(self, symbols: Sequence[int]) -> set[int]:
        """States that these operations lead to; none if they are many."""
        states, todo = {self.table.initial}, [self.table.initial]
        while todo:
            state = todo.pop()
            fresh = {self.table.step(state, symbol) for symbol in symbols} - states - {REJECTED}
            states |= fresh
            todo += sorted(fresh)
            if len(states) > _STATES or len(states) * len(symbols) > _CELLS:
                return set()
        return states

    def stuck(self, sub: Sub) -> "Stuck | None":
        """Have it judged by the search in Python, with nothing left out; ``None`` if that takes too long.

        Raises:
            EvidenceError: it can be explained.
        """
        columns, kept = self.weakened(sub)
        outcome = self._swept(columns)
        if outcome.end is End.EXPLAINED:
            raise EvidenceError("the search in Python explains what was found impossible: report it")
        if outcome.end is End.STOPPED or outcome.pruned:
            return None
        place = bisect_left(self.indexes, kept[outcome.event])
        return Stuck(~self.problem.events[place], self.table.states(outcome.states))

    def _swept(self, columns: Columns) -> Outcome:
        parts = self.table.parts(columns)
        if not parts:
            return Outcome()
        return Sweep(self.table, parts[0].problem, lambda: self._spend(20)).run(
            [self.table.initial], Bounds(_WIDEST)
        )


class Stuck(NamedTuple):
    """An operation that cannot have ended as it did, and all states that it could have met."""

    operation: int
    states: list[Any]


class Shortest(NamedTuple):
    """The shortest prefix that cannot be explained.

    Attributes:
        last: the operation whose return makes it impossible.
        sub: all that was called before it returned.
        order: invocations' indexes in an order that explains all before its return.
        exact: whether that is known to exist; else a shorter prefix may be impossible already.
    """

    last: int
    sub: Sub
    order: Sequence[int]
    exact: bool


def shortest(case: Case, event: int) -> Shortest:
    """Find the shortest prefix that cannot be explained.

    Args:
        case: the part.
        event: index of the event where the search got stuck: a good guess.
    """
    returns = [place for place, event in enumerate(case.problem.events) if event < 0]
    valid, invalid = -1, len(returns) - 1
    guess = next((at for at, place in enumerate(returns) if case.indexes[place] >= event), invalid)
    guess = min(guess, invalid - 1)
    order: Sequence[int] = ()
    stride, unsure = 1, False
    while invalid - valid > 1:
        if not valid < guess < invalid:
            guess = (valid + invalid) // 2
        ruling = case.ask(case.prefix(returns[guess]))
        unsure |= ruling.valid is None
        if ruling.valid is False:
            invalid, guess = guess, guess - stride
        else:
            valid, order, guess = guess, ruling.order, guess + stride
        stride *= 2
    place = returns[invalid]
    return Shortest(~case.problem.events[place], case.prefix(place), order, not unsure)


class Core(NamedTuple):
    """What is left.

    Attributes:
        sub: the operations.
        useless: loose ones that are left out.
        start: the firm one that it was cut before, if any. It stays firm: it is why all before is left out.
        minimal: whether nothing more can be loosened.
    """

    sub: Sub
    useless: Sub
    start: int | None
    minimal: bool


def smallest(case: Case, sub: Sub, *, start: int | None, keep: Container[int | None]) -> Core:
    """Loosen whatever need not be firm.

    Args:
        case: the part.
        sub: what cannot be explained.
        start: before which it was cut.
        keep: operations that stay firm in any case.
    """
    chunk = max(len(sub) // 2, 1)
    while True:
        unsure = False
        firm = [one for one, is_firm in sub.items() if is_firm and one != start and one not in keep]
        for at in range(0, len(firm), chunk):
            weaker = case.loosened(sub, set(firm[at : at + chunk]))
            valid = case.ask(case.useful(weaker)).valid
            unsure |= valid is None
            if valid is False:
                sub = weaker
        if chunk == 1:
            core = case.useful(sub)
            useless = {one: firm for one, firm in sub.items() if one not in core}
            return Core(core, useless, start, not unsure)
        chunk = max(min(chunk, len(firm)) // 2, 1)


def started(case: Case, found: Shortest) -> tuple[Sub, int | None]:
    """Cut before the last reset after which it is impossible still; of many, not every one is tried."""
    returns = case.problem.returns
    resets = [
        one
        for one, firm in found.sub.items()
        if firm and case.holds(one, Fact.RESETS) and returns[one] < case.call(found.last)
    ]
    back = 1
    while back <= len(resets):
        sub = case.cut(found.sub, resets[-back])
        if case.ask(sub).valid is False:
            return sub, resets[-back]
        back += max(back - _EACH, 1)
    return found.sub, None
