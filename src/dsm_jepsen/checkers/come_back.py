"""Whoever a fault harmed comes back: after its end what each node that it names is asked succeeds again.

Catches: members of a store that do not start any more after a power cut or a full disk, nodes that never find
them again.
Misses: how long it took (``convergence-after-heal`` tells), and whether answers are right.
Cost: linear in the history, times the number of faults.
Needs: events or strong reads at these nodes once the last of the faults has ended; knows nothing without.
"""

from collections.abc import Callable
from typing import Any

from dsm_jepsen.checkers._base import Checker, Verdict
from dsm_jepsen.checkers._faults import faults
from dsm_jepsen.checkers._words import naming
from dsm_jepsen.history import History, Operation

_THROUGH_THE_STORE = frozenset({"event", "read-strong"})
"""Operations that a node cannot answer without its store."""


def come_back(node_of: Callable[[Any], str], *names: str) -> Checker:
    """Make a checker of those that a fault harmed.

    Args:
        node_of: the node that a process talks to.
        names: the faults, such as ``power-cut``.
    """

    def check(history: History) -> Verdict:
        told = [fault for fault in faults(history) if fault.name in names and fault.healed is not None]
        if not told:
            return Verdict(valid=None, because=f"no {' nor '.join(names)} was begun and ended")
        end = max(fault.healed.index for fault in told if fault.healed is not None)
        asked: dict[str, list[Operation]] = {node: [] for fault in told for node in fault.nodes}
        for operation in history.operations():
            node = node_of(operation.invoke.process)
            if operation.invoke.f in _THROUGH_THE_STORE and operation.invoke.index > end and node in asked:
                asked[node].append(operation)
        for node, operations in sorted(asked.items()):
            ends = [one.completion for one in operations if one.completion is not None]
            if operations and not any(op.type == "ok" for op in ends):
                last = ends[-1] if ends else operations[-1].invoke
                words = f"not-back: {node} was harmed by {' or '.join(names)}, and none of {len(operations)} "
                words += f"operations there succeeded after the last one's end; the last is {naming(last)}"
                return Verdict(valid=False, because=words, anomaly="not-back", culprits=(last.index,))
        if silent := sorted(node for node, operations in asked.items() if not operations):
            because = f"nothing was asked of {', '.join(silent)} after the last fault's end"
            return Verdict(valid=None, because=because)
        return Verdict(valid=True, because=f"all {len(asked)} nodes that were harmed are back in the end")

    return check
