"""A history: the events of a run in order, checked for well-formedness as they are added.

Events are kept in columns, a few machine words each, because a run may have a million of them: an
``Op`` is a view, built when it is asked for. Sizes are counted in events; an operation is two.
"""

import sys
from array import array
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple, NoReturn

from dsm_jepsen.history.op import NEMESIS, Op, Process, type_names

_CODES = {name: code for code, name in enumerate(type_names)}
_INVOKE, _INFO = _CODES["invoke"], _CODES["info"]
_FIELDS = frozenset(Op.__struct_fields__) - {"extra"}
"""Written flat, an extra field beside these; ``extra`` itself is not written."""

_NUMBERS = 2**63
"""Times and process numbers are signed 64-bit integers."""

_NEMESIS_COLUMN = -1
"""How the process column says ``nemesis``."""

_NONE = -1
"""How the partner column says that there is none."""


class HistoryError(ValueError):
    """Events that no run could have produced; the message names the place and what was expected."""


class Operation(NamedTuple):
    """A client's operation: its invocation, and its completion (``None`` if it never returned)."""

    invoke: Op
    completion: Op | None


class Columns(NamedTuple):
    """Events as they lie in memory, a column for each of their sides; not to be changed.

    Attributes:
        types: by place in ``type_names``.
        processes: -1 for the nemesis.
        partners: index of the other event of an operation; -1 for none.
        fs: what was done.
        values: JSON values.
        errors: by index, of those events that have one.
    """

    types: bytearray
    processes: "array[int]"
    partners: "array[int]"
    fs: list[str]
    values: list[Any]
    errors: dict[int, Any]

    def first(self, events: int) -> "Columns":
        """The first so many events; of operations that ended later nobody knows the end."""
        partners = array("q", (index if index < events else _NONE for index in self.partners[:events]))
        types, processes, _, fs, values, errors = self
        return Columns(types[:events], processes[:events], partners, fs[:events], values[:events], errors)


