"""The connection to etcd by ``etcd3``, a synchronous library, from an asyncio program.

A call with one response needs no thread: gRPC hands out a future and completes it from the
channel's own thread. A stream can only be read by waiting, so each has a daemon thread that reads
a response when one is asked for, and not before. Its channel and generated stubs are used as they
are: its calls hide the status of an error, its watcher tries again for ever, its lock is broken.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

import grpc

from dsm_jepsen.dsm.stores.etcd3_stubs import load_etcd3
from dsm_jepsen.dsm.stores.rpc import CHANNEL_OPTIONS, RpcFailure

_Reads = SimpleQueue["asyncio.Future[Any] | None"]


def connect(host: str, port: int) -> "Etcd3Rpc":
    """Make a connection; nothing is sent yet."""
    etcd3 = load_etcd3()
    return Etcd3Rpc(etcd3.client(host=host, port=port, grpc_options=list(CHANNEL_OPTIONS.items())))


class Etcd3Rpc:
    """An ``Rpc`` over synchronous gRPC."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.messages: Any = load_etcd3().etcdrpc
        kv, lease = client.kvstub, client.leasestub
        self._methods: Mapping[str, Any] = {
            "Range": kv.Range,
            "DeleteRange": kv.DeleteRange,
            "Txn": kv.Txn,
            "LeaseGrant": lease.LeaseGrant,
            "LeaseRevoke": lease.LeaseRevoke,
            "LeaseKeepAlive": lease.LeaseKeepAlive,
            "Watch": self.messages.WatchStub(client.channel).Watch,
        }

    async def unary(self, method: str, request: Any, *, timeout_s: float) -> Any:
        """Send one request and wait for its response."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        call = self._methods[method].future(request, timeout=timeout_s)
        call.add_done_callback(lambda _: _from_thread(loop, done, None))
        try:
            await done
        finally:
            call.cancel()
        if call.code() is not grpc.StatusCode.OK:
            raise _failure(call)
        return call.result()

    async def stream(
        self, method: str, request: Any, *, timeout_s: float | None
    ) -> AsyncGenerator[Any, None]:
        """Send one request and give the responses; the sending half stays open."""
        loop = asyncio.get_running_loop()
        closed = threading.Event()
        call = self._methods[method](_once(request, closed), timeout=timeout_s)
        reads: _Reads = SimpleQueue()
        threading.Thread(target=_read, args=(call, reads, loop), daemon=True).start()
        try:
            while True:
                wanted: asyncio.Future[Any] = loop.create_future()
                reads.put(wanted)
                response = await wanted
                if response is None:
                    return
                if isinstance(response, RpcFailure):
                    raise response
                yield response
        finally:
            reads.put(None)
            closed.set()
            call.cancel()

    async def close(self) -> None:
        """Close the channel."""
        self._client.close()


def _failure(call: Any) -> RpcFailure:
    """Take status and text out of a finished call."""
    return RpcFailure(call.code().name, call.details() or "")


def _once(request: Any, closed: threading.Event) -> Iterator[Any]:
    """Give one request, and no end of requests before the stream is closed."""
    yield request
    closed.wait()


def _read(call: Any, reads: _Reads, loop: asyncio.AbstractEventLoop) -> None:
    """Read one response for each future, in a thread of its own; ``None`` stands for the end."""
    while (wanted := reads.get()) is not None:
        try:
            response = next(call, None)
        except grpc.RpcError:
            response = _failure(call)
        _from_thread(loop, wanted, response)


def _from_thread(loop: asyncio.AbstractEventLoop, future: "asyncio.Future[Any]", result: Any) -> None:
    """Complete a future of the loop, unless it was given up; a loop that is closed waits for nothing."""

    def complete() -> None:
        if not future.done():
            future.set_result(result)

    with suppress(RuntimeError):
        loop.call_soon_threadsafe(complete)
