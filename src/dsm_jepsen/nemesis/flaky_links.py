"""Lose some of all packets between hosts.

Finds: messages that are taken to arrive once they were sent, repeated writes that take effect twice,
time-outs without slack.
Needs: SLOW.
"""

from collections.abc import Sequence

from dsm_jepsen.env import Capability, Control, Link, Rng
from dsm_jepsen.nemesis._grudges import touching
from dsm_jepsen.nemesis._links import LinkFault, Plan


class FlakyLinks(LinkFault, name="flaky-links", needs=Capability.SLOW):
    """Lose packets on all links between hosts, or on those of the wanted ones.

    Attributes:
        loss_per_mille: how many of a thousand.
    """

    loss_per_mille = 100

    async def plan(self, control: Control, rng: Rng, wanted: tuple[str, ...]) -> Plan:
        """Choose all links, or those of the wanted hosts."""
        hosts = wanted or control.nodes
        facts = {"loss_per_mille": self.loss_per_mille}
        return Plan(links=touching(hosts, control.nodes), nodes=hosts, facts=facts)

    async def begin(self, control: Control, links: Sequence[Link]) -> None:
        """Lose packets on these."""
        await control.flaky(links, loss_per_mille=self.loss_per_mille)

    async def end(self, control: Control) -> None:
        """Lose none any more."""
        await control.fast()
