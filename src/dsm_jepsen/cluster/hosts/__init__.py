"""Hosts reached by commands, and the cluster that runs on five of them, containers or machines over SSH."""

from dsm_jepsen.cluster.hosts.cluster import HostsCluster as HostsCluster
from dsm_jepsen.cluster.hosts.cluster import prepared as prepared
from dsm_jepsen.cluster.hosts.control import HostsControl as HostsControl
from dsm_jepsen.cluster.hosts.host import Answer as Answer
from dsm_jepsen.cluster.hosts.host import Fleet as Fleet
from dsm_jepsen.cluster.hosts.host import Host as Host
from dsm_jepsen.cluster.hosts.host import HostError as HostError
