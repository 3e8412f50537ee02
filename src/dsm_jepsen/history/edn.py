"""Jepsen's histories, read and written; and ``loads`` and ``dumps`` for any EDN.

An event's values are JSON values, so reading a history translates (``to_json``): keywords, symbols and
characters become plain strings, sets sorted lists, decimals and ratios floats, ``#tag value`` the object
``{"#tag": value}``, and a map's key that is no name the text it has in EDN. Writing (``from_json``) makes
keywords of an object's keys where they look like names, and of nothing else: a string that was once a keyword
is written as a string.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from dsm_jepsen.history import _recorded
from dsm_jepsen.history._edn_reader import EdnError, Reader, loads
from dsm_jepsen.history._edn_values import Char, FrozenMap, Keyword, Symbol, Tagged, dumps, ordered
from dsm_jepsen.history.history import History, HistoryError
from dsm_jepsen.history.op import Op

__all__ = [
    "FORM",
    "Char",
    "EdnError",
    "FrozenMap",
    "Keyword",
    "Symbol",
    "Tagged",
    "dumps",
    "from_json",
    "line",
    "loads",
    "read_history",
    "to_json",
    "word",
    "write_history",
]

_TYPE, _PROCESS, _F, _VALUE, _TIME, _INDEX, _ERROR = map(
    Keyword, ("type", "process", "f", "value", "time", "index", "error")
)
_KEYWORD_LIKE = re.compile(r"[A-Za-z_][A-Za-z0-9_.*+!?$%&=<>-]*(?:/[A-Za-z_][A-Za-z0-9_.*+!?$%&=<>-]*)?")
_SAME_IN_JSON = {str, int, float, bool}


def read_history(path: Path) -> History:
    """Read a history as Jepsen and knossos write it: op maps one by one, or in one vector or list.

    The order of the file is the order of events. Indexes and times that are missing or wrong are
    mended, and a ``:key`` becomes part of the value: ``_recorded.event`` says how.

    Raises:
        HistoryError: the file is not EDN, or not a history; the message begins with file and line.
        OSError: the file cannot be read.
    """
    return _recorded.read(path, FORM, name=str(path))


def _translate(text: str) -> Any:
    return to_json(loads(text))


class _Events:
    """Op maps, or records that are, one by one or in vectors and lists."""

    def __init__(self, text: str) -> None:
        self._reader = Reader(text)
        self.line = self._reader.line

    def __iter__(self) -> Iterator[Op]:
        time = _recorded.UNSET
        for index, form in enumerate(self._reader.values(flat=True)):
            fields = to_json(form.value if isinstance(form, Tagged) else form)
            if not isinstance(fields, dict):
                _recorded.not_an_event(index, dumps(form), "a map such as {:type :invoke, ...}")
            op = _recorded.event(fields, index=index, not_before=time)
            yield op
            time = op.time


FORM: Final = _recorded.Form(0, _translate, _Events)
"""How the kernel and ``_recorded`` read it."""


def write_history(history: Iterable[Op], path: Path) -> None:
    """Write a history as Jepsen does: one op map per line, UTF-8."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line(op)}\n" for op in history)


def line(op: Op) -> str:
    """Give the event's op map: type, process, f, value, time, index, then error and extras if it has them."""
    fields: dict[Any, Any] = {
        _TYPE: Keyword(op.type),
        _PROCESS: word(op.process) if isinstance(op.process, str) else op.process,
        _F: word(op.f),
        _VALUE: from_json(op.value),
        _TIME: op.time,
        _INDEX: op.index,
    }
    if op.error is not None:
        fields[_ERROR] = from_json(op.error)
    return dumps(fields | from_json(op.extra or {}))


def word(text: str) -> str:
    """Make a keyword of a string that looks like a name; others stay strings."""
    return Keyword(text) if _KEYWORD_LIKE.fullmatch(text) else text


def from_json(value: Any) -> Any:
    """Give a JSON value's form in EDN: objects with keywords as keys, where these look like names."""
    if isinstance(value, Mapping):
        return {word(key): from_json(item) for key, item in sorted(value.items())}
    if isinstance(value, list | tuple):
        return [from_json(item) for item in value]
    return value


def to_json(value: Any) -> Any:
    """Give the JSON value that stands for an EDN value; see the top of this module.

    Raises:
        HistoryError: two keys of a map become one.
        OverflowError: a ratio is too large for a float.
    """
    if value is None or type(value) in _SAME_IN_JSON:
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        result = {_key(key): to_json(item) for key, item in value.items()}
        if len(result) != len(value):
            raise HistoryError(f"{dumps(value)[:60]} has two keys that are one in JSON")
        return result
    if isinstance(value, frozenset):
        return [to_json(item) for item in ordered(value)]
    if isinstance(value, Tagged):
        return {f"#{value.tag}": to_json(value.value)}
    return float(value)  # a decimal or a ratio


def _key(key: Any) -> str:
    return str(key) if isinstance(key, str) else dumps(key)
