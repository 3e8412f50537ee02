"""Which network a local cluster gets: namespaces where they can be had, else the loopback."""

import os
from collections.abc import Sequence

from dsm_jepsen.cluster._base import ClusterError
from dsm_jepsen.cluster.local.lan import Lan
from dsm_jepsen.cluster.local.links import NamespaceLan
from dsm_jepsen.cluster.local.loopback import Loopback
from dsm_jepsen.cluster.local.namespaces import missing_tools
from dsm_jepsen.cluster.local.processes import birth
from dsm_jepsen.cluster.local.rootless import enter_user_namespace, why_no_user_namespace
from dsm_jepsen.env import RefusedError

NETWORKS = ("auto", "namespaces", "loopback")


def choose_lan(network: str, nodes: Sequence[str], *, kill_stale: bool) -> Lan:
    """Give a cluster its network, not yet made.

    Args:
        network: one of ``NETWORKS``.
        nodes: the hosts' names.
        kill_stale: see ``NamespaceLan``.

    Raises:
        RefusedError: namespaces were asked for, and cannot be had: the message says why.
    """
    if network not in NETWORKS:
        raise RefusedError(f"no network is called {network!r}; choose one of {', '.join(NETWORKS)}")
    if network == "loopback":
        return Loopback("it was asked for")
    because = why_no_namespaces()
    if because is None:
        return NamespaceLan(nodes, kill_stale=kill_stale)
    if network == "namespaces":
        raise RefusedError(f"no network namespaces: {because}")
    return Loopback(f"no network namespaces: {because}")


def why_no_namespaces() -> str | None:
    """Why network namespaces cannot be had here; ``None`` if they can: it is tried."""
    if missing := missing_tools():
        return missing
    if os.geteuid() != 0:
        because = why_no_user_namespace()
        if because is None:
            call = enter_user_namespace.__name__
            return f"they need root: run as root, or call {call}() first, as the command does"
        return f"they need root or a user namespace, and {because}: run as root"
    lan = NamespaceLan(["probe"])
    try:
        lan.open(f"{os.getpid()}-{birth(os.getpid())}-probe")
        lan.try_rules()
    except (ClusterError, OSError) as error:
        return f"this machine does not let root make them, which a container may forbid: {error}"
    finally:
        lan.close()
    return None
