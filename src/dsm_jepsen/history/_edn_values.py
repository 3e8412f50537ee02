r"""EDN, the notation of Clojure: its values in Python, and text from values.

What is read becomes: ``nil`` None, ``:a`` Keyword, ``a`` Symbol, ``\a`` Char, ``42`` and ``42N`` int,
``1.5`` float, ``1.5M`` Decimal, ``1/2`` Fraction, a vector or a list (equal in EDN) list, a map dict, a set
frozenset, and ``#tag value``, with ``#inst``, ``#uuid`` and records, Tagged. In a set and as a map's key,
where Python wants a hash, a list becomes a tuple and a map a FrozenMap. Written, tuples are vectors.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Self

ENDS = r"""\s,;()\[\]{}"\\^`~@"""
"""What ends a word, as the inside of a regular expression's brackets."""

NAME = rf"[^{ENDS}:][^{ENDS}]*"
TAG = rf"[^\W\d_][^{ENDS}]*"
SYMBOL = rf"(?![+\-.]?[0-9])(?!(?:nil|true|false)\Z)[^{ENDS}:#'][^{ENDS}]*"
CHARS = {"newline": "\n", "return": "\r", "space": " ", "tab": "\t", "formfeed": "\f", "backspace": "\b"}
ESCAPES = {"t": "\t", "r": "\r", "n": "\n", "b": "\b", "f": "\f", '"': '"', "\\": "\\"}
SPECIALS = {"##Inf": float("inf"), "##-Inf": float("-inf"), "##NaN": float("nan")}

_CHAR_NAMES = {char: name for name, char in CHARS.items()}
_ESCAPED = {char: f"\\{name}" for name, char in ESCAPES.items()}
_SPECIAL_NAMES = {repr(number): name for name, number in SPECIALS.items()}
_UNPRINTABLE = re.compile('["\\\\\x00-\x1f\x7f\ud800-\udfff]')


class _Word(str):
    """Text that equals text of its own kind only: ``:a``, ``a`` and ``"a"`` may be three keys of one map."""

    __slots__ = ()
    _valid = re.compile("")

    def __new__(cls, text: str) -> Self:
        if not cls._valid.fullmatch(text):
            raise ValueError(f"{text!r} cannot be a {cls.__name__.lower()}: it could not be read back")
        return super().__new__(cls, text)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str.__repr__(self)})"


class Keyword(_Word):
    """``:name`` or ``:space/name``, without its colon."""

    __slots__ = ()
    _valid = re.compile(NAME)


class Symbol(_Word):
    """``name`` or ``space/name``."""

    __slots__ = ()
    _valid = re.compile(SYMBOL)


class Char(_Word):
    r"""One character, ``\a``."""

    __slots__ = ()
    _valid = re.compile(".", re.DOTALL)


class FrozenMap(dict[Any, Any]):
    """A map as a key of another or in a set; it must not be changed."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))


@dataclass(frozen=True, slots=True)
class Tagged:
    """``#tag value``: a record, or any value whose tag says how to take it."""

    tag: str
    value: Any

    def __post_init__(self) -> None:
        """Refuse a tag that could not be read back."""
        if not re.fullmatch(TAG, self.tag):
            raise ValueError(f"{self.tag!r} cannot be a tag: it could not be read back")


def dumps(value: Any) -> str:
    """Write a value on one line; sets are sorted, so that equal sets give the same text.

    Raises:
        TypeError: the value has no form in EDN.
    """
    if value is None:
        return "nil"
    if isinstance(value, str):
        return _word(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal | Fraction):
        return _number(value)
    if isinstance(value, list | tuple):
        return f"[{' '.join(map(dumps, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{dumps(key)} {dumps(item)}' for key, item in value.items())}}}"
    if isinstance(value, set | frozenset):
        return f"#{{{' '.join(map(dumps, ordered(value)))}}}"
    if isinstance(value, Tagged):
        return f"#{value.tag} {dumps(value.value)}"
    raise TypeError(f"{type(value).__name__} has no form in EDN: {value!r}")


def ordered(members: set[Any] | frozenset[Any]) -> list[Any]:
    """Give a set's members in an order that does not depend on their hashes: numbers, then by their text."""
    return sorted(members, key=_place)


def _place(value: Any) -> tuple[bool, float, str]:
    is_number = isinstance(value, int | float)
    return (not is_number, value if is_number else 0, dumps(value))


def _word(text: str) -> str:
    if isinstance(text, Keyword):
        return f":{text}"
    if isinstance(text, Symbol):
        return str(text)
    if isinstance(text, Char):
        plain = str(text)
        is_plain = plain.isprintable() or ord(plain) > 0xFFFF
        return f"\\{_CHAR_NAMES.get(plain, plain if is_plain else f'u{ord(plain):04x}')}"
    return f'"{_UNPRINTABLE.sub(_escape, text)}"'


def _escape(char: re.Match[str]) -> str:
    return _ESCAPED.get(char[0], f"\\u{ord(char[0]):04x}")


def _number(value: float | Decimal | Fraction) -> str:
    if isinstance(value, int):
        return str(value) if -(2**63) <= value < 2**63 else f"{value}N"
    if isinstance(value, float):
        text = repr(value)
        return _SPECIAL_NAMES.get(text, text)
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    if not value.is_finite():
        raise TypeError(f"{value!r} has no form in EDN: a decimal is finite")
    return f"{value}M"
