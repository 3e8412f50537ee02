"""One event of a history: an operation invoked, or what became of it.

An operation is two events: its ``invoke`` and its completion. The completion's type says
what the client may conclude (Jepsen's meaning exactly):

* ``ok``: it took effect, once, between its invocation and its completion.
* ``fail``: it did not take effect and never will.
* ``info``: unknown. It may take effect at any later moment, or never.

Treating an ``info`` as a ``fail`` hides bugs, so whoever maps an error to ``fail`` says why
in a comment. A nemesis is not a client: its events are ``info`` on both sides.
"""

from typing import Any, Literal

import msgspec

type_names: tuple["OpType", ...] = ("invoke", "ok", "fail", "info")

OpType = Literal["invoke", "ok", "fail", "info"]

NEMESIS: Literal["nemesis"] = "nemesis"
"""The process of a fault's events."""

Process = int | Literal["nemesis"]


class Op(msgspec.Struct, frozen=True, kw_only=True):
    """One event, in the field order of a line of ``history.jsonl``.

    Attributes:
        index: place in the history, dense from 0.
        time: nanoseconds since the run began.
        type: ``invoke``, or the completion ``ok``, ``fail`` or ``info``.
        process: number of the logical client process, or ``nemesis``.
        f: name of the operation, such as ``event`` or ``read``.
        value: any JSON value; of an invocation the argument, of a completion the result.
        error: why a ``fail`` or ``info`` came about: ``[kind, detail]``, else ``None``.
        extra: further fields, kept beside the others when written (Jepsen's files have some).
    """

    index: int
    time: int
    type: OpType
    process: Process
    f: str
    value: Any = None
    error: Any = None
    extra: dict[str, Any] | None = None
