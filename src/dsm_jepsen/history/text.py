"""``history.txt`` as Jepsen writes it, for people: process, type, f, value and error between tabs, in EDN.

Jepsen's log has the same lines behind its own beginning (``INFO  jepsen.util - ``), among others.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from dsm_jepsen.history import edn
from dsm_jepsen.history.history import History, HistoryError
from dsm_jepsen.history.op import NEMESIS, Op

_EVENT = re.compile(r"(?:.* - )?([0-9]+|:nemesis)\t:(invoke|ok|fail|info)\t(\S+)\t([^\t]*)(?:\t(.*))?")
_NO_TIME = -1


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

    * a completion whose value is ``:timed-out`` is ``info``, also where it says ``:fail``;
    * a ``:fail`` of ``:cas`` without an error compared unequal: its error is ``unequal``.

    Raises:
        HistoryError: no line is an event, or one cannot follow those before it; the message begins with file
            and line.
        OSError: the file cannot be read.
    """
    history = History()
    with path.open(encoding="utf-8") as file:
        for number, line_ in enumerate(file, 1):
            if not (match := _EVENT.fullmatch(line_.rstrip("\r\n"))):
                continue
            try:
                history.append(_event(*match.groups(), index=len(history)))
            except edn.EdnError as error:
                raise HistoryError(f"{path}:{number}: {error.reason}") from error
            except HistoryError as error:
                raise HistoryError(f"{path}:{number}: {error}") from error
    if not len(history):
        raise HistoryError(f"{path}: no line is an event, expected process, type, f and value between tabs")
    return history


def _event(process: str, type_: str, f: str, value: str, error: str | None, *, index: int) -> Op:
    told = edn.to_json(edn.loads(value)) if value.strip() else None
    reason = edn.to_json(edn.loads(error)) if error and error.strip() else None
    name = str(edn.to_json(edn.loads(f)))
    if type_ != "invoke" and told == "timed-out":
        type_, told, reason = "info", None, "timed-out"
    if type_ == "fail" and name == "cas" and reason is None:
        reason = "unequal"
    return Op(
        index=index,
        time=_NO_TIME,
        type="info" if process == ":nemesis" else type_,  # type: ignore[arg-type]  # the expression lets no other in
        process=NEMESIS if process == ":nemesis" else int(process),
        f=name,
        value=told,
        error=reason,
    )
