"""Five ensemble nodes on the simulated cluster, and words to drive them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from dsm_jepsen.cluster.sim import SimCluster
from dsm_jepsen.dsm.ensemble import Ensemble, EnsembleClient, RestApi
from dsm_jepsen.dsm.machines import machine
from dsm_jepsen.env import Env, Link, OutcomeError, Program, Request, Response, Role, Store


class World:
    """A simulated cluster running the ensemble; ``nodes`` are the latest incarnations by name."""

    def __init__(self, *, seed: int = 1, wrap: Callable[[Store], Store] = lambda store: store) -> None:
        self.cluster = SimCluster(seed=seed)
        self.nodes: dict[str, Ensemble] = {}
        self._wrap = wrap

    async def _main(self, env: Env) -> None:
        wrapped = Env(
            node=env.node,
            clock=env.clock,
            rng=env.rng,
            store=self._wrap(env.store),
            network=env.network,
            log=env.log,
        )
        ensemble = self.nodes[env.node] = Ensemble(wrapped, machine("web"))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(ensemble.run())
            tasks.create_task(env.network.serve(RestApi(ensemble).handle))

    def run(self, story: Callable[["World"], Awaitable[None]]) -> None:
        """Start all nodes, wait until they are healthy, and let the story happen."""

        async def act() -> None:
            await self.cluster.start(Program(main=self._main, command=()))
            for node in self.cluster.nodes:
                await self.healthy(node)
            await story(self)

        with self.cluster:
            self.cluster.run(act())

    async def ask(self, node: str, method: str, path: str, **parameters: str) -> Response:
        """Send one request."""
        request = Request(method=method, path=path, parameters=parameters)
        return await self.cluster.site(node).network.call(node, request, timeout_ms=10_000)

    async def event(self, node: str, name: str, **parameters: str) -> Response:
        return await self.ask(node, "POST", "/event", id=name, **parameters)

    async def status(self, node: str) -> dict[str, Any]:
        body: dict[str, Any] = (await self.ask(node, "GET", "/status")).body
        return body

    async def healthy(self, node: str, *, within_s: float = 30) -> None:
        """Wait until a node has joined."""
        async with asyncio.timeout(within_s):
            while True:
                try:
                    await EnsembleClient(self.cluster.site(node)).invoke("read", None)
                except OutcomeError:
                    await asyncio.sleep(0.05)
                else:
                    return

    async def everywhere(self, *, within_s: float = 1.0) -> dict[str, Any]:
        """Let it settle; all nodes must then show the same, which is given."""
        await asyncio.sleep(within_s)
        keys = ("version", "states", "extendedStateVariables", "hasStateMachineError")
        shown = [{key: (await self.status(node))[key] for key in keys} for node in self.cluster.nodes]
        assert all(one == shown[0] for one in shown), shown
        return shown[0]

    async def cut_from_store(self, node: str) -> None:
        """Cut a node process from the store's member beside it."""
        await self.cluster.control.cut(
            [Link(node, Role.NODE, node, Role.STORE), Link(node, Role.STORE, node, Role.NODE)]
        )


@pytest.fixture
def make_world() -> type[World]:
    return World


@pytest.fixture
def world() -> World:
    return World()
