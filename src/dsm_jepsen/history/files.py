"""A history from a file of any form: EDN, such as porcupine's lines, Jepsen's text or log, or JSON lines."""

import re
from codecs import BOM_UTF8
from pathlib import Path

from dsm_jepsen.history import _recorded, edn, jsonl, text
from dsm_jepsen.history.history import History, HistoryError

_PEEK = 4096
_JSON = re.compile(rb"\{\s*[\"}]")
_JSON_ARRAY = re.compile(rb'\[\s*\{\s*"[^"]*"\s*:[\s"\d\[{-]')
_EDN = re.compile(rb"[\[({;#]")


def read_history(source: Path | bytes, *, name: str | None = None) -> History:
    """Read a history in whichever form it begins with.

    Args:
        source: a file, or what was in one.
        name: what errors call it, if not by its path.

    Raises:
        HistoryError: it is not a history; the message begins with file and line.
        OSError: the file cannot be read.
    """
    called = _called(source, name)
    history = _recorded.read(source, _form(source, called), name=called)
    if not len(history):
        raise HistoryError(
            f"{called}: no event is in it, expected op maps in EDN, JSON lines, or lines with process, type, "
            "f and value between tabs"
        )
    return history


def line_of(source: Path | bytes, event: int, *, name: str | None = None) -> int:
    """Give the line of an event, from 1, in what ``read_history`` could read."""
    called = _called(source, name)
    return _recorded.line_of(source, _form(source, called), event, name=called)


def _called(source: Path | bytes, name: str | None) -> str:
    return name or (str(source) if isinstance(source, Path) else "<history>")


def _form(source: Path | bytes, name: str) -> _recorded.Form:
    if isinstance(source, bytes):
        beginning = source[:_PEEK]
    else:
        with source.open("rb") as file:
            beginning = file.read(_PEEK)
    beginning = beginning.removeprefix(BOM_UTF8).lstrip()
    if not beginning:
        raise HistoryError(f"{name}: nothing is in it, expected a history")
    if _JSON.match(beginning):
        return jsonl.FORM
    if _JSON_ARRAY.match(beginning):
        raise HistoryError(f"{name}: a JSON array, expected JSON lines: objects alone, one in each line")
    return edn.FORM if _EDN.match(beginning) else text.FORM
