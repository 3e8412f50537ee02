"""Histories on disk as JSON lines: one event per line, flushed as it happens.

A killed run leaves a readable file whose last line may be cut short; ``read`` says so and keeps the rest.
Lines are canonical: equal events give equal bytes (a value's keys are sorted), so files can be hashed.
A line's fields are those of ``Op``; ``error`` is left out where there is none, and the fields of
``extra`` stand flat behind the others.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import msgspec

from dsm_jepsen.history import _recorded
from dsm_jepsen.history.history import History, HistoryError
from dsm_jepsen.history.op import Op


class _Line(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    index: int
    time: int
    type: str  # which words are known is for History to say, here and below
    process: int | str
    f: str
    value: Any
    error: Any = None


_encoder = msgspec.json.Encoder(order="deterministic")
_decode_line = msgspec.json.Decoder(_Line).decode
_decode_any = msgspec.json.Decoder(dict[str, Any]).decode
_FIELDS = _Line.__struct_fields__

_NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Loaded(NamedTuple):
    """A history read from a file, and what was lost of it (``None``: nothing).

    ``truncated`` is a line for people, such as ``history.jsonl:17: ...``.
    """

    history: History
    truncated: str | None


def encode(op: Op) -> bytes:
    r"""Give the event's line, with its ``\n``.

    Raises:
        HistoryError: a value is not JSON; of mappings, all keys must be strings.
    """
    line = _Line(
        index=op.index,
        time=op.time,
        type=op.type,
        process=op.process,
        f=op.f,
        value=op.value,
        error=op.error,
    )
    try:
        text = _encoder.encode(line)
        if op.extra:
            text = text[:-1] + b"," + _encoder.encode(op.extra)[1:]
    except (TypeError, ValueError, RecursionError) as error:
        raise HistoryError(f"event {op.index}: cannot be written: {error}; use JSON values only") from error
    return text + b"\n"


def dumps(ops: Iterable[Op]) -> bytes:
    """Give the bytes that a file of these events has."""
    return b"".join(map(encode, ops))


class Writer:
    """Writes a new file event by event; each is handed to the system before ``append`` returns.

    It does not check the events against each other: ``History`` does.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")

    def append(self, op: Op) -> None:
        """Write one event.

        Raises:
            HistoryError: a value is not JSON; nothing was written.
        """
        self._file.write(encode(op))
        self._file.flush()

    def close(self) -> None:
        """Close the file; harmless when it is closed."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read(path: Path) -> Loaded:
    """Read a history; a last line that was cut short is left out and reported.

    Raises:
        HistoryError: a line is not JSON, not an event or does not follow from those before it; the message
            begins with file and line.
        OSError: the file cannot be read.
    """
    history = History()
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                history.append(_decode(line))
            except (msgspec.ValidationError, HistoryError) as error:
                raise HistoryError(f"{path}:{number}: {error}") from error
            except _NOT_JSON as error:
                # No beginning of a line is JSON, so a cut line cannot pass for a whole one.
                if not line.endswith(b"\n"):
                    lost = f"{path}:{number}: the last line is cut short ({len(line)} bytes left out)"
                    return Loaded(history, lost)
                raise HistoryError(f"{path}:{number}: not a JSON object: {error}") from error
    return Loaded(history, None)


def _decode(text: bytes) -> Op:
    try:
        line = _decode_line(text)
    except msgspec.ValidationError:
        # Perhaps only fields that are not ours; if there is more to it, this finds it again.
        fields = _decode_any(text)
        line = msgspec.convert({name: fields.pop(name) for name in _FIELDS if name in fields}, _Line)
        extra = fields or None
    else:
        extra = None
    return Op(
        index=line.index,
        time=line.time,
        type=line.type,  # type: ignore[arg-type]
        process=line.process,  # type: ignore[arg-type]
        f=line.f,
        value=line.value,
        error=line.error,
        extra=extra,
    )


class _Events(_recorded.Lines):
    """Events of any recorder, an object each; see ``_recorded.event``."""

    def __iter__(self) -> Iterator[Op]:
        index, time = 0, _recorded.UNSET
        for line in self.lines:
            self.number += 1
            if not line.strip():
                continue
            try:
                fields = _decode_any(line)
            except msgspec.ValidationError:
                _recorded.not_an_event(index, line, 'an object such as {"type": "invoke", ...}')
            except _NOT_JSON as error:
                if self.number == len(self.lines):
                    raise HistoryError(f"the last line is cut short: {error}") from error
                raise HistoryError(f"not a JSON object: {error}") from error
            op = _recorded.event(fields, index=index, not_before=time)
            yield op
            index, time = index + 1, op.time


FORM: Final = _recorded.Form(1, msgspec.json.decode, _Events)
"""How the kernel and ``_recorded`` read what others wrote; ``read`` is for what ``Writer`` wrote."""
