"""A verdict's details and a fault's evidence in words: what a person reads, and what only programs do.

A number whose name ends in its unit (``_ms``, ``_ns``, ``_s``) is shown with it; one whose name is a number
from 0 to 1 is a quantile (``0.95``: ``p95``).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

_TEXT_MAX = 400
"""Longer values are cut off: the whole ones are in ``results.json``."""

_LIST_MAX = 12
"""Longer lists are cut off."""

_QUANTILE = re.compile(r"0\.\d+|1|1\.0")

_UNITS = ("ms", "us", "ns", "s", "bytes")


class Detail(NamedTuple):
    """A named value in words; ``brief`` if it is a number, or a few of them: worth showing at once."""

    name: str
    text: str
    brief: bool


def details(values: Mapping[str, Any]) -> list[Detail]:
    """Put a verdict's details in words, in their order."""
    return [Detail(name_of(key), in_words(key, value), _is_brief(value)) for key, value in values.items()]


def in_words(key: str, value: Any) -> str:
    """Write a value: a number with the unit that its key ends in, a table in one line, all else as JSON."""
    unit = _unit(key)
    if isinstance(value, Mapping) and value and all(map(_is_plain, value.values())):
        return _cut(
            ", ".join(f"{name_of(k)} {in_words(k if _unit(k) else key, v)}" for k, v in value.items())
        )
    if isinstance(value, list | tuple) and all(map(_is_plain, value)):
        more = f" and {len(value) - _LIST_MAX} more" if len(value) > _LIST_MAX else ""
        return _cut(" ".join(in_words(key, item) for item in value[:_LIST_MAX]) + more) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        number = f"{value:,}" if isinstance(value, int) else f"{value:,.{1 if unit else 3}f}"
        return f"{number} {unit}" if unit else number
    if value is None:
        return "none"
    return _cut(value if isinstance(value, str) else msgspec.json.encode(value, order="sorted").decode())


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


def _is_number(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float)


def _is_brief(value: Any) -> bool:
    if isinstance(value, Mapping):
        return 0 < len(value) <= _LIST_MAX and all(map(_is_number, value.values()))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return 0 < len(value) <= _LIST_MAX and all(map(_is_number, value))
    return _is_number(value)


def _unit(key: str) -> str:
    last = key.rpartition("_")
    return last[2] if last[0] and last[2] in _UNITS else ""


def name_of(key: str) -> str:
    """Write a name without its unit, and a quantile's as is usual."""
    if _QUANTILE.fullmatch(key):
        return f"p{float(key) * 100:g}"
    unit = _unit(key)
    return key.removesuffix(f"_{unit}").replace("_", " ") if unit else key.replace("_", " ")


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT_MAX else f"{text[:_TEXT_MAX]}…"
