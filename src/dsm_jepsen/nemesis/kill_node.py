"""Kill one node's process as by SIGKILL, later start it again.

Finds: state kept only in memory, joins that do not read the shared state, commits torn by a crash.
Needs: KILL.
"""

from dsm_jepsen.env import Role
from dsm_jepsen.nemesis._processes import Kill


class KillNode(Kill, name="kill-node"):
    """Kill the node process of one host; its store member goes on."""

    roles = (Role.NODE,)
