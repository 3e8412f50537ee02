"""What killed runs left on machines over SSH, and its removal; runs that are alive are left alone.

A run counts as alive while its harness was heard of within ``SILENCE_S``, as for the next run on the machine.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping

from dsm_jepsen.cluster.hosts.cluster import FOLDER
from dsm_jepsen.cluster.hosts.outpost import SILENCE_S, Outpost
from dsm_jepsen.cluster.ssh.host import SshHost
from dsm_jepsen.cluster.ssh.login import Login
from dsm_jepsen.cluster.ssh.nodes_file import Target
from dsm_jepsen.env import RefusedError


async def clean_machines(
    targets: Mapping[str, Target], login: Login, log: Callable[[str], None]
) -> list[str]:
    """Remove daemons, rules and files of killed runs, on all machines at once.

    Args:
        targets: the machines by name.
        login: how to get in.
        log: takes a line for each run that was cleaned up.

    Returns:
        The same lines.

    Raises:
        RefusedError: a machine cannot be reached, or a run on it is alive; the others were cleaned.
        HostError: a machine did not do what it was asked to; likewise.
    """
    run = f"clean-{secrets.token_hex(4)}"
    hosts = {name: SshHost(name=name, target=target, login=login) for name, target in targets.items()}
    done = await asyncio.gather(*(_clean(host, run) for host in hosts.values()), return_exceptions=True)
    lines, failed = [], []
    for name, outcome in zip(hosts, done, strict=True):
        if isinstance(outcome, BaseException):
            failed.append(outcome)
            continue
        for removed in outcome:
            lines.append(f"{name}: removed what the killed run {removed} had left")
            log(lines[-1])
    if len(failed) == 1:
        raise failed[0]
    if failed:
        said = "".join(f"\n  {error}" for error in failed)
        raise RefusedError(f"{len(failed)} of {len(hosts)} machines were not cleaned:{said}")
    return lines


async def _clean(host: SshHost, run: str) -> list[str]:
    try:
        await host.open()
        outpost = Outpost(host, f"{FOLDER}/{run}/{host.name}", silence_s=SILENCE_S)
        try:
            return list(await outpost.make())
        finally:
            await outpost.remove()
    finally:
        await host.close()
