"""Ports that are held for a whole run."""

import asyncio
import socket
from collections.abc import Iterator

import pytest

from dsm_jepsen.cluster.local.ports import Ports


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    """A held port."""
    ports = Ports("127.0.0.1")
    host, port = ports.reserve().split(":")
    yield host, int(port)
    ports.close()


def test_a_held_port_is_refused_to_others(address: tuple[str, int]) -> None:
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(address)


def test_a_held_port_that_nobody_serves_refuses_connections(address: tuple[str, int]) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)


def test_a_server_can_take_its_held_port_again_and_again(address: tuple[str, int]) -> None:
    async def serve_and_close() -> None:
        server = await asyncio.start_server(lambda _, writer: writer.close(), *address)
        reader, writer = await asyncio.open_connection(*address)
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()

    asyncio.run(serve_and_close())
    asyncio.run(serve_and_close())


def test_a_port_is_free_again_when_the_run_is_over() -> None:
    ports = Ports("127.0.0.1")
    host, port = ports.reserve().split(":")
    ports.close()
    with socket.socket() as other:
        other.bind((host, int(port)))
