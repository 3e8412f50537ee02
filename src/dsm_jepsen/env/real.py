"""The real world: the machine's clocks, and HTTP between nodes.

A request becomes ``METHOD http://ADDRESS/path?parameters``; an answer's body is JSON, or text where its
content type is ``text/plain``. Nothing is ever sent twice: a request that went out on a connection that
then broke has an unknown outcome, and stays unknown. Each call has a connection of its own, so that a
refused connection proves that nothing was sent.

aiohttp is imported when it is first needed: a command line that only prints its help does not wait for it.
"""

import asyncio
import errno
import json
import logging
import os
import time
import traceback
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from dsm_jepsen.env.errors import DefiniteError, IndefiniteError, OutcomeError
from dsm_jepsen.env.network import Handler, Request, Response

if TYPE_CHECKING:
    from aiohttp import ClientHandlerType, ClientRequest, ClientResponse, ClientSession, web
    from yarl import URL

Log = Callable[[str], None]

_log = logging.getLogger(__name__)

_FORM = "application/x-www-form-urlencoded"
_PARAMETERS_MAX = 1000
_SHUTDOWN_GRACE_S = 1.0


class RealClock:
    """The clocks of this machine."""

    def monotonic_ns(self) -> int:
        """Nanoseconds since some moment; never goes back."""
        return time.monotonic_ns()

    def wall_ns(self) -> int:
        """Nanoseconds since 1970."""
        return time.time_ns()


