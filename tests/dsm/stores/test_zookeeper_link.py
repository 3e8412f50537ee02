"""A connection to ZooKeeper knows what it never sent."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

pytest.importorskip("kazoo")

from kazoo.exceptions import WriterNotClosedException

from dsm_jepsen.dsm.stores.zookeeper_link import Link
from dsm_jepsen.env import DefiniteError, IndefiniteError, OutcomeError


def never(_: Any) -> Any:
    """A request that must not be sent."""
    pytest.fail("sent")


async def in_ms(milliseconds: int) -> float:
    return asyncio.get_running_loop().time() + milliseconds / 1000


async def linked(
    port: int, story: Callable[[Link], Awaitable[None]], *, log: Callable[[str], None] = pytest.fail
) -> None:
    link = Link("127.0.0.1", port, ttl_s=1, log=log)
    try:
        await story(link)
    finally:
        await link.close()


def kind_of(call: Callable[[Link], Awaitable[Any]], port: int, error: type[OutcomeError]) -> str:
    """What a call to this port ends with."""
    kinds: list[str] = []

    async def story(link: Link) -> None:
        with pytest.raises(error) as caught:
            await call(link)
        kinds.append(caught.value.kind)

    asyncio.run(linked(port, story))
    return kinds[0]


@pytest.fixture
def dead_port() -> int:
    """A port where nobody listens."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        return int(holder.getsockname()[1])


@pytest.fixture
def silent_port() -> Any:
    """A port where connections are taken and nothing is ever said, as of a frozen server."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield int(holder.getsockname()[1])


def test_a_refused_connection_is_certain(dead_port: int) -> None:
    async def write(link: Link) -> None:
        await link.write(never, until_s=await in_ms(5000))

    assert kind_of(write, dead_port, DefiniteError) == "connection-refused"


def test_what_could_not_be_handed_over_in_time_was_certainly_not_sent(silent_port: int) -> None:
    async def write(link: Link) -> None:
        await link.write(never, until_s=await in_ms(200))

    assert kind_of(write, silent_port, DefiniteError) == "not-connected"


def test_a_request_whose_time_has_passed_is_not_sent(silent_port: int) -> None:
    async def read(link: Link) -> None:
        await link.read(never, until_s=await in_ms(0))

    assert kind_of(read, silent_port, DefiniteError) == "too-late"


def test_whether_a_session_began_is_unknown_until_the_server_says_so(silent_port: int) -> None:
    async def connect(link: Link) -> None:
        await link.connect(until_s=await in_ms(200))

    assert kind_of(connect, silent_port, IndefiniteError) == "timeout"


def test_a_closed_link_sends_nothing_and_leaves_no_threads(silent_port: int) -> None:
    threads = threading.active_count()

    async def story(link: Link) -> None:
        waiting = asyncio.create_task(link.write(never, until_s=await in_ms(5000)))
        await asyncio.sleep(0.1)
        await link.close()
        with pytest.raises(DefiniteError, match="connection-closed"):
            await waiting
        with pytest.raises(DefiniteError, match="connection-closed"):
            await link.read(never, until_s=await in_ms(5000))

    asyncio.run(linked(silent_port, story))
    assert threading.active_count() == threads


def test_a_connection_that_does_not_end_in_time_is_cut_off_and_ends(silent_port: int) -> None:
    threads = threading.active_count()
    log: list[str] = []

    async def story(link: Link) -> None:
        client: Any = link._client

        def stop_late() -> None:
            # Like kazoo's, whose thread is told to stop, but takes its time.
            client._stopped.set()
            raise WriterNotClosedException("still open")

        with pytest.raises(IndefiniteError):
            await link.connect(until_s=await in_ms(100))
        client.stop = stop_late
        assert not await link.end_session(timeout_s=5)
        await asyncio.sleep(0)  # for the log, which comes from a thread
        assert client._connection._write_sock is None

    asyncio.run(linked(silent_port, story, log=log.append))
    assert log == [f"connection to 127.0.0.1:{silent_port}: still open"]
    assert threading.active_count() == threads
