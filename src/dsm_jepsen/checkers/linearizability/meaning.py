"""What the search is told of a model, whichever engine searches: operations by number, results by sign.

A sign says how an operation ended: nobody knows, ``ok``, or a failure that asserts something.
"""

import json
from collections.abc import Hashable
from enum import IntEnum
from typing import Any, Final

import msgspec

from dsm_jepsen.checkers.models import (
    REJECT,
    UNKNOWN,
    Assignment,
    Declares,
    Edit,
    Keyed,
    Model,
    OneSequence,
    OneValue,
    Refused,
    refusal_of,
)
from dsm_jepsen.checkers.models._own import checked


class Kind(IntEnum):
    """How a model's steps are had: by asking it, or as assignments or edits."""

    ANY = 0
    VALUE = 1
    SEQUENCE = 2


class Sign(IntEnum):
    """How an operation ended."""

    UNKNOWN = 0
    OK = 1
    REFUSED = 2


TO_BE_FOUND: Final = -1
"""Instead of facts: the model does not tell."""

_TESTS: Final = {"always": 0, "equals": 1, "differs": 2}
_EDITS: Final = {"appends": 0, "replaces": 1, "reads": 2, "looks": 3}


class Meaning:
    """A model, as both engines ask it."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.kind = Kind.ANY
        if isinstance(model, OneValue):
            self.kind = Kind.VALUE
        elif isinstance(model, OneSequence):
            self.kind = Kind.SEQUENCE
        self._initial = model.init()
        if self.kind is Kind.ANY:
            checked(self._initial, None, None, self._initial)
        self.verbs = dict(getattr(model, "verbs", {}))
        self._parted = model if isinstance(model, Keyed) else None
        self.keyed = self._parted is not None
        self._declares = isinstance(model, Declares)

    def refusal(self, error: Any) -> list[Any] | None:
        """Give ``[kind, detail]`` of an error that asserts something, else ``None``."""
        refused = refusal_of(error)
        return list(refused) if refused.kind in self.model.refusals else None

    def define(self, f: str, argument: Any, sign: int, result: Any) -> tuple[Any, ...]:
        """Say which part an operation belongs to and, by kind, what it does: see ``Table`` in the kernel."""
        key, argument, result = self._told(f, argument, sign, result)
        model: Any = self.model
        if self.kind is Kind.VALUE:
            assignment: Assignment = model.assignment(f, argument, result)
            test = _TESTS[assignment.test]
            return key, test, assignment.value, assignment.then, int(assignment.possible)
        if self.kind is Kind.SEQUENCE:
            edit: Edit = model.edit(f, argument, result)
            return key, _EDITS[edit.kind], edit.operand
        if self._declares:
            return key, int(model.facts(f, argument, result))
        return key, TO_BE_FOUND

    def step(self, state: Hashable, f: str, argument: Any, sign: int, result: Any) -> Any:
        """Give the state after, or ``NotImplemented`` if it cannot end like this."""
        _, argument, result = self._told(f, argument, sign, result)
        after = self.model.step(state, f, argument, result)
        if self.kind is Kind.ANY and after is not REJECT:
            checked(self._initial, argument, result, after)
        return NotImplemented if after is REJECT else after

    def _told(self, f: str, argument: Any, sign: int, result: Any) -> tuple[Hashable, Any, Any]:
        if sign == Sign.UNKNOWN:
            result = UNKNOWN
        elif sign == Sign.REFUSED:
            result = Refused(*result)
        if self._parted is not None:
            return self._parted.part(f, argument, result)
        return None, argument, result


_careful = json.JSONEncoder(sort_keys=True, default=repr).encode


def canonical(value: Any) -> bytes:
    """Equal for values that are equal as JSON, and only for those; infinities are no null, as JSON has it."""
    try:
        made = msgspec.json.encode(value, order="deterministic", enc_hook=repr)
    except UnicodeEncodeError:  # half a character, as JSON's escapes can have it
        return _careful(value).encode()
    return _careful(value).encode() if b"null" in made else made
