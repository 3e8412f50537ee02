"""Machines over SSH, for runs on real hosts."""

from dsm_jepsen.cluster.ssh.fleet import COMMAND as COMMAND
from dsm_jepsen.cluster.ssh.fleet import SshFleet as SshFleet
from dsm_jepsen.cluster.ssh.host import SUDO_PASSWORD as SUDO_PASSWORD
from dsm_jepsen.cluster.ssh.leftovers import clean_machines as clean_machines
from dsm_jepsen.cluster.ssh.login import Login as Login
from dsm_jepsen.cluster.ssh.login import check_key as check_key
from dsm_jepsen.cluster.ssh.nodes_file import read_nodes_file as read_nodes_file
from dsm_jepsen.cluster.ssh.requirements import Requirements as Requirements
