"""JSON values as parts of states: hashable, and equal only if they are equal as JSON."""

import json
from bisect import bisect_left
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from dsm_jepsen.checkers.models._base import UNKNOWN, Refused

_careful = json.JSONEncoder(sort_keys=True, default=repr, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Written:
    """A value known by how JSON writes it: to Python 1, 1.0 and true are one, and objects have no hash."""

    json: str

    def __repr__(self) -> str:
        return self.json


def frozen(value: Any) -> Hashable:
    """Make a JSON value hashable: lists become tuples, truths, objects and 1.0 ``Written``."""
    if value is None or (isinstance(value, str | int | Written) and not isinstance(value, bool)):
        return value
    if isinstance(value, list | tuple):
        return tuple(frozen(one) for one in value)
    text = msgspec.json.encode(value, order="deterministic", enc_hook=repr).decode()
    return Written(_careful(value) if "null" in text else text)  # it writes infinities as null


def same(one: object, other: object) -> bool:
    """Compare as JSON does: 1, 1.0 and true are three values."""
    return frozen(one) == frozen(other)


Bag = tuple[Hashable, ...]
"""Frozen values in the order of what they look like, so that equal bags are equal tuples."""


def bag(values: Iterable[Any]) -> Bag:
    """Make a bag of values in any order."""
    return tuple(sorted(map(frozen, values), key=repr))


def within(many: Bag, value: Any) -> bool:
    """Whether the bag has it."""
    at = bisect_left(many, repr(frozen(value)), key=repr)
    return at < len(many) and many[at] == frozen(value)


def put(many: Bag, value: Any) -> Bag:
    """Add one."""
    at = bisect_left(many, repr(frozen(value)), key=repr)
    return (*many[:at], frozen(value), *many[at:])


def taken(many: Bag, value: Any) -> Bag:
    """Take out one that is within."""
    at = bisect_left(many, repr(frozen(value)), key=repr)
    return (*many[:at], *many[at + 1 :])


Entries = tuple[tuple[Hashable, Any], ...]
"""A map as a part of a state: keys, frozen, and values, in the order of what the keys look like."""


def entries(mapping: Mapping[Any, Any]) -> Entries:
    """Make a map hashable; its values must be."""
    return tuple(
        sorted(((frozen(key), value) for key, value in mapping.items()), key=lambda entry: repr(entry[0]))
    )


def told_apart(argument: Any, result: Any) -> tuple[Hashable, Any, Any]:
    """Take the key off ``[key, value]``, in which the result is given as well.

    Raises:
        ValueError: one is no such pair; or asked of one key, answered of another.
    """
    key, value = _pair(argument)
    if result is UNKNOWN or result is None or isinstance(result, Refused):
        return key, value, result
    answered, result = _pair(result)
    if not same(key, answered):
        raise ValueError(f"asked of key {key!r}, answered of {answered!r}: expected [key, value] of one key")
    return key, value, result


def _pair(value: Any) -> Sequence[Any]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError(f"{value!r} is no [key, value], and the model tells things apart by their keys")
    return value
