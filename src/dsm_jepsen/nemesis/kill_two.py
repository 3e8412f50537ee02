"""Kill two nodes' processes at once, later start them again.

Finds: rejoins that count on a neighbour to tell them the state, ids or slots handed out twice.
Needs: KILL.
"""

from dsm_jepsen.env import Role
from dsm_jepsen.nemesis._processes import Kill


class KillTwo(Kill, name="kill-two"):
    """Kill the node processes of two hosts; their store members go on."""

    roles = (Role.NODE,)
    count = 2
