"""What the etcd adapter needs of a client library: one request with one answer, and streams.

Two libraries provide it, ``aetcd`` and ``etcd3``; all that etcd means is in ``etcd.py``, once.
"""

from collections.abc import AsyncGenerator
from typing import Any, Protocol

KEEPALIVE_MS = 6000
"""Silence after which a connection is tested; etcd closes those that are tested every 5 s or oftener."""

KEEPALIVE_TIMEOUT_MS = 2000
"""How long the test may take before the connection counts as broken, and its watches with it."""

CHANNEL_OPTIONS: dict[str, int] = {
    # Without these a client needs seconds to notice that its member was started again.
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 500,
    # What this really bounds is one try to connect. Too short, and on a busy machine or a slow link the first
    # tries fail; too long, and one that began while packets were dropped is still waited for after that.
    "grpc.min_reconnect_backoff_ms": 1000,
    "grpc.keepalive_time_ms": KEEPALIVE_MS,
    "grpc.keepalive_timeout_ms": KEEPALIVE_TIMEOUT_MS,
    "grpc.http2.ping_timeout_ms": KEEPALIVE_TIMEOUT_MS,
    "grpc.http2.max_pings_without_data": 0,
    # A request that is sent again behind our back would be applied twice.
    "grpc.enable_retries": 0,
    # A response that is too large for the client comes after the write was done.
    "grpc.max_receive_message_length": -1,
    # Connections share nothing, so that one's back-off does not delay another's first try.
    "grpc.use_local_subchannel_pool": 1,
}


class RpcFailure(Exception):  # noqa: N818 - not an error of ours: the raw material of one
    """A call ended with a gRPC status other than OK.

    Attributes:
        code: the status' name, such as ``UNAVAILABLE``.
        details: the server's or the channel's text.
    """

    def __init__(self, code: str, details: str) -> None:
        super().__init__(f"{code}: {details}")
        self.code = code
        self.details = details


class Rpc(Protocol):
    """A connection to one member of etcd; it sends every request at most once."""

    @property
    def messages(self) -> Any:
        """The module with etcd's protobuf messages."""
        ...

    async def unary(self, method: str, request: Any, *, timeout_s: float) -> Any:
        """Send one request and wait for its response.

        Raises:
            RpcFailure: there was none.
        """
        ...

    def stream(self, method: str, request: Any, *, timeout_s: float | None) -> AsyncGenerator[Any, None]:
        """Send one request and give the responses as they are asked for; closing it cancels the call.

        Raises:
            RpcFailure: the stream broke, or took longer than ``timeout_s``.
        """
        ...

    async def close(self) -> None:
        """Close the connection; calls and streams under way fail."""
        ...
