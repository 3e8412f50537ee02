"""The real network, against real sockets on this machine."""

import asyncio
import errno
import io
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from hypothesis import given, settings
from hypothesis import strategies as st

from dsm_jepsen.env import DefiniteError, Handler, IndefiniteError, OutcomeError, Request, Response
from dsm_jepsen.env.real import HttpNetwork, RealClock, decode_body, outcome_of, serve

TIMEOUT_MS = 5_000


async def echo(request: Request) -> Response:
    return Response(status=200, body=[request.method, request.path, dict(sorted(request.parameters.items()))])


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


async def wait_listening(address: str) -> None:
    host, port = address.split(":")
    for _ in range(500):
        with suppress(OSError):
            _, writer = await asyncio.open_connection(host, int(port))
            writer.close()
            await writer.wait_closed()
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"nobody listens on {address}")


@asynccontextmanager
async def node(
    handler: Handler, *, log: Callable[[str], None] = pytest.fail
) -> AsyncIterator[tuple[HttpNetwork, str]]:
    """A node n1 that answers with the handler: its network, and its address."""
    address = f"127.0.0.1:{free_port()}"
    network = HttpNetwork({"n1": address}, listen=address, log=log)
    serving = asyncio.create_task(network.serve(handler))
    try:
        await wait_listening(address)
        yield network, address
    finally:
        await network.close()
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


async def ask(handler: Handler, request: Request, *, log: Callable[[str], None] = pytest.fail) -> Response:
    async with node(handler, log=log) as (network, _):
        return await network.call("n1", request, timeout_ms=TIMEOUT_MS)


@asynccontextmanager
async def raw_server(answer: bytes | None) -> AsyncIterator[tuple[HttpNetwork, list[bytes]]]:
    """A server that reads a request, writes these bytes and hangs up; ``None``: it never answers.

    Gives a network that knows it as n1, and the first line of each request it received.
    """
    received: list[bytes] = []
    talks: list[asyncio.Task[None] | None] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.append(asyncio.current_task())
        received.append(await reader.readline())
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    network = HttpNetwork({"n1": f"127.0.0.1:{port}"})
    try:
        yield network, received
    finally:
        await network.close()
        server.close()
        await asyncio.gather(*(task for task in talks if task))
        await server.wait_closed()


# A request and its answer


def test_a_request_arrives_as_it_was_sent() -> None:
    request = Request(method="POST", path="/event", parameters={"id": "I", "testVariable": "v 1&=ä"})
    response = asyncio.run(ask(echo, request))
    assert response == Response(status=200, body=["POST", "/event", {"id": "I", "testVariable": "v 1&=ä"}])


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@settings(max_examples=50, deadline=None)
@given(
    segments=st.lists(TEXT.filter(lambda name: name not in {".", ".."}), min_size=1),
    parameters=st.dictionaries(TEXT, TEXT),
)
def test_any_path_and_parameters_survive_the_way(segments: list[str], parameters: dict[str, str]) -> None:
    path = "/" + "/".join(segment.replace("/", "") for segment in segments)
    response = asyncio.run(ask(echo, Request(method="PUT", path=path, parameters=parameters)))
    assert response.body == ["PUT", path, parameters]


@pytest.mark.parametrize("body", [None, [], {"foo": 0, "names": ["S0"]}, 1.5, True, "# a metric\nx 1\n"])
def test_any_json_value_and_text_come_back(body: object) -> None:
    async def answer(_: Request) -> Response:
        return Response(status=200, body=body)

    assert asyncio.run(ask(answer, Request(method="GET", path="/"))).body == body


@pytest.mark.parametrize("status", [200, 302, 400, 409, 503])
def test_every_status_is_an_answer_and_not_an_error(status: int) -> None:
    async def answer(_: Request) -> Response:
        return Response(status=status, body={"error": "it says"})

    assert asyncio.run(ask(answer, Request(method="GET", path="/"))) == Response(
        status=status, body={"error": "it says"}
    )


@pytest.mark.parametrize(
    ("content_type", "body", "value"),
    [
        ("text/plain", b"", ""),
        ("text/plain", b"a\xff", "a\N{REPLACEMENT CHARACTER}"),
        ("application/json", b"", None),
        ("application/json", b'{"a": [1]}', {"a": [1]}),
        ("application/octet-stream", b"7", 7),
    ],
)
def test_a_body_is_text_if_it_says_so_and_else_json(content_type: str, body: bytes, value: object) -> None:
    assert decode_body(content_type, body) == value


