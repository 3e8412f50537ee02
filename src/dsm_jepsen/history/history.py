"""A history: the events of a run in order, checked for well-formedness as they are added.

Events are kept in columns, a few machine words each, because a run may have a million of them: an
``Op`` is a view, built when it is asked for. Sizes are counted in events; an operation is two.
"""

import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
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

_PLAIN = frozenset((int, str))
"""Types of values that cannot change, and are equal only where they are the same."""

_KNOWN = 1 << 16
"""Values whose numbers are kept at hand; then they are numbered anew."""


class HistoryError(ValueError):
    """Events that no run could have produced; the message names the place and what was expected."""


class Operation(NamedTuple):
    """A client's operation: its invocation, and its completion (``None`` if it never returned)."""

    invoke: Op
    completion: Op | None


class Columns(NamedTuple):
    """Events as they lie in memory, a column for each of their sides; not to be changed.

    What comes again and again is there once, and the columns have its number.

    Attributes:
        types: by place in ``type_names``.
        processes: -1 for the nemesis.
        partners: index of the other event of an operation; -1 for none.
        fs: what was done, by place in ``names``.
        values: by place in ``items``.
        errors: by place in ``items``; 0 for none.
        names: each once.
        items: JSON values, of which some may be equal; the first is null.
    """

    types: bytearray
    processes: "array[int]"
    partners: "array[int]"
    fs: "array[int]"
    values: "array[int]"
    errors: "array[int]"
    names: list[str]
    items: list[Any]

    def f(self, index: int) -> str:
        """Give what an event is about."""
        return self.names[self.fs[index]]

    def value(self, index: int) -> Any:
        """Give an event's value."""
        return self.items[self.values[index]]

    def error(self, index: int) -> Any:
        """Give an event's error."""
        return self.items[self.errors[index]]

    def first(self, events: int) -> "Columns":
        """The first so many events; of operations that ended later nobody knows the end."""
        types, processes, partners, fs, values, errors, names, items = self
        known = array("q", (index if index < events else _NONE for index in partners[:events]))
        return Columns(
            types[:events],
            processes[:events],
            known,
            fs[:events],
            values[:events],
            errors[:events],
            names,
            items,
        )


class History:
    """Events in order; an operation is two of them.

    Two histories are equal if their events are.

    Attributes:
        columns: the events' columns but for times and extras; not to be changed.
    """

    def __init__(self, ops: Iterable[Op] = ()) -> None:
        self.columns = Columns(
            bytearray(), array("q"), array("q"), array("i"), array("i"), array("i"), [], [None]
        )
        self._times = array("q")
        self._extras: dict[int, dict[str, Any]] = {}
        self._names: dict[str, int] = {}
        self._numbers: dict[Any, int] = {}
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
        history.columns, history._times, history._extras = columns, times, extras
        history._names = {name: number for number, name in enumerate(columns.names)}
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
        process = _NEMESIS_COLUMN if op.process == NEMESIS else op.process
        if process == _NEMESIS_COLUMN:
            if code != _INFO:
                _refuse(op, f"the nemesis' event is {op.type!r}, expected 'info': it is not a client")
        elif code == _INVOKE:
            self._check_free(op)
        else:
            start = self._check_running(op)
        types, processes, partners, fs, values, errors, _, _ = self.columns
        name = self._names.get(op.f)
        if name is None:
            name = self._name(op.f)
        value = 0 if op.value is None else self._number(op.value)
        error = 0 if op.error is None else self._number(op.error)
        types.append(code)  # refused while the history is judged: then nothing was added
        self._times.append(op.time)
        processes.append(process)
        partners.append(start)
        fs.append(name)
        values.append(value)
        errors.append(error)
        if code == _INVOKE:
            self._open[process] = index
        elif start != _NONE:
            del self._open[process]
            if code == _INFO:
                self._ended[process] = index
        if start != _NONE:
            partners[start] = index
        if op.extra:
            self._extras[index] = op.extra

    def _name(self, f: str) -> int:
        """Give a new name a number."""
        name = sys.intern(str(f))
        self.columns.names.append(name)
        return self._names.setdefault(name, len(self._names))

    def _number(self, value: Any) -> int:
        """Give a value's number: one that may change has one of its own each time."""
        items = self.columns.items
        number = len(items)
        if type(value) in _PLAIN:
            numbers = self._numbers
            if len(numbers) == _KNOWN:
                numbers.clear()
            number = numbers.setdefault(value, number)
        if number == len(items):
            items.append(value)
        return number

    def _check_fields(self, op: Op) -> None:
        """Refuse what no process could have reported at this place, whatever came before."""
        index, time, process = op.index, op.time, op.process
        if index != len(self._times):
            _refuse(op, f"expected index {len(self._times)}: number events densely from 0 as they happen")
        if not isinstance(op.type, str) or op.type not in _CODES:
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
                f"process {process} invokes {op.f!r} while its {self.columns.f(start)!r} of event {start} is "
                "open: a process has one operation at a time, complete that first",
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
        _, _, _, fs, _, _, names, _ = self.columns
        if names[fs[start]] != op.f:
            _refuse(
                op,
                f"process {process} completes {op.f!r} but invoked {names[fs[start]]!r} at event "
                f"{start}: a completion has the f of its invocation",
            )
        return start

    def __len__(self) -> int:
        return len(self._times)

    def __getitem__(self, index: int) -> Op:
        index = range(len(self))[index]
        columns = self.columns
        process: Process = columns.processes[index]
        return Op(
            index=index,
            time=self._times[index],
            type=type_names[columns.types[index]],
            process=NEMESIS if process == _NEMESIS_COLUMN else process,
            f=columns.f(index),
            value=columns.value(index),
            error=columns.error(index),
            extra=self._extras.get(index),
        )

    def __iter__(self) -> Iterator[Op]:
        return (self[index] for index in range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, History):
            return NotImplemented
        if self._times != other._times or self._extras != other._extras:
            return False
        sides = zip(_sides(self.columns), _sides(other.columns), strict=True)
        return all(mine == its for mine, its in sides)

    __hash__ = None  # type: ignore[assignment]  # a history grows

    def __repr__(self) -> str:
        return f"<History of {len(self)} events>"

    def partner(self, index: int) -> Op | None:
        """The completion of an invocation, or the invocation of a completion; ``None`` if there is none.

        A nemesis' events have none: they are not operations.
        """
        other = self.columns.partners[index]
        return None if other == _NONE else self[other]

    def operations(self) -> Iterator[Operation]:
        """The clients' operations, in the order of their invocations."""
        for index, code in enumerate(self.columns.types):
            if code == _INVOKE:
                yield Operation(self[index], self.partner(index))

    def nemesis(self) -> Iterator[Op]:
        """The events of faults."""
        processes = self.columns.processes
        return (self[index] for index, process in enumerate(processes) if process == _NEMESIS_COLUMN)


def _sides(columns: Columns) -> Iterator[Sequence[Any]]:
    """Give what a history says event by event; partners follow from that."""
    types, processes, _, fs, values, errors, names, items = columns
    yield from (types, processes, [names[number] for number in fs])
    for numbers in (values, errors):
        yield [items[number] for number in numbers]


def _places(column: "bytearray | array[int]", value: int) -> Iterator[int]:
    """Give where a value stands, faster than by looking at each."""
    at = -1
    with suppress(ValueError):
        while True:
            at = column.index(value, at + 1)
            yield at


def _refuse(op: Op, because: str) -> NoReturn:
    raise HistoryError(f"event {op.index}: {because}")
