"""One node of the reference system as a process of its own, in the real world."""

import secrets
import sys
from datetime import UTC, datetime

import rich_click as click

from dsm_jepsen.dsm.ensemble import node
from dsm_jepsen.dsm.stores import open_store
from dsm_jepsen.env import Env, Rng
from dsm_jepsen.env.real import HttpNetwork, RealClock


async def serve(
    *,
    name: str,
    store_url: str,
    listen: str,
    machine: str,
    ensemble: str,
    etcd_client: str,
    variant: str | None,
) -> None:
    """Run a node until it is cancelled; its log goes to stderr.

    Raises:
        UsageError: the store's URL or the address to listen on is malformed, or the address is taken.
        RefusedError: the store's client is not installed.
    """
    clock = RealClock()

    def log(line: str) -> None:
        moment = datetime.fromtimestamp(clock.wall_ns() / 1e9, UTC)
        print(f"{moment:%H:%M:%S.%f} {name} {line}", file=sys.stderr, flush=True)

    network = HttpNetwork({}, listen=listen, log=log)
    try:
        connection = await open_store(store_url, client=etcd_client, log=log)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    async with connection as store:
        env = Env(
            node=name,
            clock=clock,
            rng=Rng(secrets.token_hex(8)),
            store=store,
            network=network,
            log=log,
        )
        log(f"starting {machine} at http://{listen}, store {store_url}")
        try:
            await node(env, machine_name=machine, name=ensemble, variant=variant)
        except* (OSError, ValueError) as group:
            raise click.UsageError(str(group.exceptions[0])) from None
