"""Freeze one node's process as by SIGSTOP, later let it go on.

Finds: a node that goes on with what it believed before it stood still: stale answers, writes without a
fence, leases thought to be held.
Needs: PAUSE.
"""

from dsm_jepsen.env import Role
from dsm_jepsen.nemesis._processes import Pause


class PauseNode(Pause, name="pause-node"):
    """Freeze the node process of one host; its store member goes on."""

    roles = (Role.NODE,)
