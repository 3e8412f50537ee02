"""One SSH connection: made when it is needed, and made anew when it was lost.

All of this blocks and is meant for threads. A command is sent once: if the connection turns out to be lost
before that, it is made anew; if it is lost afterwards nobody knows what the command did, and the caller is
told so.
"""

import logging
import os
import select
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import paramiko

from dsm_jepsen.cluster.ssh.login import Login, UnknownHostKeyError, explain, load_key
from dsm_jepsen.cluster.ssh.nodes_file import Target
from dsm_jepsen.env import Rng

_KNOWN_HOSTS_OF_ALL = Path("/etc/ssh/ssh_known_hosts")
_ATTEMPTS = 5
_RETRY_S = 0.25
_CONNECT_TIMEOUT_S = 10.0
_CHUNK = 32768
_OUTPUT_MAX = 256 * 2**20
_LAST_WORDS = 600
_POLL_S = 0.1
_SEND_POLL_S = 0.01
_KEEPALIVE_S = 5

# What goes wrong is told by exceptions; without this paramiko would print tracebacks to standard error.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


class SshError(Exception):
    """A command could not be carried out, or nobody knows; the message says what to do."""


class _PassingError(SshError):
    """A connection could not be made, and may be a moment later."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a command wrote, and its exit code; ``None`` if it has none, as after a signal."""

    code: int | None
    out: bytes
    err: bytes


class Connection:
    """A connection to one host; safe to use from several threads."""

    def __init__(self, target: Target, login: Login) -> None:
        self.address = ""
        self.closed = False
        self._target = target
        self._login = login
        self._lock = threading.Lock()
        self._client: paramiko.SSHClient | None = None
        self._rng = Rng(f"{os.getpid()}/{target}")

    def execute(self, command: str, *, stdin: bytes = b"", timeout_s: float) -> Output:
        """Run a command by the user's login shell.

        Raises:
            SshError: no connection, no answer in time, or too much output.
        """
        if self.closed:
            raise SshError("the connection was closed")
        deadline = time.monotonic() + timeout_s
        channel = self._channel(deadline)
        try:
            # There is no other way to limit how long this waits.
            watch = threading.Timer(max(0.0, deadline - time.monotonic()), channel.close)
            watch.start()
            try:
                channel.exec_command(command)
            finally:
                watch.cancel()
            return _talk(channel, stdin, deadline)
        except TimeoutError as error:
            raise SshError(f"no end within {timeout_s:g} s; it may still go on there{error}") from None
        except (paramiko.SSHException, EOFError, OSError) as error:
            if time.monotonic() >= deadline:
                raise SshError(f"no answer within {timeout_s:g} s; whether it began is unknown") from None
            raise SshError(f"the connection broke ({error}); what it did is unknown") from error
        finally:
            channel.close()

    def close(self) -> None:
        """End the connection, for good."""
        self.closed = True  # before the lock: who is trying to connect shall give up
        with self._lock:
            self._drop()

    def _channel(self, deadline: float) -> paramiko.Channel:
        """A new channel: by the connection there is, or else by a new one. Nothing was sent before."""
        with self._lock:
            client = self._client
        if client is not None:
            try:
                return self._open_channel(client, deadline, (deadline - time.monotonic()) / 2)
            except (paramiko.SSHException, EOFError, OSError):
                pass  # lost: once more with a new connection
        with self._lock:
            if self._client is client:  # else another thread was faster
                self._drop()
                self._client = self._connect(deadline)
            client = self._client
        assert client is not None
        try:
            return self._open_channel(client, deadline, deadline - time.monotonic())
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise SshError(f"connected, but no command can be given: {error}") from error

    def _open_channel(
        self, client: paramiko.SSHClient, deadline: float, timeout_s: float
    ) -> paramiko.Channel:
        timeout_s = max(0.1, timeout_s)
        while True:
            transport = client.get_transport()
            if transport is None:
                raise EOFError("the connection is closed")
            began = time.monotonic()
            try:
                return transport.open_session(timeout=timeout_s)
            except paramiko.SSHException as error:
                if not transport.is_active() or time.monotonic() >= began + timeout_s:
                    raise
                # Refused: sshd counts sessions that have just ended, too. The connection is fine and in use.
                # (Its class does not tell: paramiko may have given another thread the reason that was ours.)
                if not self._pause(_RETRY_S / 4, deadline):
                    raise SshError(f"the host takes no further command: {error}") from error

    def _pause(self, about_s: float, deadline: float) -> bool:
        """Wait before trying again, unless time is up."""
        # When many come at once some are turned away: they shall not come back together.
        pause_s = about_s * (0.5 + self._rng.uniform(purpose="ssh/retry"))
        if self.closed or time.monotonic() + pause_s >= deadline:
            return False
        time.sleep(pause_s)
        return True

    def _drop(self) -> None:
        if self._client is not None:
            with suppress(OSError, EOFError):
                self._client.close()
            self._client = None

    def _connect(self, deadline: float) -> paramiko.SSHClient:
        for attempt in range(_ATTEMPTS):
            if self.closed:
                raise SshError("the connection was closed")
            left = deadline - time.monotonic()
            try:
                return self._try_connect(max(0.1, min(left, _CONNECT_TIMEOUT_S)))
            except _PassingError:
                if attempt == _ATTEMPTS - 1 or not self._pause(_RETRY_S * 2**attempt, deadline):
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _try_connect(self, timeout_s: float) -> paramiko.SSHClient:
        target, login = self._target, self._login
        until = time.monotonic() + timeout_s
        client = paramiko.SSHClient()
        try:
            if login.known_hosts is None:
                client.set_missing_host_key_policy(_Accept())
            else:
                client.set_missing_host_key_policy(_Refuse())
                for file in filter(Path.exists, (_KNOWN_HOSTS_OF_ALL, login.known_hosts)):
                    client.load_system_host_keys(str(file))
            key = None if login.key is None else load_key(login.key)
            self.address = target.resolve()
            client.connect(
                target.host,
                target.port,
                target.user or login.user,
                sock=socket.create_connection((self.address, target.port), timeout=timeout_s),
                pkey=key,
                # A key that was named is the only one tried: sshd allows few attempts.
                allow_agent=key is None,
                look_for_keys=key is None,
                timeout=timeout_s,
                banner_timeout=timeout_s,
                auth_timeout=timeout_s,
            )
            transport = client.get_transport()
            assert transport is not None
            transport.set_keepalive(_KEEPALIVE_S)
        except BaseException as error:
            client.close()
            late = isinstance(error, paramiko.SSHException) and time.monotonic() >= until
            told = explain(TimeoutError() if late else error, target, login)
            if told is None:
                raise
            raise (_PassingError if told.passing else SshError)(told.words) from error
        return client


