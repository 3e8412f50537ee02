"""One kazoo client, and so one ZooKeeper session on one member, driven from asyncio.

kazoo works with threads of its own; what they learn is handed over to the event loop. Two habits of kazoo
are kept in check. It queues requests while it is not connected and sends them whenever it is again, long
after their callers gave up: so a call is handed to it only while it is connected, and one that could not
even be handed over has certainly not been sent. (A call that was handed over, and timed out, may still be
carried out at any later moment: there is no way to take it back.) And a client whose session has ended
begins another one in silence: here, a link that is ``bound`` to its first session is cut off for good.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from typing import Any

from kazoo.client import KazooClient
from kazoo.exceptions import ConnectionClosedError, WriterNotClosedException
from kazoo.handlers.threading import SequentialThreadingHandler
from kazoo.protocol.states import EventType, KazooState
from kazoo.retry import KazooRetry

from dsm_jepsen.dsm.stores.zookeeper_errors import NO_NODE, outcome
from dsm_jepsen.env import DefiniteError, IndefiniteError

Send = Callable[[Any], Any]
"""Hands a request to the kazoo client it is given, and returns kazoo's promise of an answer."""

_RECONNECT_S = 0.05
_RECONNECT_MAX_S = 0.5
_CONNECT_TIMEOUT_S = 2.0
_SILENT = logging.getLogger(f"{__name__}.kazoo")
# What kazoo has to say reaches callers as outcomes.
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False
_SILENT.setLevel(logging.CRITICAL)


class _Handler(SequentialThreadingHandler):  # type: ignore[misc]  # kazoo has no types
    """kazoo's way to sockets and threads, with a look at what connects, and a hand to cut it off."""

    def __init__(self, tell: Callable[[], None]) -> None:
        super().__init__()
        self.refusals = 0
        self.negotiated_s = 0.0
        self._tell = tell
        self._socket: socket.socket | None = None
        self._cut = False

    def create_connection(self, *args: Any, **kwargs: Any) -> Any:
        """Connect, unless cut off."""
        if self._cut:
            raise ConnectionAbortedError("cut off")
        kwargs["timeout"] = min(kwargs.get("timeout") or _CONNECT_TIMEOUT_S, _CONNECT_TIMEOUT_S)
        try:
            self._socket = super().create_connection(*args, **kwargs)
        except ConnectionRefusedError:
            self.refusals += 1
            self._tell()
            raise
        if self._cut:
            self.cut_off()
        return self._socket

    def select(self, *args: Any, **kwargs: Any) -> Any:
        """Wait for sockets; kazoo waits to *write* for as long as the session's time-out that was granted."""
        if args[1] and args[3] is not None:
            # The least, since while it connects kazoo waits for as long as it is going to ask for.
            self.negotiated_s = min(args[3], self.negotiated_s or args[3])
        return super().select(*args, **kwargs)

    def cut_off(self) -> None:
        """Break the connection without a word, and connect no more."""
        self._cut = True
        if self._socket is not None:
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # it is closed, or was never connected


