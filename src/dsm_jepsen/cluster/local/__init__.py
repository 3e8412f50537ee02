"""Five real store members and five node processes on this machine, for runs against the real thing."""

from dsm_jepsen.cluster.local.cluster import LocalCluster as LocalCluster
from dsm_jepsen.cluster.local.leftovers import clean_leftovers as clean_leftovers
from dsm_jepsen.cluster.local.rootless import enter_user_namespace as enter_user_namespace