@pytest.mark.parametrize("body", [b"<html>", b'{"a":', b"\xff"])
def test_an_answer_that_cannot_be_read_leaves_the_outcome_unknown(body: bytes) -> None:
    with pytest.raises(IndefiniteError, match="unreadable-answer"):
        decode_body("application/json", body)


# Errors and their outcomes

KEY = ConnectionKey(
    "127.0.0.1", 80, is_ssl=False, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None
)


@pytest.mark.parametrize(
    ("error", "outcome", "kind"),
    [
        (
            aiohttp.ClientConnectorError(KEY, ConnectionRefusedError(errno.ECONNREFUSED, "refused")),
            DefiniteError,
            "connection-refused",
        ),
        (
            aiohttp.ClientConnectorError(KEY, OSError(errno.ECONNRESET, "reset")),
            IndefiniteError,
            "connection-reset",
        ),
        (
            aiohttp.ClientConnectorError(KEY, OSError(errno.EHOSTUNREACH, "no route")),
            IndefiniteError,
            "connection-reset",
        ),
        (TimeoutError(), IndefiniteError, "timeout"),
        (aiohttp.ConnectionTimeoutError(), IndefiniteError, "timeout"),
        (aiohttp.SocketTimeoutError(), IndefiniteError, "timeout"),
        (aiohttp.ServerDisconnectedError(), IndefiniteError, "connection-reset"),
        (aiohttp.ClientOSError(errno.ECONNRESET, "reset"), IndefiniteError, "connection-reset"),
        (aiohttp.ClientOSError(errno.ECONNREFUSED, "refused"), IndefiniteError, "connection-reset"),
        (aiohttp.ClientPayloadError("cut short"), IndefiniteError, "connection-reset"),
        (ConnectionResetError(errno.ECONNRESET, "reset"), IndefiniteError, "connection-reset"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), IndefiniteError, "connection-reset"),
        (BrokenPipeError(errno.EPIPE, "broken pipe"), IndefiniteError, "connection-reset"),
        (OSError(errno.EMFILE, "too many files"), IndefiniteError, "network-error"),
        (aiohttp.ClientError("who knows"), IndefiniteError, "network-error"),
    ],
)
def test_only_a_connection_refused_while_connecting_is_definite(
    error: Exception, outcome: type[OutcomeError], kind: str
) -> None:
    assert (type(outcome_of(error)), outcome_of(error).kind) == (outcome, kind)


async def call_raw(answer: bytes | None, *, method: str, timeout_ms: int = TIMEOUT_MS) -> list[bytes]:
    async with raw_server(answer) as (network, received):
        with pytest.raises(IndefiniteError) as caught:
            await network.call("n1", Request(method=method, path="/event"), timeout_ms=timeout_ms)
        return [caught.value.kind.encode(), *received]


def test_a_node_that_is_not_there_is_a_definite_failure() -> None:
    async def main() -> None:
        network = HttpNetwork({"n1": f"127.0.0.1:{free_port()}"})
        try:
            await network.call("n1", Request(method="POST", path="/event"), timeout_ms=TIMEOUT_MS)
        finally:
            await network.close()

    with pytest.raises(DefiniteError, match="connection-refused"):
        asyncio.run(main())


def test_a_node_that_does_not_answer_in_time_leaves_the_outcome_unknown() -> None:
    assert asyncio.run(call_raw(None, method="POST", timeout_ms=200))[0] == b"timeout"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
def test_a_request_that_broke_is_never_sent_again(method: str) -> None:
    line = f"{method} /event HTTP/1.1\r\n".encode()
    assert asyncio.run(call_raw(b"", method=method)) == [b"connection-reset", line]


