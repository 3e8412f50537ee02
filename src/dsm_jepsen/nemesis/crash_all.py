"""Kill the node processes of all hosts at once, later start them again.

Finds: state that lives on only as long as one node remembers it, a first node that begins anew and wipes
what was committed.
Needs: KILL.
"""

from dsm_jepsen.env import Role
from dsm_jepsen.nemesis._processes import Kill


class CrashAll(Kill, name="crash-all"):
    """Kill all node processes; the store goes on."""

    roles = (Role.NODE,)
    count = None
