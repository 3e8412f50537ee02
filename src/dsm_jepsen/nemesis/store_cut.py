"""Cut a node's process from the store's member beside it, both ways; the store stays whole.

Finds: nodes that stay healthy without their store, sessions believed for longer than they last, members
that were dropped and still write.
Needs: CUT.
"""

from dsm_jepsen.env import Control, Rng
from dsm_jepsen.nemesis._choice import drawn
from dsm_jepsen.nemesis._grudges import store_cut
from dsm_jepsen.nemesis._links import Partition, Plan


class StoreCut(Partition, name="store-cut"):
    """Cut one node process, or those of the wanted hosts, from the store."""

    async def plan(self, control: Control, rng: Rng, wanted: tuple[str, ...]) -> Plan:
        """Draw the host."""
        hosts = wanted or drawn(rng, control.nodes, 1, purpose="store-cut/target")
        return Plan(links=store_cut(hosts), nodes=hosts)
