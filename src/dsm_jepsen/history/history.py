"""A history: the events of a run in order, checked for well-formedness as they are added."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from dsm_jepsen.history.op import NEMESIS, Op, Process


class HistoryError(ValueError):
    """Events that no run could have produced; the message names the place and what was expected."""


class Operation(NamedTuple):
    """A client's operation: its invocation, and its completion (``None`` if it never returned)."""

    invoke: Op
    completion: Op | None


class History:
    """Events in order; an operation is two of them."""

    def __init__(self, ops: Iterable[Op] = ()) -> None:
        self._ops: list[Op] = []
        self._partner: list[int] = []
        self._open: dict[Process, int] = {}
        for op in ops:
            self.append(op)

    def append(self, op: Op) -> None:
        """Add the next event.

        Raises:
            HistoryError: double invoke, completion without invoke, wrong index, or time going back.
        """
        self._ops.append(op)
        self._partner.append(-1)
        if op.process == NEMESIS:
            return
        if op.type == "invoke":
            self._open[op.process] = op.index
        else:
            start = self._open.pop(op.process)
            self._partner[start] = op.index
            self._partner[op.index] = start

    def __len__(self) -> int:
        return len(self._ops)

    def __getitem__(self, index: int) -> Op:
        return self._ops[index]

    def __iter__(self) -> Iterator[Op]:
        return iter(self._ops)

    def partner(self, index: int) -> Op | None:
        """The completion of an invocation, or the invocation of a completion; ``None`` if there is none."""
        other = self._partner[index]
        return None if other < 0 else self._ops[other]

    def operations(self) -> Iterator[Operation]:
        """The clients' operations, in the order of their invocations."""
        for op in self._ops:
            if op.type == "invoke" and op.process != NEMESIS:
                yield Operation(op, self.partner(op.index))

    def nemesis(self) -> Iterator[Op]:
        """The events of faults."""
        return (op for op in self._ops if op.process == NEMESIS)
