"""Kill all node processes and all members of the store at once, later start them again with their data.

Finds: commits that were acknowledged before a majority had them on disk, programs that give up while there
is no quorum, all that `crash-all` finds.
Needs: KILL.
"""

from dsm_jepsen.env import Role
from dsm_jepsen.nemesis._processes import Kill


class CrashEverything(Kill, name="crash-everything"):
    """Kill all processes of all hosts."""

    roles = (Role.STORE, Role.NODE)
    count = None
