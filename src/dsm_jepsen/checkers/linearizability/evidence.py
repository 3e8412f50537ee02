"""What shows that a history cannot be explained, for people and for reports.

A counterexample names the first operation that cannot be linearized, the longest prefix that can, what the
machine could have been in, and the smallest part of the history that is still impossible. None of it is taken
on trust: the prefix's order is validated step by step, the model refuses the operation in every state again,
and the smallest part is judged once more by the search in Python, with nothing left out.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec

from dsm_jepsen.checkers._words import brief, naming
from dsm_jepsen.checkers.linearizability.core import (
    Case,
    EvidenceError,
    Judge,
    Stuck,
    shortest,
    smallest,
    started,
)
from dsm_jepsen.checkers.linearizability.meaning import canonical
from dsm_jepsen.checkers.linearizability.special.cores import smallest_of
from dsm_jepsen.checkers.linearizability.telling import Teller
from dsm_jepsen.checkers.linearizability.timeline import Operation, drawn
from dsm_jepsen.checkers.linearizability.witness import Told, follows, told
from dsm_jepsen.checkers.models import UNKNOWN, Determinized, Model
from dsm_jepsen.history import History

_SHOWN = 10
"""States put in words."""

_LONG = 10_000
"""Operations at most of which all states are asked for before most are left out."""

_FEW = 24
"""Operations among which all states are asked for though a contradiction is known."""

_LISTED = 200
"""Operations of a core, and of the end of a prefix, that are given in ``details``."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A state that the operation could have met, and why it cannot end there as it did."""

    state: Any
    because: str


@dataclass(frozen=True, kw_only=True)
class Counterexample:
    """Why a history cannot be explained.

    Attributes:
        key: the thing it is about, if the model tells several apart.
        operation: the first that cannot be linearized.
        exact: whether all before its return is known to be valid; else an earlier one may be impossible.
        prefix: invocations' indexes in an order that explains all before that: the longest valid prefix.
        refusals: states that the operation could have met.
        complete: whether these are all; else there was no time to find them.
        core: the smallest part of the history that is still invalid, by calls. Its firm operations are the
            argument; others may happen at any time after their calls, with any result, or never.
        useless: what may have happened as well, but is left out of the core: nothing could come of it.
        start: the one of them that replaced the state: what returned before its call is left out, therefore.
        minimal: whether no other firm one can be loosened, with the useless put back, and the argument kept.
        judged: how many operations there were.
        window: indexes of events: from the last moment when nothing was open before it, to its return.
        anomaly: the field's name for it (``stale-read``), if the model knows; else ``not-linearizable``.
        because: one sentence.
        culprits: indexes of the operation's return, of that of another whose result makes it impossible, if
            there is one, and of the last effect acknowledged before it began.
    """

    key: Hashable
    operation: Operation
    exact: bool
    prefix: Sequence[int]
    refusals: tuple[Refusal, ...]
    complete: bool
    core: tuple[Operation, ...]
    useless: tuple[Operation, ...]
    start: Operation | None
    minimal: bool
    judged: int
    window: tuple[int, int]
    anomaly: str
    because: str
    culprits: tuple[int, ...]

    @cached_property
    def timeline(self) -> str:
        """The core's operations as bars, in plain text."""
        return drawn(self.core, last=self.operation.invoke.index)

    @cached_property
    def story(self) -> str:
        """A few lines for people."""
        lines = [self.because + "."]
        if len({one.because for one in self.refusals}) > 1:  # else it was said already
            lines += [f"  In state {brief(one.state)}: {one.because}." for one in self.refusals[:_SHOWN]]
        firm = sum(one.firm for one in self.core)
        rest = f", with {len(self.core) - firm} that may have happened (?)" if firm < len(self.core) else ""
        operations = "operation" if self.judged == 1 else "operations"
        suffice = "suffices" if firm == 1 else "suffice"
        lines.append(
            f"{firm} of {self.judged} {operations} {suffice} to show it{rest}"
            + ("" if self.minimal else " (perhaps fewer would, too)")
            + (":" if self.start is None else f"; {self.start} replaced whatever was there before it:")
        )
        return "\n".join([*lines, self.timeline])

    def history(self) -> History:
        """The core as a history of its own.

        Loose operations never return, so their processes get numbers of their own from there on.
        """
        fresh = max(int(one.invoke.process) for one in self.core) + 1
        ops = []
        for number, one in enumerate(self.core):
            process = one.invoke.process if one.firm or one.completion is None else fresh + number
            ops.append(msgspec.structs.replace(one.invoke, process=process))
            if one.firm and one.completion is not None:
                ops.append(one.completion)
        ops.sort(key=lambda op: op.index)
        return History(msgspec.structs.replace(op, index=index) for index, op in enumerate(ops))

    @cached_property
    def details(self) -> Mapping[str, Any]:
        """The same as JSON values."""
        found: dict[str, Any] = {
            "key": self.key,
            "operation": _listed(self.operation),
            "exact": self.exact,
            "order": list(self.prefix[-_LISTED:]),
            "ordered": len(self.prefix),
            "states": [{"state": one.state, "because": one.because} for one in self.refusals[:_SHOWN]],
            "complete": self.complete and len(self.refusals) <= _SHOWN,
            "core": [_listed(one) for one in self.core[-_LISTED:]],
            "firm": sum(one.firm for one in self.core),
            "judged": self.judged,
            "start": self.start.invoke.index if self.start else None,
            "minimal": self.minimal,
            "window": list(self.window),
            "timeline": self.timeline,
        }
        jsonable: dict[str, Any] = msgspec.to_builtins(found, enc_hook=repr, str_keys=True)
        return jsonable


