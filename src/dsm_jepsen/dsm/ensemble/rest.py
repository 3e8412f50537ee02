"""The REST face of an ensemble's node, as in the paper's sample plus an honest outcome.

| path | answers |
|---|---|
| ``POST /event?id=I[&expect=3][&testVariable=v1]`` | 200, 409, 503 or 504 with ``{"outcome": ...}`` |
| ``GET /states`` | 200 with the active states, outermost first; 503 when in error |
| ``GET /status[?read=strong]`` | 200 with everything at one moment; strong: linearizable, or 503 |
| ``GET /members`` | 200 with the nodes that belong to the ensemble, each with its session; 503 |
| ``POST /join``, ``POST /leave`` | 200 |
| ``GET /metrics`` | counters as text |

Outcomes of an event: ``accepted`` (200), ``not-applicable`` and ``lost-race`` (409: no effect),
``unavailable`` (503: no effect), ``unknown`` (504: nobody can say). Bad input is 400.
"""

import re
from collections import Counter

from dsm_jepsen.dsm.chart import Event
from dsm_jepsen.dsm.ensemble.ensemble import Ensemble
from dsm_jepsen.env import DefiniteError, IndefiniteError, OutcomeError, Request, Response

_STATUS = {"not-applicable": 409, "lost-race": 409}

_VERSION = re.compile(r"[0-9]{1,18}")

_METHODS = {
    "/event": "POST",
    "/states": "GET",
    "/status": "GET",
    "/members": "GET",
    "/join": "POST",
    "/leave": "POST",
    "/metrics": "GET",
}


class RestApi:
    """Answers requests for one node's ensemble."""

    def __init__(self, ensemble: Ensemble) -> None:
        self._ensemble = ensemble
        self._outcomes: Counter[str] = Counter()

    async def handle(self, request: Request) -> Response:
        """Answer one request."""
        expected = _METHODS.get(request.path)
        if expected is None:
            return _bad(404, f"no such path {request.path!r}; there are {', '.join(_METHODS)}")
        if request.method != expected:
            return _bad(405, f"{request.path} takes {expected}, not {request.method}")
        match request.path:
            case "/event":
                return await self._event(request)
            case "/states":
                return self._states()
            case "/status":
                return await self._status(request)
            case "/members":
                return await self._members()
            case "/metrics":
                return Response(status=200, body=self._metrics())
            case "/join":
                self._ensemble.join()
            case _:
                self._ensemble.leave()
        body = {"joined": self._ensemble.joined, "node": self._ensemble.env.node}
        return Response(status=200, body=body)

    async def _event(self, request: Request) -> Response:
        parameters = dict(request.parameters)
        name = parameters.pop("id", None)
        events = self._ensemble.chart.events
        if name not in events:
            return _bad(400, f"event id {name!r} is not known; the chart has {', '.join(events)}")
        expect_text = parameters.pop("expect", None)
        if expect_text is not None and not _VERSION.fullmatch(expect_text):
            return _bad(400, f"expect is {expect_text[:40]!r}; it must be a version, such as 3")
        event = Event(name=name, parameters=tuple(sorted(parameters.items())))
        expect = None if expect_text is None else int(expect_text)
        response = await self._fire(event, expect)
        self._outcomes[response.body["outcome"]] += 1
        return response

    async def _fire(self, event: Event, expect: int | None) -> Response:
        try:
            context = await self._ensemble.fire(event, expect=expect)
        except DefiniteError as error:
            body = {"outcome": error.kind, "event": event.name, "detail": error.detail}
            return Response(status=_STATUS.get(error.kind, 503), body=body)
        except IndefiniteError as error:
            body = {"outcome": "unknown", "event": event.name, "detail": error.detail}
            return Response(status=504, body=body)
        node = self._ensemble.env.node
        body = {"outcome": "accepted", "event": event.name, "node": node, **context.summary()}
        return Response(status=200, body=body)

    def _states(self) -> Response:
        status = self._ensemble.status()
        if not self._ensemble.healthy:
            return _bad(503, "the node is in error" if status["joined"] else "the node has left")
        return Response(status=200, body=status["states"])

    async def _status(self, request: Request) -> Response:
        read = request.parameters.get("read", "local")
        if read not in ("local", "strong"):
            return _bad(400, f"read is {read!r}; it must be local or strong")
        if read == "local":
            return Response(status=200, body=self._ensemble.status())
        try:
            return Response(status=200, body=await self._ensemble.strong_status())
        except OutcomeError as error:
            return _bad(503, str(error))

    async def _members(self) -> Response:
        try:
            return Response(status=200, body=await self._ensemble.members())
        except OutcomeError as error:
            return _bad(503, str(error))

    def _metrics(self) -> str:
        status = self._ensemble.status()
        lines = [
            f'dsm_events_total{{outcome="{name}"}} {self._outcomes[name]}' for name in sorted(self._outcomes)
        ]
        lines.append(f"dsm_version {status['version'] or 0}")
        lines.append(f"dsm_joined {int(status['joined'])}")
        lines.append(f"dsm_error {int(status['hasStateMachineError'])}")
        return "\n".join(lines) + "\n"


def _bad(status: int, words: str) -> Response:
    return Response(
        status=status, body={"outcome": "unavailable" if status == 503 else "bad-request", "error": words}
    )
