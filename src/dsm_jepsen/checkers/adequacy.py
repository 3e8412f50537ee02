"""Whether the run says anything: enough operations succeeded, and the faults acted.

Catches: a run that is valid because next to nothing happened in it.
Misses: whether the right things happened at the right moment.
Cost: linear in the history.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from dsm_jepsen.checkers._base import Checker, Verdict
from dsm_jepsen.history import History, Op


def adequacy(min_ok: Mapping[str, int], *, needs_faults: frozenset[str] = frozenset()) -> Checker:
    """Make a checker that is unknown, never invalid, where the run was too thin.

    Args:
        min_ok: operation's name to how many must have ended ``ok``.
        needs_faults: faults that must have started and stopped, such as ``kill`` for ``start-kill`` and
            ``stop-kill``.
    """

    def check(history: History) -> Verdict:
        succeeded = Counter(op.f for op in history if op.type == "ok")
        acted = set(_acted(history.nemesis()))
        missing = [
            f"{succeeded[f]} {f} operations succeeded, {least} are wanted"
            for f, least in sorted(min_ok.items())
            if succeeded[f] < least
        ]
        missing += [
            f"{step}-{fault} never acted"
            for fault in sorted(needs_faults)
            for step in ("start", "stop")
            if f"{step}-{fault}" not in acted
        ]
        if missing:
            return Verdict(valid=None, because=f"inadequate: {'; '.join(missing)}")
        return Verdict(valid=True, because="enough operations succeeded, and every fault wanted acted")

    return check


def _acted(events: Iterable[Op]) -> Iterable[str]:
    """Give the faults' steps that were completed and say on what they acted.

    A nemesis' events are ``info`` on both sides: of one ``f``, every second one is a completion.
    """
    begun: set[str] = set()
    for op in events:
        if op.f not in begun:
            begun.add(op.f)
            continue
        begun.remove(op.f)
        if op.value and op.error is None:
            yield op.f
