"""The seam to the network: requests and responses between named places, not sockets.

In the real world a request is HTTP: method, path, query parameters; the response's body is JSON.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a client asks of a node, such as ``POST /event?id=I``."""

    method: str
    path: str
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What a node answers: an HTTP status and any JSON value (text for ``/metrics``)."""

    status: int
    body: Any = None


Handler = Callable[[Request], Awaitable[Response]]


class Network(Protocol):
    """How one place reaches the nodes, and how a node is reached."""

    async def call(self, node: str, request: Request, *, timeout_ms: int) -> Response:
        """Ask a node and wait for its answer.

        Raises:
            DefiniteError: nothing was sent, because the node refused the connection.
            IndefiniteError: the request may have arrived: no answer in time, or the connection broke.
        """
        ...

    async def serve(self, handler: Handler) -> None:
        """Answer requests to this place's node with the handler, until cancelled."""
        ...