class Signal:
    """Something that kazoo's watches call from their thread, and a task waits for; used again and again."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._fired = asyncio.Event()
        self._broken = False

    def __call__(self, event: Any) -> None:
        """Take what a watch tells, in any thread."""
        _tell(self._loop, self._set, event.type == EventType.NONE)

    async def wait(self) -> None:
        """Wait until a watch has fired since the last time.

        Raises:
            IndefiniteError: the connection broke, and its watches with it.
        """
        await self._fired.wait()
        self._fired.clear()
        if self._broken:
            raise IndefiniteError("watch-broken", "the connection was lost")

    def _set(self, broken: bool) -> None:
        self._broken = self._broken or broken
        self._fired.set()


class Link:
    """A connection to one member; it connects with its first call, and again whenever it breaks.

    Args:
        host: the member's address.
        port: the member's port for clients.
        ttl_s: after how long without a word the member's ensemble drops the session.
        log: takes a line when something happens that no caller sees.
        lost: called in the event loop when the session has ended; such a link never connects again.
            ``None``: go on with a new session.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        ttl_s: float,
        log: Callable[[str], None],
        lost: Callable[[], None] | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._handler = _Handler(lambda: _tell(self._loop, self._news.set))
        self._where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._client: Any = KazooClient(
            hosts=self._where,
            timeout=ttl_s,
            handler=self._handler,
            connection_retry=KazooRetry(
                max_tries=-1, delay=_RECONNECT_S, max_delay=_RECONNECT_MAX_S, max_jitter=0.1
            ),
            logger=_SILENT,
        )
        self._client.add_listener(self._listen)
        self._log = log
        self._lost = lost
        self._session = 0
        self._started = False
        self._closed = False
        self._waiting: set[asyncio.Future[Any]] = set()

    @property
    def position(self) -> int:
        """The last position that the member told of."""
        return int(self._client.last_zxid)

    @property
    def session(self) -> int:
        """The number of the session that was last begun; known once a call was made, 0 before."""
        return self._session

    @property
    def negotiated_s(self) -> float:
        """The session's time-out that was granted, at most what was asked for; 0 before the first call."""
        return self._handler.negotiated_s

    async def connect(self, *, until_s: float) -> None:
        """Wait until connected.

        Raises:
            DefiniteError: the member refuses connections, or the link is closed.
            IndefiniteError: not connected when the loop's time is ``until_s``.
        """
        if not self._started and not self._closed:
            self._started = True
            self._client.start_async()
        refusals = self._handler.refusals
        try:
            async with asyncio.timeout_at(until_s):
                while not self._client.connected or self._closed:
                    if self._closed:
                        raise DefiniteError("connection-closed", "nothing was sent")
                    if self._handler.refusals > refusals:
                        # Definite: there is no connection that anything could have been sent on.
                        raise DefiniteError("connection-refused", "nothing was sent")
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise IndefiniteError("timeout", "not connected") from None

    async def write(self, send: Send, *, until_s: float) -> Any:
        """Send one request that may change something, once, and wait for its answer.

        Args:
            send: the request.
            until_s: the loop's time at which to give up.

        Raises:
            DefiniteError: it was not carried out: never sent, or refused.
            IndefiniteError: unknown, for ever.
        """
        (answer,) = await self._answers([send], until_s=until_s)
        if isinstance(answer, BaseException):
            raise outcome(answer, writes=True) from answer
        return answer

    async def read(self, *sends: Send, until_s: float) -> list[Any]:
        """Send requests that change nothing, one right after the other, to be answered in this order.

        Returns:
            The answers; ``None`` for a znode that is not there.

        Raises:
            DefiniteError: there was no answer, and will be none.
            IndefiniteError: there was none in time.
        """
        found: list[Any] = []
        for answer in await self._answers(sends, until_s=until_s):
            if not isinstance(answer, BaseException):
                found.append(answer)
                continue
            failure = outcome(answer, writes=False)
            if failure.kind != NO_NODE:
                raise failure from answer
            found.append(None)
        return found

    async def _answers(self, sends: Sequence[Send], *, until_s: float) -> list[Any]:
        """What became of requests: their answers, or what kazoo says of why there is none."""
        if self._loop.time() >= until_s:
            # Definite: a request that would be given up at once is not sent at all.
            raise DefiniteError("too-late", "nothing was sent")
        try:
            await self.connect(until_s=until_s)
        except IndefiniteError as error:
            # Definite: the requests were never handed to kazoo, so they are in no queue.
            raise DefiniteError("not-connected", "nothing was sent") from error
        futures = [self._send(send) for send in sends]
        try:
            async with asyncio.timeout_at(until_s):
                return await asyncio.gather(*futures, return_exceptions=True)
        except TimeoutError:
            raise IndefiniteError("timeout", "no answer") from None
        finally:
            self._waiting.difference_update(futures)

    def _send(self, send: Send) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = self._loop.create_future()
        self._waiting.add(future)
        send(self._client).rawlink(lambda done: _tell(self._loop, _settle, future, done))
        return future

    async def close(self) -> None:
        """Break the connection; the member drops its session when its time is up."""
        self._end()
        self._handler.cut_off()
        await self._stop()

    async def end_session(self, *, timeout_s: float) -> bool:
        """Have the member drop the session now, and close; false if that was not confirmed."""
        connected = bool(self._client.connected)
        self._end()
        stopping = asyncio.create_task(self._stop())
        try:
            _, late = await asyncio.wait({stopping}, timeout=timeout_s)
        finally:
            self._handler.cut_off()
        await stopping
        return connected and not late

    def _end(self) -> None:
        """Take no more calls, and give up those under way."""
        self._closed = True
        self._news.set()
        for future in self._waiting:
            if not future.done():
                future.set_exception(ConnectionClosedError("closed while it was under way"))

    async def _stop(self) -> None:
        if self._started:
            self._started = False
            await self._loop.run_in_executor(None, self._stop_threads)

    def _stop_threads(self) -> None:
        """End kazoo's threads, and free what they used once they have ended."""
        # kazoo gives its thread some seconds. One that needs longer is cut off, which ends its waiting. A
        # second ``stop`` would do nothing, so that part of it is done again which waits for the thread.
        for stop in (self._client.stop, self._client._safe_close):  # noqa: SLF001
            try:
                stop()
            except WriterNotClosedException as error:
                self._handler.cut_off()
                _tell(self._loop, self._log, f"connection to {self._where}: {error}")
            else:
                self._client.close()
                return

    def _listen(self, state: Any) -> None:
        """Hear of kazoo's changes of state, in its thread, before it does anything else."""
        if state == KazooState.CONNECTED:
            # Now, since kazoo does not tell it while the connection is down.
            self._session = int(self._client.client_id[0])
        if state == KazooState.LOST and self._lost is not None:
            self._handler.cut_off()
            _tell(self._loop, self._lost)
        _tell(self._loop, self._news.set)


def _settle(future: asyncio.Future[Any], done: Any) -> None:
    """Hand over what became of a request, unless nobody waits any more."""
    if future.done():
        return
    if done.exception is None:
        future.set_result(done.value)
    else:
        future.set_exception(done.exception)


def _tell(loop: asyncio.AbstractEventLoop, what: Callable[..., object], *arguments: Any) -> None:
    """Call something in the event loop, from any thread; once the loop has ended nobody wants to know."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(what, *arguments)
