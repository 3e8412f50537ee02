"""Faults of links: some are cut, slow or flaky until ``stop``.

Proof that a fault acts is what was dropped, or delayed: members of a store exchange heartbeats all the
time, and even two followers of etcd say something to each other every 1.7 s, so it is seen within two. What
a system must do within a bound counts from when the fault began to act, so the report tells how long before
it that was (``seen_after_ms``). ``Control`` mends all links at once: of partitions one acts at a time, and
the end of any ends all, likewise of slow and flaky links.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from dsm_jepsen.env import Capability, Control, Link, Rng
from dsm_jepsen.nemesis._base import Nemesis, Outcome, Report, report
from dsm_jepsen.nemesis._choice import SkippedError, drawn, minority_size, store_leader
from dsm_jepsen.nemesis._grudges import complete

_SEEN_WITHIN = 50  # looks
_LOOK_EVERY_S = 0.05

_LEADER_WITHIN = 100  # looks
_LEADER_EVERY_S = 0.1

_STEADY_S = 1.0
"""Longer than followers wait for a leader that they do not hear any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a fault will do.

    Attributes:
        links: which links it acts on.
        nodes: which hosts it is aimed at, for the report.
        facts: what else the report tells.
    """

    links: Sequence[Link]
    nodes: Sequence[str]
    facts: dict[str, Any] = field(default_factory=dict)


class LinkFault(Nemesis):
    """Do something to links.

    Attributes:
        effect: what happens to packets, for the report; ``count`` counts them.
    """

    effect: ClassVar[str] = "dropped"

    def __init__(self) -> None:
        self._plan: Plan | None = None

    async def plan(self, control: Control, rng: Rng, wanted: tuple[str, ...]) -> Plan:
        """Decide what to do.

        Raises:
            SkippedError: it cannot be done now.
        """
        raise NotImplementedError

    async def begin(self, control: Control, links: Sequence[Link]) -> None:
        """Do it to these links."""
        raise NotImplementedError

    async def end(self, control: Control) -> None:
        """Undo it for all links."""
        raise NotImplementedError

    async def count(self, control: Control) -> int:
        """Give how many packets it has harmed so far."""
        return await control.dropped()

    async def look(self, control: Control, plan: Plan) -> Report:
        """Say whether it is seen to act: whether it harms a packet soon."""
        harmed = await self._harms(control)
        outcome = Outcome.INSTALLED if harmed else Outcome.INDETERMINATE
        return report(outcome, plan.nodes, **plan.facts, **{self.effect: harmed})

    async def start(self, control: Control, rng: Rng, wanted: tuple[str, ...] = ()) -> Report:
        """Decide, act, and look whether it acts."""
        if self._plan is not None:
            return report(Outcome.SKIPPED, why=f"it acts already on {', '.join(self._plan.nodes)}")
        try:
            plan = await self.plan(control, rng, wanted)
        except SkippedError as skipped:
            return report(Outcome.SKIPPED, why=str(skipped))
        if not plan.links:
            return report(
                Outcome.SKIPPED, why=f"{', '.join(plan.nodes)}: there are no links for it to act on"
            )
        self._plan = plan
        await self.begin(control, plan.links)
        clock = asyncio.get_running_loop()
        begun_s = clock.time()
        seen = await self.look(control, plan)
        return {**seen, "seen_after_ms": round((clock.time() - begun_s) * 1000, 3)}

    async def stop(self, control: Control) -> Report:
        """Undo it; how many packets it harmed in all is the evidence."""
        plan = self._plan
        if plan is None:
            return report(Outcome.ENDED)
        try:
            harmed = await self.count(control)
        finally:
            await self.end(control)
        self._plan = None
        return report(Outcome.ENDED, plan.nodes, **{self.effect: harmed})

    async def _harms(self, control: Control) -> int:
        """How many packets were harmed once any was; 0 if none is for 2.5 s."""
        harmed = await self.count(control)
        for _ in range(_SEEN_WITHIN):
            if harmed:
                break
            await asyncio.sleep(_LOOK_EVERY_S)
            harmed = await self.count(control)
        return harmed


class Partition(LinkFault, needs=Capability.CUT):
    """Cut links."""

    async def begin(self, control: Control, links: Sequence[Link]) -> None:
        """Cut exactly these."""
        await control.cut(links)

    async def end(self, control: Control) -> None:
        """Mend all."""
        await control.mend()


def cut_off(minority: Sequence[str], hosts: Sequence[str], **facts: Any) -> Plan:
    """Plan to cut some hosts as a group from the rest.

    Raises:
        SkippedError: they are no minority.
    """
    majority = [host for host in hosts if host not in minority]
    if len(minority) > minority_size(hosts):
        raise SkippedError(f"{', '.join(minority)} are no minority: there are but {len(hosts)} hosts")
    facts |= {"minority": list(minority), "majority": majority}
    return Plan(links=complete(minority, majority), nodes=minority, facts=facts)


class LeaderPartition(Partition):
    """Cut a minority from the rest, with the store's leader on the side that ``in_minority`` names.

    It acts if something was dropped, and the leader was seen on the right side afterwards: the same one
    still leads the majority, or the majority has another one within ten seconds.
    """

    in_minority: ClassVar[bool]

    async def plan(self, control: Control, rng: Rng, wanted: tuple[str, ...]) -> Plan:
        """Draw sides around the leader; wanted hosts are the minority.

        Raises:
            SkippedError: nobody leads, or the wanted hosts would put the leader on the wrong side.
        """
        leader, size = await store_leader(control), minority_size(control.nodes)
        others = [node for node in control.nodes if node != leader]
        purpose = f"{self.name}/target"
        if self.in_minority:
            minority = wanted or (leader, *drawn(rng, others, size - 1, purpose=purpose))
        else:
            minority = wanted or drawn(rng, others, size, purpose=purpose)
        if (leader in minority) != self.in_minority:
            raise SkippedError(f"{leader} leads, and would be on the wrong side of {', '.join(minority)}")
        return cut_off(minority, control.nodes, leader=leader)

    async def look(self, control: Control, plan: Plan) -> Report:
        """Say whether links are cut and who leads the majority."""
        dropped = await self._harms(control)
        if not self.in_minority:
            await asyncio.sleep(_STEADY_S)
        after = await _leader_among(control, plan.facts["majority"])
        right = after is not None and (self.in_minority or after == plan.facts["leader"])
        outcome = Outcome.INSTALLED if dropped and right else Outcome.INDETERMINATE
        return report(outcome, plan.nodes, **plan.facts, leader_after=after, dropped=dropped)


async def _leader_among(control: Control, hosts: Sequence[str]) -> str | None:
    """The first leader seen among these hosts; ``None`` if there is none for ten seconds."""
    for _ in range(_LEADER_WITHIN):
        leader = await control.leader()
        if leader in hosts:
            return leader
        await asyncio.sleep(_LEADER_EVERY_S)
    return None
