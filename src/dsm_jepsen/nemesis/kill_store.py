"""Kill one member of the store, later start it again with its data.

Finds: programs that know one member only and never reconnect, lost watches, sessions taken for lost
too early or too late, calls repeated though their first try took effect.
Needs: KILL.
"""

from dsm_jepsen.env import Role
from dsm_jepsen.nemesis._processes import Kill


class KillStore(Kill, name="kill-store"):
    """Kill the store member of one host; the node beside it goes on without."""

    roles = (Role.STORE,)
