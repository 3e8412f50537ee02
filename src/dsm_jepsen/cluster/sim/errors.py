"""What a simulation says when it cannot go on."""

from dsm_jepsen.cluster._base import ClusterError


class SimulationError(ClusterError):
    """The simulation cannot go on: a deadlock, an exhausted budget, or something that no simulation has."""
