"""Cut two halves from each other that one host still sees both of.

Finds: a host that believes two sides at once, followers of a leader they hear of but cannot reach.
Needs: CUT.
"""

from dsm_jepsen.env import Control, Rng
from dsm_jepsen.nemesis._choice import drawn
from dsm_jepsen.nemesis._grudges import bridge
from dsm_jepsen.nemesis._links import Partition, Plan


class Bridge(Partition, name="bridge"):
    """Leave one host, drawn or the first that is wanted, as the bridge between all others."""

    async def plan(self, control: Control, rng: Rng, wanted: tuple[str, ...]) -> Plan:
        """Draw the bridge and the sides."""
        middle = wanted[:1] or drawn(rng, control.nodes, 1, purpose="bridge/target")
        rest = [node for node in control.nodes if node not in middle]
        rest = list(drawn(rng, rest, len(rest), purpose="bridge/sides"))
        half = len(control.nodes) // 2
        sides = [rest[:half], rest[half:]]
        return Plan(links=bridge((*sides[0], *middle, *sides[1])), nodes=middle, facts={"sides": sides})
