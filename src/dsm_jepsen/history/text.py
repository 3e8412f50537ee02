"""``history.txt`` as Jepsen writes it, for people: process, type, f, value and error between tabs, in EDN.

Jepsen's log has the same lines behind its own beginning (``INFO  jepsen.util -``), among others.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from dsm_jepsen.history import _recorded, edn
from dsm_jepsen.history.history import History
from dsm_jepsen.history.op import NEMESIS, Op

_BEGINS = re.compile(r"(?:.*?\s)?([0-9]+|:nemesis)\t:")
_EVENT = re.compile(r"([0-9]+|:nemesis)\t:(invoke|ok|fail|info)\t(\S+)\t([^\t]*)(?:\t(.*))?")


def write(history: Iterable[Op], path: Path) -> None:
    """Write one line per event."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line(op)}\n" for op in history)


def line(op: Op) -> str:
    r"""Give the event's columns; a tab or newline in a value is escaped."""
    values = [edn.word(str(op.process)), edn.Keyword(op.type), edn.word(op.f), edn.from_json(op.value)]
    if isinstance(op.process, int):
        values[0] = op.process
    if op.error is not None:
        values.append(edn.from_json(op.error))
    return "\t".join(map(edn.dumps, values))


def read(path: Path) -> History:
    """Read a history's lines, also from Jepsen's log; lines that are no events are passed over.

    Times are not known (-1). What clients of Jepsen's first years meant is taken as they meant it:

    * a completion whose value is ``:timed-out`` is ``info``, also where it says ``:fail``; but a ``:fail`` of
      ``:read`` stays one, for its process goes on, and a read has no effect;
    * a ``:fail`` of ``:cas`` without an error compared unequal: its error is ``unequal``.

    Raises:
        HistoryError: a line looks like an event and is none, or one cannot follow those before it; the
            message begins with file and line.
        OSError: the file cannot be read.
    """
    return _recorded.read(path, FORM, name=str(path))


class _Events(_recorded.Lines):
    """Lines that are events, among others."""

    def __iter__(self) -> Iterator[Op]:
        index = 0
        for line_ in self.lines:
            self.number += 1
            if not (begins := _BEGINS.match(line_)):
                continue
            if not (match := _EVENT.fullmatch(line_.rstrip("\r"), begins.start(1))):
                _recorded.not_an_event(index, repr(line_), "process, type, f and value between tabs")
            yield _event(*match.groups(), index=index)
            index += 1


FORM: Final = _recorded.Form(2, lambda text: edn.to_json(edn.loads(text)), _Events)
"""How the kernel and ``_recorded`` read it."""


def _event(process: str, type_: str, f: str, value: str, error: str | None, *, index: int) -> Op:
    told = edn.to_json(edn.loads(value)) if value.strip() else None
    reason = edn.to_json(edn.loads(error)) if error and error.strip() else None
    name = str(edn.to_json(edn.loads(f)))
    if type_ != "invoke" and told == "timed-out":
        type_ = "fail" if type_ == "fail" and name == "read" else "info"
        told, reason = None, "timed-out"
    if type_ == "fail" and name == "cas" and reason is None:
        reason = "unequal"
    return Op(
        index=index,
        time=_recorded.UNSET,
        type="info" if process == ":nemesis" else type_,  # type: ignore[arg-type]  # the expression lets no other in
        process=NEMESIS if process == ":nemesis" else int(process),
        f=name,
        value=told,
        error=reason,
    )