class History:
    """Events in order; an operation is two of them.

    Two histories are equal if their events are.
    """

    def __init__(self, ops: Iterable[Op] = ()) -> None:
        self._times = array("q")
        self._types = bytearray()
        self._processes = array("q")
        self._fs: list[str] = []
        self._values: list[Any] = []
        self._errors: dict[int, Any] = {}
        self._extras: dict[int, dict[str, Any]] = {}
        self._partner = array("q")
        self._open: dict[int, int] = {}
        self._ended: dict[int, int] = {}
        for op in ops:
            self.append(op)

    @classmethod
    def of_columns(
        cls, columns: Columns, *, times: "array[int]", extras: dict[int, dict[str, Any]]
    ) -> "History":
        """Take events that are known to be well-formed."""
        history = cls()
        history._times, history._extras = times, extras
        history._types, history._processes, history._partner, *_ = columns
        _, _, _, history._fs, history._values, history._errors = columns
        for index in _places(columns.partners, _NONE):
            if columns.types[index] == _INVOKE:
                history._open[columns.processes[index]] = index
        for index in _places(columns.types, _INFO):
            if columns.partners[index] != _NONE:
                history._ended[columns.processes[index]] = index
        return history

    def append(self, op: Op) -> None:
        """Add the next event.

        Raises:
            HistoryError: wrong index, a field of the wrong kind, time going back, double invoke, completion
                without invoke or with another ``f``, a process used after its ``info``, or a nemesis' event
                that is not ``info``. Nothing was added.
        """
        self._check_fields(op)
        index, code, start = op.index, _CODES[op.type], _NONE
        if op.process == NEMESIS:
            process = _NEMESIS_COLUMN
            if code != _INFO:
                _refuse(op, f"the nemesis' event is {op.type!r}, expected 'info': it is not a client")
        else:
            process = op.process
            if code == _INVOKE:
                self._check_free(op)
                self._open[process] = index
            else:
                start = self._check_running(op)
                del self._open[process]
                if code == _INFO:
                    self._ended[process] = index
        self._times.append(op.time)
        self._types.append(code)
        self._processes.append(process)
        self._fs.append(sys.intern(op.f))
        self._values.append(op.value)
        self._partner.append(start)
        if start != _NONE:
            self._partner[start] = index
        if op.error is not None:
            self._errors[index] = op.error
        if op.extra:
            self._extras[index] = op.extra

    def _check_fields(self, op: Op) -> None:
        """Refuse what no process could have reported at this place, whatever came before."""
        index, time, process = op.index, op.time, op.process
        if index != len(self._types):
            _refuse(op, f"expected index {len(self._types)}: number events densely from 0 as they happen")
        if op.type not in _CODES:
            _refuse(op, f"type {op.type!r} is unknown, expected one of {', '.join(type_names)}")
        if type(time) is not int or not -1 <= time < _NUMBERS:
            _refuse(op, f"time is {time!r}, expected nanoseconds since the run began (-1: not known)")
        if index and time < self._times[-1]:
            _refuse(op, f"time {time} is before event {index - 1}'s {self._times[-1]}: add events in order")
        if process != NEMESIS and not (type(process) is int and 0 <= process < _NUMBERS):
            _refuse(op, f"process is {process!r}, expected a number from 0 or {NEMESIS!r}")
        if not isinstance(op.f, str):
            _refuse(op, f"f is {op.f!r}, expected the operation's name as a string")
        if op.extra and not _FIELDS.isdisjoint(op.extra):
            names = ", ".join(sorted(_FIELDS & op.extra.keys()))
            _refuse(op, f"extra field {names} has the name of an event's own field: call it otherwise")

    def _check_free(self, op: Op) -> None:
        """Refuse an invocation by a process that cannot take one."""
        process: Any = op.process
        if process in self._open:
            start = self._open[process]
            _refuse(
                op,
                f"process {process} invokes {op.f!r} while its {self._fs[start]!r} of event {start} is open: "
                "a process has one operation at a time, complete that first",
            )
        if process in self._ended:
            _refuse(
                op,
                f"process {process} invokes {op.f!r} after its 'info' of event {self._ended[process]}: "
                "that operation may still take effect, go on as another process",
            )

    def _check_running(self, op: Op) -> int:
        """Give the index of the invocation that this event completes."""
        process: Any = op.process
        start = self._open.get(process, _NONE)
        if start == _NONE:
            _refuse(op, f"process {process} completes {op.f!r} but has nothing open: invoke it first")
        if self._fs[start] != op.f:
            _refuse(
                op,
                f"process {process} completes {op.f!r} but invoked {self._fs[start]!r} at event {start}: "
                "a completion has the f of its invocation",
            )
        return start

    def __len__(self) -> int:
        return len(self._types)

    def __getitem__(self, index: int) -> Op:
        index = range(len(self._types))[index]
        process: Process = self._processes[index]
        return Op(
            index=index,
            time=self._times[index],
            type=type_names[self._types[index]],
            process=NEMESIS if process == _NEMESIS_COLUMN else process,
            f=self._fs[index],
            value=self._values[index],
            error=self._errors.get(index),
            extra=self._extras.get(index),
        )

    def __iter__(self) -> Iterator[Op]:
        return (self[index] for index in range(len(self._types)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, History):
            return NotImplemented
        # Partners follow from the other columns.
        return (
            self._types == other._types
            and self._times == other._times
            and self._processes == other._processes
            and self._fs == other._fs
            and self._values == other._values
            and self._errors == other._errors
            and self._extras == other._extras
        )

    __hash__ = None  # type: ignore[assignment]  # a history grows

    def __repr__(self) -> str:
        return f"<History of {len(self)} events>"

    @property
    def columns(self) -> Columns:
        """The events' columns but for times and extras; not to be changed."""
        return Columns(self._types, self._processes, self._partner, self._fs, self._values, self._errors)

    def partner(self, index: int) -> Op | None:
        """The completion of an invocation, or the invocation of a completion; ``None`` if there is none.

        A nemesis' events have none: they are not operations.
        """
        other = self._partner[index]
        return None if other == _NONE else self[other]

    def operations(self) -> Iterator[Operation]:
        """The clients' operations, in the order of their invocations."""
        for index, code in enumerate(self._types):
            if code == _INVOKE:
                yield Operation(self[index], self.partner(index))

    def nemesis(self) -> Iterator[Op]:
        """The events of faults."""
        return (self[index] for index, process in enumerate(self._processes) if process == _NEMESIS_COLUMN)


def _places(column: "bytearray | array[int]", value: int) -> Iterator[int]:
    """Give where a value stands, faster than by looking at each."""
    at = -1
    with suppress(ValueError):
        while True:
            at = column.index(value, at + 1)
            yield at


def _refuse(op: Op, because: str) -> NoReturn:
    raise HistoryError(f"event {op.index}: {because}")