class _Refuse(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]
    def missing_host_key(self, _client: object, _hostname: str, key: paramiko.PKey) -> None:
        raise UnknownHostKeyError(f"{key.get_name()} {key.fingerprint}")


class _Accept(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]
    def missing_host_key(self, _client: object, _hostname: str, _key: paramiko.PKey) -> None:
        pass


def _talk(channel: paramiko.Channel, stdin: bytes, deadline: float) -> Output:
    """Feed a command and hear it out, both at once; raises ``TimeoutError``."""
    channel.setblocking(0)
    poll = select.poll()
    poll.register(channel.fileno(), select.POLLIN)
    rest = memoryview(stdin)
    out, err = bytearray(), bytearray()
    while True:
        rest = _feed(channel, rest)
        # Asked before the output is taken: afterwards nothing more can come.
        over = channel.closed or (channel.exit_status_ready() and channel.eof_received)
        while channel.recv_ready():
            out += channel.recv(_CHUNK)
        while channel.recv_stderr_ready():
            err += channel.recv_stderr(_CHUNK)
        if len(out) + len(err) > _OUTPUT_MAX:
            raise SshError(f"it wrote more than {_OUTPUT_MAX >> 20} MiB")
        if over:
            break
        left = deadline - time.monotonic()
        if left <= 0:
            said = (err or out).decode(errors="replace").strip()[-_LAST_WORDS:]
            raise TimeoutError(said and f"; its last words: {said}")
        if channel.eof_received:  # from then on the poll returns at once
            channel.status_event.wait(left)
        else:
            # At most so long: paramiko's pipe loses a wake-up when the end comes while output is taken.
            poll.poll(1000 * min(left, _SEND_POLL_S if rest else _POLL_S))
    if not channel.eof_received:
        raise EOFError("it ended before the command did")
    code = channel.recv_exit_status()
    return Output(None if code < 0 else code, bytes(out), bytes(err))


def _feed(channel: paramiko.Channel, rest: memoryview) -> memoryview:
    """Send what the command can take now, and tell it when that was all; gives what is left."""
    with suppress(OSError):  # it has ended without reading everything, which it may
        while rest and channel.send_ready():
            rest = rest[channel.send(rest[:_CHUNK]) :]
        if not rest and not channel.eof_sent:
            channel.shutdown_write()
    return rest
