"""Operations as bars, one below the other, drawn in plain text."""

from collections.abc import Sequence
from typing import NamedTuple

from dsm_jepsen.checkers._words import brief, moment
from dsm_jepsen.history import Op

_ROWS = 40
_WORDS = 40


class Operation(NamedTuple):
    """An operation of a history, as far as it counts for an argument.

    Attributes:
        invoke: its invocation.
        completion: what became of it, or ``None``.
        firm: it took effect between the two; else at any time after its call, or never.
    """

    invoke: Op
    completion: Op | None
    firm: bool

    def __str__(self) -> str:
        """Say what it was and how it ended: ``read = 2``, ``cas [1, 2] ! unequal``, ``write 3 ?``."""
        words = self.invoke.f
        if self.invoke.value is not None:
            words += f" {brief(self.invoke.value)}"
        if not self.firm or self.completion is None:
            return f"{words} ?"
        if self.completion.type == "fail":
            return f"{words} ! {brief(self.completion.error)}"
        if self.completion.value != self.invoke.value:
            words += f" = {brief(self.completion.value)}"
        return words


def drawn(operations: Sequence[Operation], *, last: int) -> str:
    """Draw bars from call to return, one event a column pair, as wide as there are events.

    Args:
        operations: in the order of their calls; of many, only the last are drawn.
        last: index of the invocation to be marked.
    """
    shown = operations[-_ROWS:]
    moments = sorted({index for one in shown for index in _ends(one) if index is not None})
    column = {index: 2 * place for place, index in enumerate(moments)}
    width = 2 * len(moments)
    first = dict.fromkeys(one.invoke.process for one in shown)
    rows = sorted(shown, key=lambda one: (list(first).index(one.invoke.process), one.invoke.index))
    lines = []
    before = None
    for one in rows:
        start, end = _ends(one)
        bar = " " * column[start]
        bar += (
            "├" + "┄" * (width - column[start] - 1) + "▷"
            if end is None
            else _firm(column[end] - column[start])
        )
        who = f"process {one.invoke.process}" if one.invoke.process != before else ""
        before = one.invoke.process
        lines.append([who, moment(one.invoke), _cut(str(one)), bar, "✗" if start == last else ""])
    size = [max(len(line[at]) for line in lines) for at in range(3)]
    text = [
        f"{who:{size[0]}}  {when:>{size[1]}}  {what:{size[2]}}  {bar} {mark}".rstrip()
        for who, when, what, bar, mark in lines
    ]
    if len(operations) > _ROWS:
        text.append(f"(and {len(operations) - _ROWS} operations before)")
    return "\n".join(text)


def _ends(one: Operation) -> tuple[int, int | None]:
    return one.invoke.index, one.completion.index if one.firm and one.completion else None


def _firm(length: int) -> str:
    return "├" + "─" * (length - 1) + "┤"


def _cut(words: str) -> str:
    return words if len(words) <= _WORDS else words[: _WORDS - 3] + "..."
