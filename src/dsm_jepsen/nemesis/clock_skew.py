"""Skew the wall clocks of all hosts, each by another time, up to an hour ahead or back.

Finds: freshness, leases and orders that are told by the wall clock, times of different hosts that are
compared, waits that end too early or never.
Needs: CLOCK.
"""

import asyncio

from dsm_jepsen.env import Capability, Control, RefusedError, Rng, Role
from dsm_jepsen.nemesis._base import Nemesis, Outcome, Report, report

_SEEN_WITHIN = 40  # looks
_LOOK_EVERY_S = 0.05


class ClockSkew(Nemesis, name="clock-skew", needs=Capability.CLOCK):
    """Shift what the processes of all hosts, or of the wanted ones, take for the wall clock.

    It acts if a process was told a shifted time, which is counted. A process whose clock cannot be
    shifted is ``spared``, and the report says why.

    Attributes:
        offsets_ms: one is drawn for each host; both of its processes get the same.
    """

    offsets_ms = (-3_600_000, -60_000, -1_000, 1_000, 60_000, 3_600_000)

    def __init__(self) -> None:
        self._skewed: list[tuple[str, Role]] = []

    async def start(self, control: Control, rng: Rng, wanted: tuple[str, ...] = ()) -> Report:
        """Draw offsets, shift clocks, and look whether somebody asked one."""
        if self._skewed:
            hosts = dict.fromkeys(node for node, _ in self._skewed)
            return report(Outcome.SKIPPED, why=f"it acts already on {', '.join(hosts)}")
        offsets = {
            node: rng.choice(self.offsets_ms, purpose="clock-skew/offset") for node in wanted or control.nodes
        }
        spared: dict[str, str] = {}
        for node, offset_ms in offsets.items():
            for role in Role:
                self._skewed.append((node, role))
                try:
                    await control.skew(node, role, offset_ms=offset_ms)
                except RefusedError as refused:
                    self._skewed.pop()
                    spared[role] = str(refused)
        if not self._skewed:
            return report(Outcome.SKIPPED, why="; ".join(spared.values()))
        told = await self._told(control)
        for _ in range(_SEEN_WITHIN):
            if any(told.values()):
                break
            await asyncio.sleep(_LOOK_EVERY_S)
            told = await self._told(control)
        outcome = Outcome.INSTALLED if any(told.values()) else Outcome.INDETERMINATE
        return report(
            outcome, offsets, offsets_ms=offsets, told=told, **({"spared": spared} if spared else {})
        )

    async def stop(self, control: Control) -> Report:
        """Set the clocks right again; how often each process was told a shifted time is the evidence."""
        if not self._skewed:
            return report(Outcome.ENDED)
        try:
            told = await self._told(control)
        finally:
            for node, role in self._skewed:
                await control.skew(node, role, offset_ms=0)
        hosts = dict.fromkeys(node for node, _ in self._skewed)
        self._skewed = []
        return report(Outcome.ENDED, hosts, told=told)

    async def _told(self, control: Control) -> dict[str, int]:
        return {f"{node}/{role}": await control.skewed(node, role) for node, role in self._skewed}