class HttpNetwork:
    """Nodes reached over HTTP.

    Args:
        addresses: where each node listens, ``host:port``.
        listen: where this place's own node listens, ``host:port``; ``None`` for a client.
        log: takes a line for each handler that failed.
    """

    def __init__(
        self, addresses: Mapping[str, str], *, listen: str | None = None, log: Log = _log.error
    ) -> None:
        self._addresses = dict(addresses)
        self._listen = listen
        self._log = log
        self._session: ClientSession | None = None

    async def call(self, node: str, request: Request, *, timeout_ms: int) -> Response:
        """Ask a node and wait for its answer, whatever its status.

        Raises:
            DefiniteError: nothing was sent, because the node refused the connection.
            IndefiniteError: the request may have arrived: no answer in time, the connection broke, or the
                answer could not be read.
            ValueError: the node has no address here.
        """
        import aiohttp

        url = self._url(node, request)
        session = self._open_session()
        try:
            async with (
                asyncio.timeout(timeout_ms / 1000),
                session.request(
                    request.method, url, allow_redirects=False, middlewares=(_send_once,)
                ) as answer,
            ):
                return Response(
                    status=answer.status, body=decode_body(answer.content_type, await answer.read())
                )
        except (aiohttp.ClientError, OSError) as error:
            raise outcome_of(error) from error

    async def serve(self, handler: Handler) -> None:
        """Answer requests to this place's node with the handler, until cancelled.

        Raises:
            OSError: the address cannot be listened on.
            ValueError: this place has no address of its own.
        """
        if self._listen is None:
            raise ValueError("this place only calls nodes: it was given no address to listen on")
        await serve(self._listen, handler, log=self._log)

    async def close(self) -> None:
        """Close the connections; harmless when there are none."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _url(self, node: str, request: Request) -> "URL":
        from yarl import URL

        if node not in self._addresses:
            raise ValueError(f"no address for {node!r}; known are {', '.join(sorted(self._addresses))}")
        base = URL(f"http://{self._addresses[node]}")
        return base.with_path(request.path).with_query(dict(request.parameters))

    def _open_session(self) -> "ClientSession":
        if self._session is None:
            import aiohttp

            self._session = aiohttp.ClientSession(
                # No limit: requests that hang at a frozen node must not hold up those to the others.
                connector=aiohttp.TCPConnector(force_close=True, limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            )
        return self._session


async def _send_once(request: "ClientRequest", send: "ClientHandlerType") -> "ClientResponse":
    """Turn errors into outcomes before aiohttp sees them: it sends GET, PUT and DELETE again on some."""
    import aiohttp

    try:
        return await send(request)
    except (aiohttp.ClientError, OSError) as error:
        raise outcome_of(error) from error


def outcome_of(error: Exception) -> OutcomeError:
    """What a failed call proves: nothing, except that a refused connection carried no request.

    Args:
        error: what aiohttp or the socket raised.
    """
    import aiohttp

    if isinstance(error, aiohttp.ClientConnectorError) and error.os_error.errno == errno.ECONNREFUSED:
        # Definite: raised while connecting, and there was no earlier connection to send on.
        return DefiniteError("connection-refused", str(error))
    if isinstance(error, TimeoutError):
        return IndefiniteError("timeout")
    # A refusal that was not raised while connecting comes under this, too: it says nothing of what was sent.
    if isinstance(error, (ConnectionError, aiohttp.ClientConnectionError, aiohttp.ClientPayloadError)):
        return IndefiniteError("connection-reset", str(error) or type(error).__name__)
    return IndefiniteError("network-error", f"{type(error).__name__}: {error}")


def decode_body(content_type: str, body: bytes) -> Any:
    """Read an answer's body: text if it says so, else JSON, ``None`` if it is empty.

    Raises:
        IndefiniteError: it is neither; the request did arrive, and what it did is unknown.
    """
    if content_type == "text/plain":
        return body.decode(errors="replace")
    if not body:
        return None
    try:
        return json.loads(body)
    except ValueError as error:
        raise IndefiniteError("unreadable-answer", f"{content_type}: {body[:100]!r}") from error


async def serve(listen: str, handler: Handler, *, log: Log = _log.error) -> None:
    """Answer HTTP requests of any method and path with the handler, until cancelled.

    Parameters are those of the query and of a form-encoded body together; of equal names the last wins.
    A handler that raises is answered for with status 500, and logged.

    Args:
        listen: ``host:port``.
        handler: called for each request; several may run at once.
        log: takes a line, and a traceback, for each handler that failed.

    Raises:
        OSError: the address cannot be listened on.
    """
    from aiohttp import web

    host, port = _split_address(listen)

    async def answer(request: web.BaseRequest) -> web.Response:
        try:
            try:
                incoming = await _incoming(request)
            except web.HTTPRequestEntityTooLarge:
                return _outgoing(413, {"error": f"the body is larger than {request.client_max_size} bytes"})
            except ValueError as error:
                return _outgoing(400, {"error": str(error)})
            response = await handler(incoming)
            return _outgoing(response.status, response.body)
        except Exception as error:  # noqa: BLE001  one bad request must not end the node
            log(f"{request.method} {request.path} failed: {error!r}\n{traceback.format_exc()}")
            return _outgoing(500, {"error": f"{type(error).__name__}: {error}"})

    runner = web.ServerRunner(
        web.Server(answer, access_log=None), handle_signals=False, shutdown_timeout=_SHUTDOWN_GRACE_S
    )
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            why = "address in use" if error.errno == errno.EADDRINUSE else os.strerror(error.errno or 0)
            raise OSError(f"cannot listen on {listen}: {why}; choose another --listen") from error
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


async def _incoming(request: "web.BaseRequest") -> Request:
    body = await request.read()
    parameters = dict(request.query.items())
    if request.content_type == _FORM:
        parameters.update(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_PARAMETERS_MAX))
    return Request(method=request.method, path=request.path, parameters=parameters)


def _outgoing(status: int, body: Any) -> "web.Response":
    from aiohttp import web

    if isinstance(body, str):
        return web.Response(status=status, text=body)
    return web.Response(
        status=status, text=json.dumps(body, allow_nan=False), content_type="application/json"
    )


def _split_address(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{address!r} is not an address: expected HOST:PORT, such as 127.0.0.1:8081")
    return host.strip("[]"), int(port)
