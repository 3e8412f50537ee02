"""Clusters: where the nodes of a run live."""

from dsm_jepsen.cluster._base import NODES as NODES
from dsm_jepsen.cluster._base import Cluster as Cluster
from dsm_jepsen.cluster._base import ClusterError as ClusterError