def _listed(one: Operation) -> dict[str, Any]:
    return {
        "process": one.invoke.process,
        "invoke": one.invoke.index,
        "completion": one.completion.index if one.completion else None,
        "time": one.invoke.time,
        "firm": one.firm,
        "says": str(one),
    }


def counterexample(
    history: History,
    model: Model,
    *,
    key: Hashable,
    event: int,
    judge: Judge,
    culprits: Sequence[int] = (),
) -> Counterexample:
    """Find out why a history is invalid.

    Args:
        history: the whole.
        model: what should have happened.
        key: the part that is invalid.
        event: index of the event where the search got stuck.
        judge: the engine.
        culprits: invocations of operations that contradict each other, if that is known.

    Raises:
        EvidenceError: the evidence does not stand up.
    """
    case = Case(history, model, key=key, judge=judge)
    found = shortest(case, event)
    core, first = None, found.last
    stuck: Stuck | None = None
    if culprits and len(found.sub) > _FEW:  # too many states to look at
        first = ~case.problem.events[case.indexes.index(event)]
        core = smallest_of(case, model, history.columns, culprits, first)
    if core is None:
        sub, start = started(case, found)
        stuck = case.stuck(sub) if len(sub) <= _LONG else None
        first = stuck.operation if stuck else found.last
        core = smallest(case, sub, start=start, keep=(found.last, first))
        again = case.stuck(core.sub)
        if stuck is None and again is not None:
            stuck, first = again, again.operation
    states = stuck.states if stuck else []
    if isinstance(model, Determinized):
        states = sorted({state for several in states for state in several}, key=canonical)
    operation = _operation(history, case, first, firm=True)
    order = found.order
    if first != found.last:  # impossible only because of how another one ended that was open still
        order = case.ask(case.prefix(case.problem.returns[first] - 1)).order
    earlier = _earlier(history, model, case, first)
    if found.exact and not follows(model, history, earlier, order):
        raise EvidenceError(
            "an order of operations is refused by the model's steps: does it always answer the same?"
        )
    teller = Teller(model, history, operation)
    refusals = tuple(Refusal(state, teller.refusing(state)) for state in states)
    anomaly, because = teller.sentence(states)
    before = teller.last_effect(order, earlier)
    if key is not None:
        because += f", in the part {brief(key)}"
    if before:
        because += f"; the last effect acknowledged before it began was {naming(before)}"
    assert operation.completion is not None
    culprits = [operation.completion.index, case.indexes[case.problem.returns[found.last]]]
    culprits += [before.index] if before else []
    return Counterexample(
        key=key,
        operation=operation,
        exact=found.exact,
        prefix=order,
        refusals=refusals,
        complete=stuck is not None,
        core=tuple(_operation(history, case, one, firm=firm) for one, firm in core.sub.items()),
        useless=tuple(_operation(history, case, one, firm=False) for one in core.useless),
        start=None if core.start is None else _operation(history, case, core.start, firm=True),
        minimal=core.minimal,
        judged=len(case.invocations),
        window=_window(case, first),
        anomaly=anomaly,
        because=because,
        culprits=tuple(dict.fromkeys(culprits)),
    )


def _operation(history: History, case: Case, number: int, *, firm: bool) -> Operation:
    index = case.invocations[number]
    return Operation(history[index], history.partner(index), firm)


def _window(case: Case, operation: int) -> tuple[int, int]:
    start = opened = 0
    for place, event in enumerate(case.problem.events[: case.call(operation) + 1]):
        if event < 0:
            opened -= 1
        elif case.problem.returns[event] < len(case.problem.events):
            start = place if opened == 0 else start
            opened += 1
    return case.indexes[start], case.indexes[case.problem.returns[operation]]


def _earlier(history: History, model: Model, case: Case, operation: int) -> dict[int, Told]:
    """Give what had been called before an operation returned, as it looked just before."""
    never = len(history)
    firm = {
        case.invocations[one]: is_firm
        for one, is_firm in case.prefix(case.problem.returns[operation] - 1).items()
    }
    return {
        index: one if firm[index] or one.returned == never else Told(never, UNKNOWN)
        for index, one in told(model, history)
        if index in firm
    }
