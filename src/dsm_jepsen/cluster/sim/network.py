"""The network between clients and nodes: requests and answers with delays, refusals and silence.

What a caller learns:

* the node's process is dead, or does not serve yet: ``DefiniteError("connection-refused")``;
* a link is cut or lost the message, or the process is paused: nothing, until
  ``IndefiniteError("timeout")``. A paused process has the request and answers it when it goes on,
  whether or not somebody still waits;
* the process dies with the request: ``IndefiniteError("connection-reset")``.
"""

from typing import Any

from dsm_jepsen.cluster.sim.links import Links, place
from dsm_jepsen.cluster.sim.loop import SimLoop
from dsm_jepsen.cluster.sim.process import Process, SimFuture, State
from dsm_jepsen.env import DefiniteError, Handler, IndefiniteError, OutcomeError, Request, Response, Role

CALLS_MAX = 1_000
"""Requests that a node has open at once; further connections are refused."""


class _Call:
    """A request under way: from whom, and where its answer goes."""

    __slots__ = ("answer", "caller", "request")

    def __init__(self, caller: Process, request: Request, answer: SimFuture[Response]) -> None:
        self.caller = caller
        self.request = request
        self.answer = answer


class Port:
    """Where a node listens: its process, its handler once it serves, and the requests it has."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.handler: Handler | None = None
        self.open: dict[_Call, None] = {}


class Wires:
    """What all places share: the links and the ports of all nodes."""

    def __init__(self, loop: SimLoop, links: Links) -> None:
        self.loop = loop
        self.links = links
        self._ports: dict[str, Port] = {}

    def listen(self, process: Process) -> None:
        """Give a new process its port."""
        self._ports[process.name] = Port(process)

    def serve(self, process: Process, handler: Handler | None) -> None:
        """Let a handler answer, or nobody."""
        port = self._ports[process.name]
        if port.process is process:
            port.handler = handler

    def hang_up(self, process: Process) -> None:
        """Reset all connections of a process that died."""
        port = self._ports[process.name]
        port.handler = None
        for call in port.open:
            # Indefinite: the handler may have done anything before its process died.
            self._answer(process.name, call, IndefiniteError("connection-reset"))
        port.open.clear()

    def send(self, call: _Call, target: str) -> None:
        """Put a request on its way."""
        delay_us = self.links.delay_us(call.caller.name, target)
        self.loop.after(delay_us, self.loop.harness, self._arrive, call, target)

    def _arrive(self, call: _Call, target: str) -> None:
        if not self.links.passes(call.caller.name, target):
            return
        port = self._ports.get(target)
        if (
            port is None
            or port.handler is None
            or port.process.state is State.DEAD
            or len(port.open) >= CALLS_MAX
        ):
            # Definite: no handler ever sees the request.
            self._answer(target, call, DefiniteError("connection-refused"))
            return
        port.open[call] = None
        context = port.process.context.copy()
        self.loop.create_task(self._handle(port, port.handler, call), context=context)

    async def _handle(self, port: Port, handler: Handler, call: _Call) -> None:
        try:
            response = await handler(call.request)
        except Exception as error:  # noqa: BLE001 - a server answers 500 whatever its handler raised
            response = Response(status=500, body={"error": f"{type(error).__name__}: {error}"})
        if call in port.open:
            del port.open[call]
            self._answer(port.process.name, call, response)

    def _answer(self, source: str, call: _Call, outcome: Response | OutcomeError) -> None:
        delay_us = self.links.delay_us(source, call.caller.name)
        self.loop.after(delay_us, self.loop.harness, self._arrive_back, source, call, outcome)

    def _arrive_back(self, source: str, call: _Call, outcome: Response | OutcomeError) -> None:
        if not self.links.passes(source, call.caller.name) or call.answer.done():
            return
        if isinstance(outcome, Response):
            call.answer.set_result(outcome)
        else:
            call.answer.set_exception(outcome)


class SimNetwork:
    """One process' way to the nodes; see ``env.Network``."""

    def __init__(self, wires: Wires, process: Process) -> None:
        self._wires = wires
        self._process = process

    async def call(self, node: str, request: Request, *, timeout_ms: int) -> Response:
        """Ask a node and wait for its answer.

        Raises:
            DefiniteError: ``connection-refused``: the node is down, or does not serve yet.
            IndefiniteError: ``timeout`` or ``connection-reset``.
        """
        loop = self._wires.loop
        call = _Call(self._process, request, loop.create_future())
        timer = loop.after(timeout_ms * 1_000, self._process, give_up, call.answer)
        self._wires.send(call, place(node, Role.NODE))
        try:
            return await call.answer
        finally:
            timer.cancel()

    async def serve(self, handler: Handler) -> None:
        """Answer requests to this place's node with the handler, until cancelled."""
        self._wires.serve(self._process, handler)
        try:
            await self._wires.loop.create_future()
        finally:
            self._wires.serve(self._process, None)


def give_up(answer: SimFuture[Any]) -> None:
    """End the wait for an answer; the request is not withdrawn and may still be carried out."""
    if not answer.done():
        answer.set_exception(IndefiniteError("timeout"))
