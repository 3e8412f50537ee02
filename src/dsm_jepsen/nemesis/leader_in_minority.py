"""Cut the store's leader off together with a minority, so that the majority must elect another one.

Finds: commits under way that are lost or done twice, reads from a leader that was replaced, programs that do
not survive a new leader.
Needs: CUT.
"""

from dsm_jepsen.nemesis._links import LeaderPartition


class LeaderInMinority(LeaderPartition, name="leader-in-minority"):
    """Cut 2 hosts of 5 off, the leader among them; wanted hosts are the minority."""

    in_minority = True
