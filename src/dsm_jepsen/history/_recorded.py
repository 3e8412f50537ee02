"""Histories as anyone may have recorded them: what is read of an event, and reading many of them at once.

The native kernel reads whatever is as usual. What is not, and whatever is wrong, is read again here, event by
event, so that errors name the line.
"""

from array import array
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, Protocol

from dsm_jepsen.history.history import Columns, History, HistoryError
from dsm_jepsen.history.op import NEMESIS, Op

try:
    from dsm_jepsen import _native
except ImportError:
    _native = None  # type: ignore[assignment]

UNSET = -1
"""The time of an event that has none."""


class Events(Protocol):
    """Events of a text, one after the other."""

    def __iter__(self) -> Iterator[Op]:
        """Give them.

        Raises:
            ValueError: the next is none; ``reason``, if there is one, says why.
        """
        ...

    def line(self) -> int:
        """Give the line, from 1, that was read last."""
        ...


class Lines:
    """A text's lines, and the number of the one that was read last; ``Events`` of forms of a line each."""

    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        self.number = 0

    def line(self) -> int:
        """Give the line, from 1, that was read last."""
        return self.number


class Form(NamedTuple):
    """A way to write histories down.

    Attributes:
        number: what the kernel calls it.
        translate: gives the JSON value that a value's text stands for.
        events: reads a text event by event.
    """

    number: int
    translate: Callable[[str], Any]
    events: Callable[[str], Events]


def read(source: Path | bytes, form: Form, *, name: str) -> History:
    """Read a history.

    Args:
        source: a file, or what was in it.
        form: how it is written.
        name: the file's, for errors.

    Raises:
        HistoryError: it is none; the message begins with name and line.
        OSError: the file cannot be read.
    """
    content = _content(source)
    if _native is None or not (told := _native.read_history(content, form.number, form.translate)):
        return _read(content, form, name)
    del content  # may be large
    types, times, processes, partners, fs, values, errors, names, items, extras = told
    clients, others = array("q", processes), array("q", partners)
    numbers = array("i", fs), array("i", values), array("i", errors)
    columns = Columns(bytearray(types), clients, others, *numbers, names, items)
    return History.of_columns(columns, times=array("q", times), extras=extras)


def line_of(source: Path | bytes, form: Form, event: int, *, name: str) -> int:
    """Give the line at which an event of a history that could be read ends, from 1."""
    content = _content(source)
    events = form.events(_decoded(content, name))
    for op in events:
        if op.index == event:
            break
    return events.line()


def _content(source: Path | bytes) -> bytes:
    """Give what is in it, without the mark of its encoding that some editors put first."""
    content = source if isinstance(source, bytes) else source.read_bytes()
    return content.removeprefix(BOM_UTF8)


def _read(content: bytes, form: Form, name: str) -> History:
    """Read any history, event by event."""
    history = History()
    events = form.events(_decoded(content, name))
    try:
        for op in events:
            history.append(op)
    except (ValueError, OverflowError) as error:
        raise HistoryError(f"{name}:{events.line()}: {getattr(error, 'reason', error)}") from error
    return history


def _decoded(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise HistoryError(f"{name}:{line}: not text in UTF-8: {error.reason}") from error


def event(fields: Mapping[str, Any], *, index: int, not_before: int) -> Op:
    """Make an event of JSON values by name.

    Recorded files are taken as they are where that is harmless:

    * ``index`` is given anew, dense from 0: files of one key have gaps, old files have none.
    * ``time`` that is missing or goes back becomes that of the event before (-1 at the start): old clients
      took the time before they took their turn.
    * an event of the nemesis is ``info``, whatever the file says: a fault is no operation.
    * ``key`` is put before the value, ``[key, value]``: so Jepsen tells things apart, and so do models.
    * ``value`` and ``error`` may be missing; what is not an event's own goes to ``extra``.
    """
    rest = {name: value for name, value in fields.items() if name != "index"}
    time = rest.pop("time", None)
    process = rest.pop("process", None)
    type_ = rest.pop("type", None)
    value = rest.pop("value", None)
    if "key" in rest:
        value = [rest.pop("key"), value]
    return Op(
        index=index,
        time=not_before if time is None else max(time, not_before) if isinstance(time, int) else time,
        type="info" if process == NEMESIS else type_,  # History refuses what is no type, process, and so on
        process=process,
        f=rest.pop("f", None),
        value=value,
        error=rest.pop("error", None),
        extra=rest or None,
    )


def not_an_event(index: int, seen: str, expected: str) -> NoReturn:
    """Refuse what is no event at all.

    Raises:
        HistoryError: always.
    """
    raise HistoryError(f"event {index}: {seen[:60]}, expected {expected}")
