"""The connection to etcd by ``aetcd``, an asyncio library.

Its channel and its generated stubs are used as they are: its own calls have no deadline each, and
its watcher keeps what arrives in a queue without bound.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import aetcd
from aetcd import rpc as messages

from dsm_jepsen.dsm.stores.rpc import CHANNEL_OPTIONS, RpcFailure


async def connect(host: str, port: int) -> "AetcdRpc":
    """Make a connection; nothing is sent yet."""
    client = aetcd.Client(host=host, port=port, options=CHANNEL_OPTIONS)
    await client.connect()
    return AetcdRpc(client)


class AetcdRpc:
    """An ``Rpc`` over grpc.aio."""

    messages: Any = messages

    def __init__(self, client: Any) -> None:
        self._client = client
        kv, lease = client.kvstub, client.leasestub
        self._methods: Mapping[str, Any] = {
            "Range": kv.Range,
            "DeleteRange": kv.DeleteRange,
            "Txn": kv.Txn,
            "LeaseGrant": lease.LeaseGrant,
            "LeaseRevoke": lease.LeaseRevoke,
            "LeaseKeepAlive": lease.LeaseKeepAlive,
            "Watch": messages.WatchStub(client.channel).Watch,
        }

    async def unary(self, method: str, request: Any, *, timeout_s: float) -> Any:
        """Send one request and wait for its response."""
        try:
            return await self._methods[method](request, timeout=timeout_s)
        except messages.AioRpcError as error:
            raise RpcFailure(error.code().name, error.details() or "") from error
        except asyncio.CancelledError as error:
            if _cancelled_by_caller():
                raise
            # Closing a grpc.aio channel cancels whoever waits on it, as if the caller had done so.
            raise RpcFailure("CANCELLED", "the connection was closed") from error

    async def stream(
        self, method: str, request: Any, *, timeout_s: float | None
    ) -> AsyncGenerator[Any, None]:
        """Send one request and give the responses; the sending half stays open."""
        call = self._methods[method](timeout=timeout_s)
        try:
            await call.write(request)
            async for response in call:
                yield response
        except messages.AioRpcError as error:
            raise RpcFailure(error.code().name, error.details() or "") from error
        except asyncio.CancelledError as error:
            if _cancelled_by_caller():
                raise
            raise RpcFailure("CANCELLED", "the connection was closed") from error
        finally:
            call.cancel()

    async def close(self) -> None:
        """Close the channel."""
        await self._client.close()


def _cancelled_by_caller() -> bool:
    """Whether somebody cancelled the current task, rather than the library its call."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
