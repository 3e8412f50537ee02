"""Hosts over SSH as a fleet: reached, checked, and given the harness' own version of the node program.

The hosts stay as they were, but for what ``install`` brings; a run's folder is removed at its end.
"""

import asyncio
import io
import ipaddress
import logging
import shlex
import tarfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path

from dsm_jepsen.cluster.hosts.cluster import FOLDER
from dsm_jepsen.cluster.hosts.host import HostError
from dsm_jepsen.cluster.hosts.outpost import begin
from dsm_jepsen.cluster.ssh.host import SshHost
from dsm_jepsen.cluster.ssh.login import Login
from dsm_jepsen.cluster.ssh.nodes_file import Target
from dsm_jepsen.cluster.ssh.requirements import LIBRARIES, Findings, Requirements
from dsm_jepsen.env import RefusedError

COMMAND = ("sh", "./dsm-jepsen")
"""What runs ``dsm-jepsen`` on a host, in the folder that a run has there."""

_PACKAGE = Path(__file__).parents[2]

_log = logging.getLogger(__name__)


class SshFleet:
    """The hosts of a nodes file.

    Args:
        targets: the hosts by name.
        login: how to get in.
        requirements: what they must have.
        install: whether to install there what they lack.
        say: takes a line about each thing that was installed.
    """

    name = "ssh"

    def __init__(
        self,
        targets: Mapping[str, Target],
        *,
        login: Login,
        requirements: Requirements,
        install: bool = False,
        say: Callable[[str], None] = _log.warning,
    ) -> None:
        self._targets = dict(targets)
        self._login = login
        self._requirements = requirements
        self._install = install
        self._say = say
        self._folder = ""
        self._hosts: dict[str, SshHost] = {}
        self._found: dict[str, Findings] = {}
        self._equipped: set[str] = set()

    async def open(self, run: str) -> Mapping[str, SshHost]:
        """Reach the hosts, see that they have what a run needs, and bring the node program.

        Raises:
            RefusedError: a host cannot be reached or lacks something; the message tells of all such hosts.
        """
        self._folder = f"{FOLDER}/{run}"
        self._hosts = {
            name: SshHost(name=name, target=target, login=self._login)
            for name, target in self._targets.items()
        }
        await self._all(lambda host: host.open())
        self._see_addresses()
        await self._all(self._see_to)
        await self._all(self._equip)  # when all can: from then on the run is on the hosts
        return dict(self._hosts)

    async def close(self) -> None:
        """Remove the program and let go of the connections; harmless when there are none."""
        await asyncio.gather(*(self._leave(host) for host in self._hosts.values()))
        self._hosts.clear()
        self._equipped.clear()

    def versions(self) -> Mapping[str, str]:
        """Which hosts they are."""
        return {"hosts": ", ".join(map(str, self._targets.values()))}

    async def _all(self, act: Callable[[SshHost], Awaitable[None]]) -> None:
        """Do something on all hosts; tell of all that fail together."""
        done = await asyncio.gather(*map(act, self._hosts.values()), return_exceptions=True)
        failed = [result for result in done if isinstance(result, BaseException)]
        for error in failed:
            if not isinstance(error, HostError):
                raise error
        if failed:
            lines = "".join(f"\n  {error}" for error in failed)
            raise RefusedError(f"{len(failed)} of {len(self._hosts)} hosts cannot be used:{lines}")

    def _see_addresses(self) -> None:
        seen: dict[str, str] = {}
        loopback = [ipaddress.ip_address(host.address).is_loopback for host in self._hosts.values()]
        for (name, host), looped in zip(self._hosts.items(), loopback, strict=True):
            if host.address in seen or (looped and not all(loopback)):
                other = seen.get(host.address)
                because = f"{other}'s, too" if other else "no address that others can reach"
                raise RefusedError(
                    f"{name} ({self._targets[name]}) has the address {host.address}, which is {because}: "
                    "say in its line of the nodes file where other hosts find it, as address=10.0.0.11"
                )
            seen[host.address] = name

    async def _see_to(self, host: SshHost) -> None:
        """See that a host has what a run needs."""
        found = await self._requirements.look(host)
        if not found.complete and self._install:
            found = await self._requirements.install(host, found, self._say)
        if not found.complete:
            offer = not self._install and self._requirements.can_install(found)
            words = f"{found.complaint()}{'; --install does it' if offer else ''}"
            raise HostError(host=host.name, step="looking for what a run needs", words=words)
        self._found[host.name] = found

    async def _equip(self, host: SshHost) -> None:
        """Bring the node program."""
        found = self._found[host.name]
        at = f"{self._folder}/{host.name}"
        folder, python = shlex.quote(at), f"PYTHONPATH=source:{LIBRARIES}{found.version} exec {found.python}"
        self._equipped.add(host.name)
        await host.run(
            "bringing the node program",
            f"umask 022; {begin(at)} && mkdir -p {folder}/source && cd {folder} && tar -xzf - -C source && "
            f"echo '{python} -m dsm_jepsen \"$@\"' > dsm-jepsen",
            stdin=await asyncio.to_thread(_pack),
            timeout_s=60,
        )
        modules = ", ".join(("dsm_jepsen.cli._node", *self._requirements.modules))
        await host.run(
            "trying the node program",
            f"cd {folder} && {python} -c 'import {modules}'",
            timeout_s=60,
        )

    async def _leave(self, host: SshHost) -> None:
        try:
            if host.name in self._equipped:
                await host.run(
                    "removing the node program",
                    f"cd {shlex.quote(FOLDER)} && rm -rf {shlex.quote(f'{self._folder}/{host.name}')} && "
                    f"{{ rmdir {shlex.quote(self._folder)} 2>/dev/null || true; }}",
                )
        except HostError as error:
            self._say(str(error))
        finally:
            await host.close()


def _pack() -> bytes:
    """Our own package as a compressed tar."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for path in _sources():
            entry = tarfile.TarInfo(f"dsm_jepsen/{path.relative_to(_PACKAGE).as_posix()}")
            data = path.read_bytes()
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))
    return packed.getvalue()


def _sources() -> Iterator[Path]:
    for path in sorted(_PACKAGE.rglob("*")):
        # Hosts judge nothing, and the kernel is one for this machine.
        if path.is_file() and "__pycache__" not in path.parts and path.stem.partition(".")[0] != "_native":
            yield path
