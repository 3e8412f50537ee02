"""Reading EDN: one regular expression for the tokens, and a reader that puts them together.

Metadata and comments are left out. Python takes 1, 1.0 and true for one key: a map or set with two of them is
refused, not halved. Octal escapes and octal, hexadecimal and radix numbers, which Clojure never prints, are
refused.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any, NoReturn

from dsm_jepsen.history._edn_values import (
    CHARS,
    ENDS,
    ESCAPES,
    NAME,
    SPECIALS,
    TAG,
    Char,
    FrozenMap,
    Keyword,
    Symbol,
    Tagged,
)

_TOKEN = re.compile(
    rf"""(?:[\s,]++|;[^\n]*+)*+
    (?: (?P<atom>[^{ENDS}\#'][^{ENDS}]*)
    | (?P<string>"[^"\\]*+(?:\\.[^"\\]*+)*+")
    | (?P<open>\#?\{{|[(\[])
    | (?P<close>[)\]}}]|\Z)
    | (?P<char>\\.[^{ENDS}]*)
    | (?P<tag>\#{TAG})
    | (?P<discard>\#_)
    | (?P<meta>\#?\^)
    | (?P<prefix>\#:{NAME})(?=[\s,]*\{{)
    | (?P<special>\#\#[^{ENDS}]+)
    | (?P<bad>.)
    )""",
    re.VERBOSE | re.DOTALL,
)
_WHOLE = r"[+-]?(?:0|[1-9][0-9]*)"
_INTEGER = re.compile(rf"{_WHOLE}N?")
_FLOAT = re.compile(rf"({_WHOLE}(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?)(M?)")
_RATIO = re.compile(r"[+-]?[0-9]+/[0-9]+")
_CHAR_CODE = re.compile("u([0-9a-fA-F]{4})")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_CLOSING = {"(": ")", "[": "]", "{": "}", "#{": "}"}
_LITERALS = {"nil": None, "true": True, "false": False}
_DEEPEST = 100
"""Forms inside each other; nobody writes more, and Python's stack is not to be filled by a file."""


class EdnError(ValueError):
    """Text that is not EDN.

    Attributes:
        line: where, from 1.
        reason: what was seen and what was expected.
    """

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


def loads(text: str) -> Any:
    """Read the one value that the text holds.

    Raises:
        EdnError: the text is not EDN, or does not hold exactly one value.
    """
    reader = Reader(text)
    values = list(reader.values())
    if len(values) != 1:
        reader.refuse(f"{len(values)} values, expected one")
    return values[0]


class Reader:
    """Reads a text's values one after the other, and knows the line it is at."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._tokens = _TOKEN.finditer(source)
        self._words: dict[str, Any] = {}
        self._offset = 0
        self._depth = 0

    def line(self) -> int:
        """Give the line, from 1, at which the token that was read last begins."""
        return self._source.count("\n", 0, self._offset) + 1

    def refuse(self, reason: str) -> NoReturn:
        """Raise ``EdnError`` for that line."""
        raise EdnError(self.line(), reason)

    def values(self, close: str = "", *, flat: bool = False) -> Iterator[Any]:
        """Give the values up to a closing token; with ``flat`` a vector's or list's values instead of itself.

        Raises:
            EdnError: the text is not EDN.
        """
        while True:
            kind, text = self._token()
            if kind == "close":
                if text != close:
                    self.refuse(f"seen {text or 'the end'!r}, expected {close or 'a value'!r}")
                return
            if flat and text in {"[", "("}:
                yield from self.values(_CLOSING[text])
            else:
                yield self._value(kind, text)

    def _token(self) -> tuple[str, str]:
        """Give the next token's kind and text, after what is commented out."""
        while True:
            match = next(self._tokens)
            kind = match.lastgroup or ""
            self._offset = match.start(kind)
            if kind != "discard":
                return kind, match[kind]
            self._descend()
            self._one()
            self._depth -= 1

    def _one(self) -> Any:
        """Read the value that a prefix asks for."""
        kind, text = self._token()
        if kind == "close":
            self.refuse(f"seen {text or 'the end'!r}, expected a value")
        return self._value(kind, text)

    def _value(self, kind: str, text: str) -> Any:
        """Read the value that begins with this token."""
        if kind == "atom":
            return self._words[text] if text in self._words else self._atom(text)
        if kind == "string":
            return _unescape(self, text[1:-1]) if "\\" in text else text[1:-1]
        if kind == "char":
            return self._char(text[1:])
        if kind == "special" and text in SPECIALS:
            return SPECIALS[text]
        if kind in {"special", "bad"}:
            self.refuse('a string without its closing "' if text == '"' else f"{text!r} begins no value")
        self._descend()
        value = self._compound(kind, text)
        self._depth -= 1
        return value

    def _descend(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            self.refuse(f"forms inside each other more than {_DEEPEST} deep")

    def _compound(self, kind: str, text: str) -> Any:
        """Read a value that holds others."""
        if kind == "tag":
            return Tagged(text[1:], self._one())
        if kind == "meta":
            self._one()
            return self._one()
        if kind == "prefix":
            self._token()
            return self._map(text[2:])
        if text == "{":
            return self._map()
        items = list(self.values(_CLOSING[text]))
        if text != "#{":
            return items
        members = frozenset(map(_freeze, items))
        if len(members) != len(items):
            self.refuse("a set with a member twice (1, 1.0 and true are one in Python)")
        return members

    def _map(self, space: str = "") -> dict[Any, Any]:
        items = list(self.values("}"))
        if len(items) % 2:
            self.refuse("a map with a key without value")
        keys = [key if type(key) is Keyword else _freeze(key) for key in items[::2]]
        if space:
            keys = [_spaced(space, key) for key in keys]
        result = dict(zip(keys, items[1::2], strict=True))
        if len(result) != len(keys):
            self.refuse("a map with a key twice (1, 1.0 and true are one in Python)")
        return result

    def _atom(self, text: str) -> Any:
        """Read a number, or a word, which is then remembered."""
        try:
            if _INTEGER.fullmatch(text):
                return int(text.rstrip("N"))
            if number := _FLOAT.fullmatch(text):
                return Decimal(number[1]) if number[2] else float(text)
            if _RATIO.fullmatch(text):
                return Fraction(text)
            if text in _LITERALS:
                word: Any = _LITERALS[text]
            else:
                word = Keyword(text[1:]) if text[0] == ":" else Symbol(text)
        except (ValueError, ZeroDivisionError) as error:
            self.refuse(f"{text[:40]!r} is no number, keyword or symbol: {error}")
        self._words[text] = word
        return word

    def _char(self, name: str) -> Char:
        if len(name) == 1:
            return Char(name)
        if name in CHARS:
            return Char(CHARS[name])
        if code := _CHAR_CODE.fullmatch(name):
            return Char(chr(int(code[1], 16)))
        self.refuse(f"{name!r} is no character")


def _unescape(reader: Reader, text: str) -> str:
    def char(escape: re.Match[str]) -> str:
        if escape[1]:
            return chr(int(escape[1], 16))
        if escape[2] not in ESCAPES:
            reader.refuse(f"{escape[0]!r} is no escape in a string")
        return ESCAPES[escape[2]]

    # Java writes what is beyond 16 bits as two escapes: join them.
    return _ESCAPE.sub(char, text).encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def _spaced(space: str, key: Any) -> Any:
    """Put a key of ``#:space{...}`` into that space, unless it has one; ``_`` stands for none."""
    if not isinstance(key, Keyword | Symbol):
        return key
    own, slash, name = key.partition("/")
    if not slash or not own:
        return type(key)(f"{space}/{key}")
    return type(key)(name) if own == "_" else key


def _freeze(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(_freeze, value))
    if isinstance(value, dict):
        return FrozenMap((key, _freeze(item)) for key, item in value.items())
    if isinstance(value, Tagged):
        return Tagged(value.tag, _freeze(value.value))
    return value
