"""The queue as a system under test: a worker on every node, and when it works."""

import asyncio
from functools import partial

from dsm_jepsen.dsm.queue.client import MACHINES, NAME, QueueClient
from dsm_jepsen.dsm.queue.flawed import VARIANTS
from dsm_jepsen.dsm.queue.receiver import Receiver
from dsm_jepsen.dsm.queue.worker import Worker
from dsm_jepsen.env import Client, Env, OutcomeError, Program, Request, Site

_MODULES = tuple(f"dsm_jepsen.dsm.machines.{name}" for name in ("steak", "order", "trial"))
"""Where the machines are that the client knows."""

_READY_MS = 1_000


async def node(env: Env, *, variant: str | None = None) -> None:
    """Run one worker with its status, until cancelled.

    Args:
        env: the world.
        variant: a planted flaw, or ``None`` for the correct worker.
    """
    kind = Worker if variant is None else VARIANTS[variant]
    worker = kind(env, MACHINES, name=NAME, apply=Receiver(env.store, name=NAME).take)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(worker.run())
        tasks.create_task(env.network.serve(worker.handle))


class QueueSystem:
    """The second reference system: workers that take instances of machines to their ends."""

    name = "queue"

    def __init__(self, *, variant: str | None = None) -> None:
        modules = [part for module in _MODULES for part in ("--machines", module)]
        flaw = ("--variant", variant) if variant else ()
        self.program: Program | None = Program(
            main=partial(node, variant=variant), command=("worker", *modules, "--receiver", *flaw)
        )

    async def ready(self, site: Site) -> bool:
        """Whether the worker has a session."""
        request = Request(method="GET", path="/status")
        try:
            response = await site.network.call(site.node, request, timeout_ms=_READY_MS)
        except OutcomeError:
            return False
        return response.status == 200

    def client(self) -> Client:
        """Give a client, not yet opened."""
        return QueueClient()
