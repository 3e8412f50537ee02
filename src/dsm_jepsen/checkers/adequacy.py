"""Whether the run says anything: enough operations succeeded, and the faults acted.

Catches: a run that is valid because next to nothing happened in it, or nothing while a fault was in force.
Misses: whether the right things happened.
Cost: linear in the history, times the number of faults.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from dsm_jepsen.checkers._base import Checker, Verdict
from dsm_jepsen.checkers._faults import Fault, faults
from dsm_jepsen.history import History

_NOTHING: Mapping[str, int] = MappingProxyType({})


def adequacy(
    min_ok: Mapping[str, int],
    *,
    needs_faults: frozenset[str] = frozenset(),
    min_kinds: int = 0,
    min_ok_during: Mapping[str, int] = _NOTHING,
) -> Checker:
    """Make a checker that is unknown, never invalid, where the run was too thin.

    Args:
        min_ok: operation's name to how many must have ended ``ok``.
        needs_faults: faults that must have been installed and then ended, such as ``kill`` for
            ``start-kill`` and ``stop-kill``.
        min_kinds: how many different faults must have been installed; each time one was, it must have ended.
        min_ok_during: operation's name to how many must have been sent and have ended ``ok`` while a fault
            was in force: acting, as was seen then or later, and not being healed yet.
    """

    def check(history: History) -> Verdict:
        told = faults(history)
        installed = [fault for fault in told if fault.installed]
        succeeded = Counter(op.f for op in history if op.type == "ok")
        during = _succeeded_during(history, installed) if min_ok_during else Counter()
        missing = [
            *_too_few(succeeded, min_ok, "succeeded"),
            *_too_few(during, min_ok_during, "succeeded while a fault was in force"),
            *(words for name in sorted(needs_faults) if (words := _not_acted(name, told))),
        ]
        if min_kinds:
            missing += _too_uniform(installed, min_kinds)
        if missing:
            return Verdict(valid=None, because=f"inadequate: {'; '.join(missing)}")
        return Verdict(valid=True, because="enough operations succeeded, and every fault wanted acted")

    return check


def _succeeded_during(history: History, installed: list[Fault]) -> Counter[str]:
    return Counter(
        operation.invoke.f
        for operation in history.operations()
        if operation.completion is not None
        and operation.completion.type == "ok"
        and any(fault.holds_whole(operation) for fault in installed)
    )


def _too_few(count: Counter[str], least: Mapping[str, int], words: str) -> Iterator[str]:
    for f, wanted in sorted(least.items()):
        if count[f] < wanted:
            yield f"{count[f]} {f} operations {words}, {wanted} are wanted"


def _too_uniform(installed: list[Fault], least: int) -> Iterator[str]:
    """Say that too few different faults were seen to act, and which of them never ended."""
    kinds = {fault.name for fault in installed}
    if len(kinds) < least:
        seen = f" ({', '.join(sorted(kinds))})" if kinds else ""
        yield f"{len(kinds)} kinds of faults were installed{seen}, {least} are wanted"
    for name in sorted({fault.name for fault in installed if not fault.healed}):
        yield f"stop-{name} never ended it"


def _not_acted(name: str, told: list[Fault]) -> str | None:
    """Say why a fault was not installed, or not ended."""
    own = [fault for fault in told if fault.name == name]
    installed = [fault for fault in own if fault.installed]
    if any(fault.healed for fault in installed):
        return None
    if installed:
        return f"stop-{name} never ended it"
    reasons = Counter(fault.why for fault in own)
    seen = ", ".join(f"{count} times {why}" for why, count in reasons.items())
    return f"start-{name} never acted ({seen or 'it was never started'})"
