"""Let every host see a majority, but no two the same: neighbours on a ring.

Finds: leaders elected by people who do not hear each other, elections without an end, quorums that are
counted rather than intersected.
Needs: CUT.
"""

from dsm_jepsen.env import Control, Rng
from dsm_jepsen.nemesis._choice import drawn
from dsm_jepsen.nemesis._grudges import majorities_ring
from dsm_jepsen.nemesis._links import Partition, Plan


class MajoritiesRing(Partition, name="majorities-ring"):
    """Cut all links but those to the nearest neighbours; wanted hosts stand first on the ring."""

    async def plan(self, control: Control, rng: Rng, wanted: tuple[str, ...]) -> Plan:
        """Draw the ring."""
        rest = [node for node in control.nodes if node not in wanted]
        ring = (*wanted, *drawn(rng, rest, len(rest), purpose="majorities-ring/order"))
        return Plan(links=majorities_ring(ring), nodes=ring)
