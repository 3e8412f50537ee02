"""A deterministic cluster in virtual time, with a store that keeps its promises or breaks just one."""

from dsm_jepsen.cluster.sim.cluster import STORES as STORES
from dsm_jepsen.cluster.sim.cluster import SimCluster as SimCluster
from dsm_jepsen.cluster.sim.errors import SimulationError as SimulationError
from dsm_jepsen.cluster.sim.lies import LIES as LIES
from dsm_jepsen.cluster.sim.loop import SimLoop as SimLoop
