"""What a nemesis did, and when: each start of a fault with its outcome, and its end.

A nemesis' events are ``info`` on both sides: of one ``f``, every second one is a completion. Its value says
what became of the step, such as ``{"outcome": "installed", "nodes": ["n3"], ...}``.
"""

from math import inf
from typing import Any, NamedTuple

from dsm_jepsen.history import History, Op, Operation


class Fault(NamedTuple):
    """One start of a fault.

    Attributes:
        name: the nemesis, such as ``halves`` of ``start-halves``.
        asked: the invocation of its start.
        begun: the completion of its start, if there is one.
        healing: the invocation of the first stop after it.
        healed: the completion of the first stop that ended it.
    """

    name: str
    asked: Op
    begun: Op | None = None
    healing: Op | None = None
    healed: Op | None = None

    @property
    def outcome(self) -> str:
        """``installed``, ``skipped`` or ``indeterminate``; ``failed`` if it broke; ``open``: unanswered."""
        if self.begun is None:
            return "open"
        return "failed" if self.begun.error is not None else str(_report(self.begun).get("outcome"))

    @property
    def installed(self) -> bool:
        """Whether it was seen to act."""
        return self.outcome == "installed"

    @property
    def why(self) -> str:
        """What became of it, with the reason if one is told."""
        if self.begun is None:
            return self.outcome
        reason = self.begun.error if self.begun.error is not None else _report(self.begun).get("why")
        return f"{self.outcome}: {reason}" if reason else self.outcome

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes that the report of its start names."""
        return tuple(_report(self.begun).get("nodes") or ()) if self.begun else ()

    def holds(self, op: Op | None) -> bool:
        """Whether an event lies between the beginning of the fault and that of its healing."""
        if self.begun is None or op is None:
            return False
        acts = op.index > self.begun.index or op.time > _acts_ns(self.begun)
        return acts and op.index < (self.healing.index if self.healing else inf)

    def holds_whole(self, operation: Operation) -> bool:
        """Whether an operation began and ended there."""
        return self.holds(operation.invoke) and self.holds(operation.completion)


class Cut(NamedTuple):
    """An installed partition with a majority and a minority.

    Attributes:
        acts_ns: when it began to act, which is before it had been seen to.
    """

    fault: Fault
    begun: Op
    acts_ns: int
    minority: tuple[str, ...]
    majority: tuple[str, ...]


def cuts(history: History) -> list[Cut]:
    """Give the partitions that were seen to act and whose report names both sides."""
    found = []
    for fault in faults(history):
        if fault.installed and fault.begun:
            minority, majority = (_report(fault.begun).get(side) for side in ("minority", "majority"))
            if minority and majority:
                begun = fault.begun
                found.append(Cut(fault, begun, _acts_ns(begun), tuple(minority), tuple(majority)))
    return found


def faults(history: History) -> list[Fault]:
    """Give all starts, in order."""
    told: list[Fault] = []
    open_steps: set[str] = set()
    for op in history.nemesis():
        verb, _, name = op.f.partition("-")
        begins = op.f not in open_steps
        open_steps ^= {op.f}
        if verb == "start" and begins:
            told.append(Fault(name, op))
        elif verb in {"start", "stop"}:
            told = [_next(fault, verb, op, begins=begins) if fault.name == name else fault for fault in told]
    return told


def _next(fault: Fault, verb: str, op: Op, *, begins: bool) -> Fault:
    if verb == "start":
        return fault._replace(begun=fault.begun or op)
    if begins:
        return fault._replace(healing=fault.healing or op)
    # A stop that broke may have left the fault in force: it lasts until one that ended it.
    ended = op.error is None and _report(op).get("outcome") == "ended"
    return fault._replace(healed=fault.healed or op) if ended else fault


def _acts_ns(begun: Op) -> int:
    """When a fault began to act; rather late than early, for bounds count from there."""
    seen_after_ms: float = _report(begun).get("seen_after_ms", 0)
    return begun.time - round(seen_after_ms * 1_000_000)


def _report(op: Op) -> dict[str, Any]:
    return op.value if isinstance(op.value, dict) else {}
