"""Kill a node's process and the store's member beside it, later start both again: a host's power cut.

Finds: what was promised before it was on disk, joins that do not wait for their member, all that `kill-node`
and `kill-store` find.
Needs: KILL.
"""

from dsm_jepsen.env import Role
from dsm_jepsen.nemesis._processes import Kill


class KillBoth(Kill, name="kill-both"):
    """Kill both processes of one host."""

    roles = (Role.STORE, Role.NODE)
