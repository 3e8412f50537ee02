"""Machines over SSH for a run: what was asked for on the command line, made into a fleet."""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dsm_jepsen.cluster import NODES
from dsm_jepsen.cluster.hosts import Fleet
from dsm_jepsen.env import RefusedError

if TYPE_CHECKING:
    from dsm_jepsen.cluster.ssh import Login
    from dsm_jepsen.cluster.ssh.nodes_file import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Machines:
    """Which machines, and how to get in.

    Attributes:
        nodes_file: lists them.
        username: who logs in where the file names nobody; ``None``: the user who runs this.
        ssh_private_key: a file; ``None``: what the agent or ``~/.ssh`` has.
        known_hosts: the file of known host keys.
        insecure_host_keys: do not check them.
        install: install on the machines what they lack.
        sudo_password: for users who are not root; ``None``: the environment's, if any.
    """

    nodes_file: Path
    username: str | None = None
    ssh_private_key: Path | None = None
    known_hosts: Path = Path("~/.ssh/known_hosts")
    insecure_host_keys: bool = False
    install: bool = False
    sudo_password: str | None = field(default=None, repr=False)

    def fleet(self, *, store: str, etcd_client: str) -> tuple[Fleet, Sequence[str], Sequence[str]]:
        """The fleet, the names of its nodes, and what runs ``dsm-jepsen`` there.

        Args:
            store: what the machines must be able to run.
            etcd_client: the nodes' client library.

        Raises:
            RefusedError: the file is malformed or has not five machines, the key cannot be used, or paramiko
                is not installed.
        """
        targets, login = self._read()
        if len(targets) != len(NODES):
            raise RefusedError(
                f"{self.nodes_file} has {len(targets)} machines, and scenarios are made for {len(NODES)}: "
                f"list {len(NODES)}, a line for each"
            )
        from dsm_jepsen.cluster import ssh  # noqa: PLC0415 - needs an extra

        fleet = ssh.SshFleet(
            targets,
            login=login,
            requirements=ssh.Requirements(store=store, etcd_client=etcd_client),
            install=self.install,
        )
        return fleet, tuple(targets), ssh.COMMAND

    def clean(self, log: Callable[[str], None]) -> list[str]:
        """Remove what killed runs left there.

        Args:
            log: takes a line for each run that was cleaned up.

        Returns:
            The same lines.

        Raises:
            RefusedError: see ``fleet``; or a machine cannot be reached, or has a run that is alive.
        """
        targets, login = self._read()
        from dsm_jepsen.cluster.ssh import clean_machines  # noqa: PLC0415 - needs an extra

        return asyncio.run(clean_machines(targets, login, log))

    def _read(self) -> "tuple[Mapping[str, Target], Login]":
        try:
            from dsm_jepsen.cluster import ssh  # noqa: PLC0415 - needs an extra
        except ModuleNotFoundError as error:
            raise RefusedError(
                f"machines over SSH need the module {error.name!r}, which is not installed: "
                "pip install 'dsm-jepsen[ssh]'"
            ) from error
        login = ssh.Login(
            user=self.username,
            key=self.ssh_private_key,
            known_hosts=None if self.insecure_host_keys else self.known_hosts.expanduser(),
            sudo_password=self.sudo_password or os.environ.get(ssh.SUDO_PASSWORD),
        )
        targets = ssh.read_nodes_file(self.nodes_file)
        ssh.check_key(login)
        return targets, login
