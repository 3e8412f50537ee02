"""Cut a random minority off from the majority, both ways: 2 hosts of 5 from 3.

Finds: two sides that both go on, stale reads on the smaller one, writes there that are acknowledged and lost.
Needs: CUT.
"""

from dsm_jepsen.env import Control, Rng
from dsm_jepsen.nemesis._choice import drawn, minority_size
from dsm_jepsen.nemesis._links import Partition, Plan, cut_off


class Halves(Partition, name="halves"):
    """Cut in halves, wherever the store's leader is; wanted hosts are the minority."""

    async def plan(self, control: Control, rng: Rng, wanted: tuple[str, ...]) -> Plan:
        """Draw the smaller side."""
        side = wanted or drawn(rng, control.nodes, minority_size(control.nodes), purpose="halves/target")
        return cut_off(side, control.nodes)
