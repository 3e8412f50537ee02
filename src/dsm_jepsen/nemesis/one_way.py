"""Cut one host's links in one direction only: it is not heard any more, or does not hear.

Finds: whoever takes being heard for granted: a leader that sends heartbeats and gets no answer, requests
that take effect and whose replies are lost.
Needs: CUT.
"""

from dsm_jepsen.env import Control, Rng
from dsm_jepsen.nemesis._base import between
from dsm_jepsen.nemesis._choice import drawn
from dsm_jepsen.nemesis._links import Partition, Plan


class OneWay(Partition, name="one-way"):
    """Make one host, or the wanted ones as a group, mute or deaf."""

    async def plan(self, control: Control, rng: Rng, wanted: tuple[str, ...]) -> Plan:
        """Draw the host, and the direction."""
        some = wanted or drawn(rng, control.nodes, 1, purpose="one-way/target")
        rest = [node for node in control.nodes if node not in some]
        deaf = rng.chance(500, purpose="one-way/direction")
        links = between(rest, some) if deaf else between(some, rest)
        return Plan(links=links, nodes=some, facts={"lost": "received" if deaf else "sent"})
