"""Faults: what a nemesis may do to a cluster, each in one file."""

from dsm_jepsen.nemesis._base import NEMESES as NEMESES
from dsm_jepsen.nemesis._base import Nemesis as Nemesis
from dsm_jepsen.nemesis._base import Outcome as Outcome
from dsm_jepsen.nemesis.kill_node import KillNode as KillNode
