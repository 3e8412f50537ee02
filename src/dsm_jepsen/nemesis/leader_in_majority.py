"""Cut a minority off from the store's leader, which goes on to lead the majority.

Finds: stale reads on the side that lost its leader without hearing of another one, members that disturb the
leader once they are back.
Needs: CUT.
"""

from dsm_jepsen.nemesis._links import LeaderPartition


class LeaderInMajority(LeaderPartition, name="leader-in-majority"):
    """Cut 2 hosts of 5 off, the leader not among them; wanted hosts are the minority."""

    in_minority = False
