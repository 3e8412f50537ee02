"""Judge a history by a model: whether every operation seems to happen at once, between call and return."""

from array import array
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from time import monotonic
from typing import Any

from dsm_jepsen.checkers._base import worst
from dsm_jepsen.checkers._words import brief
from dsm_jepsen.checkers.linearizability import table as twin
from dsm_jepsen.checkers.linearizability.core import EvidenceError, Ruling
from dsm_jepsen.checkers.linearizability.descent import PATIENCE
from dsm_jepsen.checkers.linearizability.evidence import Counterexample, counterexample
from dsm_jepsen.checkers.linearizability.fitting import MisfitError, refuse_others, refuse_values
from dsm_jepsen.checkers.linearizability.meaning import Meaning
from dsm_jepsen.checkers.linearizability.ready import kernel, ready
from dsm_jepsen.checkers.linearizability.special import Settled, settle_columns
from dsm_jepsen.checkers.linearizability.witness import explains, merged
from dsm_jepsen.checkers.models import AnyModel, deterministic
from dsm_jepsen.history import Columns, History


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much may be spent before the verdict is unknown.

    Attributes:
        seconds: of the wall clock.
        bytes: of memory for the search, beside the history.
    """

    seconds: float = 60
    bytes: int = 2 << 30

    def __post_init__(self) -> None:
        if not (self.seconds > 0 and self.bytes > 0):
            raise ValueError(f"a budget of {self.seconds} s and {self.bytes} bytes; each must be more than 0")


_USUAL = Budget()


@dataclass(frozen=True, slots=True)
class Part:
    """What was found about one thing that the history is about.

    Attributes:
        key: which; ``None`` if the model does not tell several apart.
        valid: ``None`` if it was undecided when the search ended: the budget ran out, or a later part was
            found to be invalid, which is enough.
        event: invalid: index of the return that cannot be explained, or of an earlier one where that was
            foreseen (strings and lists; the counterexample's is exact); unknown: all before it is valid.
        states: invalid: what the machine could have been in when that operation took effect, as far as the
            search met it; none if it was settled without one.
        order: indexes of the invocations that took effect, in an order that explains all before ``event``.
        widest: the most explanations there were at one moment.
        operations: how many were judged.
        culprits: invalid, and settled without a search: invocations of operations that contradict each other.
    """

    key: Hashable
    valid: bool | None
    event: int
    states: tuple[Any, ...]
    order: "array[int]"
    widest: int
    operations: int
    culprits: Sequence[int] = ()


def check_parts(
    history: History, model: AnyModel, *, budget: Budget | None = None, native: bool = True
) -> list[Part]:
    """Judge each part of a history, in the order of their first calls, until one is invalid.

    Args:
        history: the events.
        model: what should have happened.
        budget: how much may be spent.
        native: use the kernel, if there is one.
    """
    return check_columns(history.columns, model, budget=budget, native=native)


def check_columns(
    columns: Columns,
    model: AnyModel,
    *,
    budget: Budget | None = None,
    native: bool = True,
    others: bool = True,
    effort: int = 0,
    patience: int = PATIENCE,
) -> list[Part]:
    """Do the same for a history's columns; of the processes only the nemesis is told apart.

    Args:
        columns: the events.
        model: what should have happened.
        budget: how much may be spent.
        native: use the kernel, if there is one.
        others: whether there may be operations that are not the model's business.
        effort: how often the budget may be looked at; 0 for no end. Counted, it is the same each time.
        patience: of a descent; below 0 the whole is swept, without one and without looking back.

    Raises:
        MisfitError: ``others`` is false, and there are operations that the model does not judge.
    """
    found = _found(columns, model, budget or _USUAL, others, native=native, effort=effort, patience=patience)
    return [found] if isinstance(found, Part) else [_part(answer) for answer in found]


def _found(
    columns: Columns,
    model: AnyModel,
    budget: Budget,
    others: bool,
    *,
    native: bool = True,
    effort: int = 0,
    patience: int = PATIENCE,
) -> Part | list[twin.Answer]:
    asked = ready(model)
    native = native and kernel is not None
    if not others and (asked.special or not native):
        refuse_others(columns, asked.model)
    if asked.special or not native:
        settled = settle_columns(columns, asked.model, kernel=kernel if native else None)
        if settled is not None:
            return _settled(settled)
    if native:
        table = asked.table()
        answers: list[twin.Answer] | None
        try:
            answers = table.check(columns, budget.seconds, budget.bytes, others, effort, patience)
        except OverflowError:  # more is open at once than the kernel's masks can hold: 4096 operations
            if not others:
                refuse_others(columns, asked.model)
        else:
            asked.keep(table, len(columns.types))
            if answers is not None:
                return answers
            refuse_others(columns, asked.model)
            raise AssertionError("the kernel met an operation that the model judges, and does not judge")
    end, looks = monotonic() + budget.seconds, count(1)
    return twin.Table(Meaning(asked.model)).check(
        columns, lambda: monotonic() > end or 0 < effort < 4 * next(looks), patience
    )


_VERDICTS = (True, False, None)


def _verdict(found: Part | list[twin.Answer]) -> bool | None:
    if isinstance(found, Part):
        return found.valid
    if len(found) == 1:  # as is usual
        return _VERDICTS[found[0][1]]
    return worst(_VERDICTS[answer[1]] for answer in found)


def _part(answer: twin.Answer) -> Part:
    key, kind, event, states, order, widest, operations = answer
    return Part(key, _VERDICTS[kind], event, tuple(states), array("i", order), widest, operations)


def _settled(found: Settled) -> Part:
    event = -1 if found.valid else found.event
    order = array("i", found.order)
    return Part(None, found.valid, event, (), order, 1, found.operations, tuple(found.culprits))


@dataclass(frozen=True, kw_only=True)
class Linearizability:
    """Whether a history can be explained, and what shows it. Evidence is made when it is asked for.

    Attributes:
        history: what was seen.
        model: what should have happened.
        budget: how much was allowed.
        valid: true, false, or ``None`` for unknown: the budget ran out.
        seconds: how long it took.
    """

    history: History
    model: AnyModel
    budget: Budget
    valid: bool | None
    seconds: float
    _found: Part | list[twin.Answer] = field(repr=False)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """What was found about each thing that the history is about; the last, if one is, is invalid."""
        if isinstance(self._found, Part):
            return (self._found,)
        return tuple(map(_part, self._found))

    @cached_property
    def because(self) -> str:
        """One sentence: what was seen, and what was expected."""
        if self.counterexample:
            return self.counterexample.because
        operations = sum(part.operations for part in self.parts)
        if not operations:
            return f"none of {len(self.history)} events is of an operation that may have taken effect"
        if self.valid:
            effective = sum(len(part.order) for part in self.parts)
            some = "1 operation" if operations == 1 else f"{operations} operations"
            return f"{some}, explained by an order of {effective} that took effect"
        return self._undecided()

    @cached_property
    def witness(self) -> "array[int] | None":
        """Valid: invocations' indexes in an order that explains the history; see ``explains``.

        Raises:
            EvidenceError: the order is refused.
        """
        if not self.valid:
            return None
        order = merged([part.order for part in self.parts])
        if not explains(self.model, self.history, order):
            raise EvidenceError("a witness is refused by the model's steps: does it always answer the same?")
        return order

    @cached_property
    def counterexample(self) -> Counterexample | None:
        """Invalid: what cannot be, and why.

        Raises:
            EvidenceError: the evidence does not stand up.
        """
        if self.valid is not False:
            return None
        part = self._first_invalid()
        model = deterministic(self.model)

        def judge(columns: Columns, effort: int) -> Ruling:
            parts = check_columns(columns, model, budget=self.budget, effort=effort)
            return Ruling(worst(one.valid for one in parts), [index for one in parts for index in one.order])

        return counterexample(
            self.history,
            model,
            key=part.key,
            event=part.event,
            judge=judge,
            culprits=part.culprits,
        )

    def _first_invalid(self) -> Part:
        """Of all parts the one in which an operation cannot be explained first."""
        parts: Sequence[Part] = self.parts
        while True:
            part = parts[-1]
            if part.key is None:
                return part
            before = self.history.columns.first(part.event)
            parts = check_columns(before, self.model, budget=self.budget)
            if not parts or parts[-1].valid is not False:
                return part

    @property
    def details(self) -> Mapping[str, Any]:
        """What was found as JSON values, for reports."""
        if self.counterexample:
            return self.counterexample.details
        return {
            "operations": sum(part.operations for part in self.parts),
            "widest": max((part.widest for part in self.parts), default=0),
            "reached": [part.event for part in self.parts if part.valid is None],
        }

    def _undecided(self) -> str:
        open_ = [part for part in self.parts if part.valid is None]
        first = min(open_, key=lambda part: part.event)
        spent = f"{self.budget.seconds:g} s"
        if self.seconds < self.budget.seconds:
            spent = f"{self.budget.bytes / 2**20:.0f} MiB"
        which = f" of part {brief(first.key)}" if first.key is not None else ""
        among = f" ({len(open_)} of {len(self.parts)} parts are undecided)" if len(self.parts) > 1 else ""
        return (
            f"undecided: the budget of {spent} ran out after {self.seconds:.1f} s; all{which} before event "
            f"{first.event} of {len(self.history)} is valid, with up to {first.widest} explanations at once"
            f"{among}; allow more, or judge a shorter history"
        )


def check_linearizable(
    history: History,
    model: AnyModel,
    *,
    budget: Budget | None = None,
    others: bool = False,
) -> Linearizability:
    """Judge whether every operation seems to happen at once, at one moment between its call and its return.

    Args:
        history: what clients saw.
        model: what should have happened.
        budget: how much may be spent on the verdict.
        others: whether there may be operations that are not the model's business; they are passed over.

    Raises:
        MisfitError: there are such operations, or values that the model cannot take.
    """
    limit = budget or _USUAL
    began = monotonic()
    try:
        found = _found(history.columns, model, limit, others)
    except MisfitError:
        raise
    except Exception:
        refuse_values(history, model)
        raise
    # A frozen class sets its fields one by one: that would be a tenth of what a short history takes.
    result = object.__new__(Linearizability)
    vars(result).update(
        history=history,
        model=model,
        budget=limit,
        valid=_verdict(found),
        seconds=monotonic() - began,
        _found=found,
    )
    return result
