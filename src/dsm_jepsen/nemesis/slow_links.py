"""Delay all packets between hosts, each by another time.

Finds: time-outs without slack, answers that come after their question was given up, orders that are
taken for granted, replicas that are said to be fresh and lag behind.
Needs: SLOW.
"""

from collections.abc import Sequence

from dsm_jepsen.env import Capability, Control, Link, Rng
from dsm_jepsen.nemesis._grudges import touching
from dsm_jepsen.nemesis._links import LinkFault, Plan


class SlowLinks(LinkFault, name="slow-links", needs=Capability.SLOW):
    """Delay packets on all links between hosts, or on those of the wanted ones.

    Attributes:
        delay_ms: by how much.
        jitter_ms: how much more or less than that.
    """

    effect = "delayed"
    delay_ms = 50
    jitter_ms = 20

    async def plan(self, control: Control, rng: Rng, wanted: tuple[str, ...]) -> Plan:
        """Choose all links, or those of the wanted hosts."""
        hosts = wanted or control.nodes
        facts = {"delay_ms": self.delay_ms, "jitter_ms": self.jitter_ms}
        return Plan(links=touching(hosts, control.nodes), nodes=hosts, facts=facts)

    async def begin(self, control: Control, links: Sequence[Link]) -> None:
        """Delay packets on these."""
        await control.slow(links, delay_ms=self.delay_ms, jitter_ms=self.jitter_ms)

    async def count(self, control: Control) -> int:
        """Give how many packets were delayed so far."""
        return await control.delayed()

    async def end(self, control: Control) -> None:
        """Delay none any more."""
        await control.fast()
