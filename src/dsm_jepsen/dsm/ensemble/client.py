"""A test client of one ensemble node: operations to requests, answers to outcomes.

Operations: ``event`` with ``{"event": "I", "parameters": {...}, "expect": 3}`` (the last two optional),
``read`` (the node's own status), ``read-strong`` (linearizable), ``members`` (who belongs to the ensemble,
with which session), ``join`` and ``leave``.
"""

from typing import Any, Self

from dsm_jepsen.env import DefiniteError, IndefiniteError, Request, Response, Site

TIMEOUT_MS = 5_000
"""How long a client waits for an answer; then the outcome is unknown."""


class EnsembleClient:
    """One client process, bound to one node."""

    def __init__(self, site: Site | None = None) -> None:
        self._site = site

    async def open(self, site: Site) -> Self:
        """Give a client at this site; there is no connection to make."""
        return type(self)(site)

    async def close(self) -> None:
        """Nothing is held."""

    async def invoke(self, f: str, value: Any) -> Any:
        """Carry out one operation; see ``env.Client``."""
        match f:
            case "event":
                return await self._event(value)
            case "read":
                return _read(await self._call("GET", "/status"))
            case "read-strong":
                return _read(await self._call("GET", "/status", {"read": "strong"}))
            case "members":
                response = await self._call("GET", "/members")
                if response.status != 200:
                    # Definite: a read has no effect.
                    raise DefiniteError("unavailable", response.body)
                return response.body
            case "join" | "leave":
                response = await self._call("POST", f"/{f}")
                return response.body
        raise ValueError(f"an ensemble's client does not know {f!r}")

    async def _event(self, value: dict[str, Any]) -> dict[str, Any]:
        parameters = {"id": value["event"], **value.get("parameters", {})}
        if "expect" in value:
            parameters["expect"] = str(value["expect"])
        response = await self._call("POST", "/event", parameters)
        if response.status == 200:
            taken = ("version", "states", "variables", "node")
            return {**value, **{name: response.body[name] for name in taken}}
        if response.status in (400, 409, 503):
            # Definite: the node answers so only when the event has no effect and never will.
            raise DefiniteError(
                response.body["outcome"], response.body.get("detail", response.body.get("error"))
            )
        raise IndefiniteError("unknown", response.body)

    async def _call(self, method: str, path: str, parameters: dict[str, str] | None = None) -> Response:
        assert self._site is not None
        request = Request(method=method, path=path, parameters=parameters or {})
        return await self._site.network.call(self._site.node, request, timeout_ms=TIMEOUT_MS)


def _read(response: Response) -> dict[str, Any]:
    status = response.body
    if response.status != 200:
        # Definite: a read has no effect.
        raise DefiniteError("unavailable", status)
    seen = {
        "version": status["version"],
        "states": status["states"],
        "variables": status["extendedStateVariables"],
        "node": status["node"],
    }
    if status["hasStateMachineError"]:
        raise DefiniteError("in-error", seen)
    if not status["joined"]:
        raise DefiniteError("not-joined", seen)
    return seen
