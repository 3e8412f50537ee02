"""``history.txt`` as Jepsen writes it, for people: process, type, f, value and error between tabs, in EDN."""

from collections.abc import Iterable
from pathlib import Path

from dsm_jepsen.history import edn
from dsm_jepsen.history.op import Op


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
