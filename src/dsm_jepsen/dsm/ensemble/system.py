"""The ensemble as a system under test: its node program, and when a node is ready."""

import asyncio
from functools import partial

from dsm_jepsen.dsm.ensemble.client import EnsembleClient
from dsm_jepsen.dsm.ensemble.ensemble import Ensemble
from dsm_jepsen.dsm.ensemble.flawed import VARIANTS
from dsm_jepsen.dsm.ensemble.rest import RestApi
from dsm_jepsen.dsm.machines import machine
from dsm_jepsen.env import Client, Env, OutcomeError, Program, Site


async def node(
    env: Env, *, machine_name: str = "web", name: str = "default", variant: str | None = None
) -> None:
    """Run one node of an ensemble with its REST face, until cancelled.

    Args:
        env: the world.
        machine_name: which state chart; the same on all nodes.
        name: of the ensemble; nodes with the same name share one machine.
        variant: a planted flaw, or ``None`` for the correct ensemble.
    """
    kind = Ensemble if variant is None else VARIANTS[variant]
    ensemble = kind(env, machine(machine_name), name=name)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ensemble.run())
        tasks.create_task(env.network.serve(RestApi(ensemble).handle))


class EnsembleSystem:
    """The reference system: an ensemble of nodes sharing one state chart."""

    name = "ensemble"

    def __init__(self, *, machine_name: str = "web", variant: str | None = None) -> None:
        self.program: Program | None = Program(
            main=partial(node, machine_name=machine_name, variant=variant),
            command=("node", "--machine", machine_name, *(("--variant", variant) if variant else ())),
        )

    async def ready(self, site: Site) -> bool:
        """Whether the node has joined and is healthy."""
        try:
            await EnsembleClient(site).invoke("read", None)
        except OutcomeError:
            return False
        return True

    def client(self) -> Client:
        """Give a client, not yet opened."""
        return EnsembleClient()