def test_an_answer_cut_short_leaves_the_outcome_unknown() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{"
    assert asyncio.run(call_raw(answer, method="GET"))[0] == b"connection-reset"


def test_an_answer_that_is_not_http_leaves_the_outcome_unknown() -> None:
    assert asyncio.run(call_raw(b"220 mail.example ESMTP\r\n", method="GET"))[0] == b"network-error"


def test_a_network_closed_twice_is_harmless() -> None:
    async def main() -> None:
        async with node(echo) as (network, _):
            await network.call("n1", Request(method="GET", path="/"), timeout_ms=TIMEOUT_MS)
            await network.close()
            await network.close()

    asyncio.run(main())


def test_an_unknown_node_is_named() -> None:
    call = HttpNetwork({"n1": "h:1", "n2": "h:2"}).call("n9", Request(method="GET", path="/"), timeout_ms=1)
    with pytest.raises(ValueError, match="no address for 'n9'; known are n1, n2"):
        asyncio.run(call)


# A node that serves


async def post(
    handler: Handler, path: str, body: bytes, *, content_type: str = "application/x-www-form-urlencoded"
) -> tuple[int, object]:
    async with node(handler) as (_, address), aiohttp.ClientSession() as session:
        headers = {"Content-Type": content_type}
        async with session.post(f"http://{address}{path}", data=io.BytesIO(body), headers=headers) as answer:
            return answer.status, json.loads(await answer.read())


@pytest.mark.parametrize(
    ("query", "form", "parameters"),
    [
        ("", b"id=I&testVariable=v1", {"id": "I", "testVariable": "v1"}),
        ("?id=A", b"testVariable=v1", {"id": "A", "testVariable": "v1"}),
        ("?id=A&id=B", b"", {"id": "B"}),
        ("?id=A", b"id=B&id=C", {"id": "C"}),
        ("?id=", b"x=", {"id": "", "x": ""}),
        ("", b"a=1+2%26", {"a": "1 2&"}),
    ],
)
def test_parameters_of_query_and_form_are_merged_and_the_last_wins(
    query: str, form: bytes, parameters: dict[str, str]
) -> None:
    assert asyncio.run(post(echo, f"/event{query}", form)) == (200, ["POST", "/event", parameters])


def test_a_body_that_is_no_form_gives_no_parameters() -> None:
    answer = asyncio.run(post(echo, "/event?id=A", b"id=B", content_type="application/json"))
    assert answer == (200, ["POST", "/event", {"id": "A"}])


def test_a_form_that_is_not_utf_8_is_refused() -> None:
    status, _ = asyncio.run(post(echo, "/event", b"id=\xff"))
    assert status == 400


def test_a_body_too_large_is_refused() -> None:
    answer = asyncio.run(post(echo, "/event", b"x" * 1_100_000))
    assert answer == (413, {"error": "the body is larger than 1048576 bytes"})


async def broken(_: Request) -> Response:
    raise LookupError("no such state")


async def unspeakable(_: Request) -> Response:
    return Response(status=200, body={1, 2})


@pytest.mark.parametrize(
    ("handler", "words"), [(broken, "LookupError: no such state"), (unspeakable, "TypeError")]
)
def test_a_handler_that_fails_answers_500_and_is_logged(handler: Handler, words: str) -> None:
    lines: list[str] = []
    response = asyncio.run(ask(handler, Request(method="POST", path="/event"), log=lines.append))
    assert response.status == 500
    assert words in response.body["error"]
    assert len(lines) == 1
    assert lines[0].startswith("POST /event failed: ")
    assert words in lines[0]


def test_a_server_goes_on_after_a_handler_failed() -> None:
    async def fussy(request: Request) -> Response:
        return await (broken if request.path == "/bad" else echo)(request)

    async def main() -> list[int]:
        async with node(fussy, log=lambda _: None) as (network, _):
            requests = [Request(method="GET", path=path) for path in ("/bad", "/good")]
            return [(await network.call("n1", request, timeout_ms=TIMEOUT_MS)).status for request in requests]

    assert asyncio.run(main()) == [500, 200]


def test_an_address_in_use_is_named_with_the_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(
            OSError, match=f"^cannot listen on {address}: address in use; choose another --listen$"
        ):
            asyncio.run(serve(address, echo))


@pytest.mark.parametrize("address", ["8081", ":8081", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:65536"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="expected HOST:PORT"):
        asyncio.run(serve(address, echo))


def test_a_place_without_an_address_cannot_serve() -> None:
    with pytest.raises(ValueError, match="no address to listen on"):
        asyncio.run(HttpNetwork({}).serve(echo))


# The rest


def test_a_cancelled_server_frees_its_address() -> None:
    async def main() -> None:
        async with node(echo) as (_, address):
            pass
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*address.split(":"))

    asyncio.run(main())


def test_the_monotonic_clock_never_goes_back() -> None:
    clock = RealClock()
    times = [clock.monotonic_ns() for _ in range(100)]
    assert times == sorted(times)


def test_aiohttp_is_not_loaded_before_it_is_needed() -> None:
    code = "import sys, dsm_jepsen.env.real; sys.exit('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
