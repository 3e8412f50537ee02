"""Cut one host off from all others, both ways.

Finds: a lonely node that goes on answering from what it knew, or that others wait for.
Needs: CUT.
"""

from dsm_jepsen.env import Control, Rng
from dsm_jepsen.nemesis._choice import drawn
from dsm_jepsen.nemesis._links import Partition, Plan, cut_off


class IsolateOne(Partition, name="isolate-one"):
    """Cut off one host, or the wanted ones as a group."""

    async def plan(self, control: Control, rng: Rng, wanted: tuple[str, ...]) -> Plan:
        """Draw the host."""
        alone = wanted or drawn(rng, control.nodes, 1, purpose="isolate-one/target")
        return cut_off(alone, control.nodes)
