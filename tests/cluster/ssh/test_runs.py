"""Whole runs on five hosts with an sshd each: containers that know nothing of the harness."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = [pytest.mark.ssh, pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(900)]

PATIENCE_S = 90.0


class Hosts:
    """Five hosts, a folder with their nodes file and keys, and runs on them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def command(self, scenario: str, *options: str) -> list[str]:
        return [
            *(sys.executable, "-m", "dsm_jepsen", "run", scenario, "--seed", "3", "--cluster", "ssh"),
            *("--nodes-file", f"{self.folder}/hosts.txt", "--ssh-private-key", f"{self.folder}/key"),
            *("--known-hosts", f"{self.folder}/known_hosts", "--out", f"{self.folder}/store", *options),
        ]

    def run(self, scenario: str, *options: str) -> None:
        done = subprocess.run(
            self.command(scenario, *options), capture_output=True, text=True, check=False, timeout=400
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def on_each(self, script: str) -> list[str]:
        """What a script says on each host, not by SSH."""
        label = f"label=dsm-jepsen.ssh-hosts={self.folder}"
        names = subprocess.run(
            ["docker", "ps", "-q", "--filter", label], capture_output=True, text=True, check=True
        ).stdout.split()
        assert len(names) == 5
        argv = (["docker", "exec", name, "sh", "-c", script] for name in names)
        return [subprocess.run(one, capture_output=True, text=True, check=False).stdout for one in argv]

    def cut(self) -> bool:
        """Whether some host drops packets."""
        return any("saddr" in rules for rules in self.on_each("nft list table ip dsm_jepsen 2>/dev/null"))

    def full(self) -> bool:
        """Whether some disk of a member's own has no room."""
        look = (
            "for pid in $(cut -d' ' -f1 /var/lib/dsm-jepsen/*/*/store.pid); do "
            "stat -f -c %a /proc/$pid/root/var/lib/dsm-jepsen/*/*/data; done"
        )
        return "0\n" in self.on_each(look)

    def left(self) -> list[str]:
        """What a run has left: files, mounted disks, daemons and rules."""
        look = (
            "ls /var/lib/dsm-jepsen; nft list tables | grep dsm; "
            "grep -h ^/dev/loop.*/dsm-jepsen/ /proc/[0-9]*/mounts; "
            "ps -eo args | grep -E '[e]tcd |[j]ava |[d]sm_jepsen|[o]n_host'"
        )
        return [said for said in self.on_each(look) if said]


@pytest.fixture
def hosts(ssh_hosts: Path) -> Hosts:
    return Hosts(ssh_hosts)


def wait(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE_S:g} s: {what}"
        time.sleep(0.5)


def test_hosts_mend_their_network_after_the_harness_was_killed_and_the_next_run_cleans_up(
    hosts: Hosts,
) -> None:
    said = hosts.folder / "killed.log"
    with said.open("w") as log:
        killed = subprocess.Popen(hosts.command("partition-half", "--store", "etcd"), stdout=log, stderr=log)
    try:
        # Before that cuts are tried out.
        wait(lambda: "main phase" in said.read_text(), "the main phase")
        wait(hosts.cut, "the cut")
    finally:
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    wait(lambda: not hosts.cut(), "the end of the cut")
    assert hosts.left()
    hosts.run("partition-half", "--store", "etcd")
    assert hosts.left() == []
    assert list(hosts.folder.glob("store/partition-half/latest/n5/etcd.log"))


def test_full_disks_have_room_again_after_the_harness_was_killed_and_nothing_is_left_after_clean(
    hosts: Hosts,
) -> None:
    said = hosts.folder / "killed.log"
    with said.open("w") as log:
        killed = subprocess.Popen(hosts.command("full-disk", "--store", "etcd"), stdout=log, stderr=log)
    try:
        wait(hosts.full, "a full disk")
        (run,) = {said.strip() for said in hosts.on_each("cd /var/lib/dsm-jepsen && ls -d *-*")}
    finally:
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    # Members that died of it have room again, too.
    wait(lambda: not any(hosts.on_each("ls /var/lib/dsm-jepsen/*/*/filled 2>/dev/null")), "room")
    assert not hosts.full()
    assert run in hosts.on_each("losetup -a")[0]
    logins = ("--ssh-private-key", f"{hosts.folder}/key", "--known-hosts", f"{hosts.folder}/known_hosts")
    clean = (sys.executable, "-m", "dsm_jepsen", "clean", "--nodes-file", f"{hosts.folder}/hosts.txt")
    subprocess.run([*clean, *logins], check=True)
    assert hosts.left() == []
    assert run not in hosts.on_each("losetup -a")[0]


def test_a_run_with_zookeeper(hosts: Hosts) -> None:
    hosts.run("crash-all", "--store", "zookeeper")
    assert hosts.left() == []
