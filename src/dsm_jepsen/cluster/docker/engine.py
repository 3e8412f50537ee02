"""The Docker Engine: reached, or refused with what to do about it; and its failures in our words.

The library for it blocks: call it from a thread where others wait.
"""

import errno
import os
import re
import socket
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dsm_jepsen.cluster._base import ClusterError
from dsm_jepsen.env import RefusedError

if TYPE_CHECKING:
    import docker

_OLDEST = (1, 41)
"""The API of Docker Engine 20.10, the oldest that was tried."""
_TOO_OLD = "the Docker Engine is too old, 20.10 or newer is needed: upgrade it"
_TIMEOUT_S = 60
_NOBODY_THERE = {errno.ENOENT, errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ETIMEDOUT}
_CONNECTIONS_MAX = 48
_WRAPPINGS_MAX = 50


def connect() -> "docker.DockerClient":
    """Reach the engine that the command ``docker`` would: that of DOCKER_HOST, else of the current context.

    Returns:
        A client, to be closed.

    Raises:
        RefusedError: the client library or the engine is missing, forbidden, too old, or elsewhere.
    """
    try:
        import docker
        from docker.errors import DockerException, InvalidVersion
    except ImportError as error:
        raise RefusedError(
            f"Docker's client library is missing ({error}): pip install 'dsm-jepsen[docker]'"
        ) from error
    host = os.environ.get("DOCKER_HOST") or "the socket of this user's Docker context"
    _refuse_elsewhere(host)  # before it is waited for
    try:
        client = docker.from_env(version="auto", timeout=_TIMEOUT_S, max_pool_size=_CONNECTIONS_MAX)
    except InvalidVersion as error:
        raise RefusedError(f"{_TOO_OLD}: {error}") from error
    except (DockerException, OSError) as error:
        raise RefusedError(_why(error, host)) from error
    try:
        _refuse_elsewhere(client.api.base_url)  # a context may name one, too
    except RefusedError:
        client.close()
        raise
    spoken = client.api.api_version
    if tuple(int(part) for part in spoken.split(".")) < _OLDEST:
        client.close()
        raise RefusedError(f"{_TOO_OLD}: it speaks API {spoken}, not {_OLDEST[0]}.{_OLDEST[1]}")
    return client


@contextmanager
def speaking(doing: str) -> Iterator[None]:
    """Say in our words what the engine did not do, or that it is gone.

    Args:
        doing: what it is asked for, as ``make the containers``.

    Raises:
        ClusterError: the library raised.
    """
    from docker.errors import DockerException

    try:
        yield
    except (DockerException, OSError) as error:
        raise ClusterError(f"the Docker Engine could not {doing}: {words_of(error)}") from error


def words_of(error: Exception) -> str:
    """What the engine said, without the request."""
    if _errno(error) in _NOBODY_THERE:
        return "it does not answer any more; does `docker version` work?"
    return str(getattr(error, "explanation", None) or error)


def _refuse_elsewhere(url: str) -> None:
    if _is_elsewhere(url):
        raise RefusedError(
            f"the Docker Engine at {url} is on another machine, and the containers' ports are published "
            "on that one's loopback: run dsm-jepsen there, or use the engine of this machine "
            "(unset DOCKER_HOST; docker context use default)"
        )


def _is_elsewhere(url: str) -> bool:
    """Whether an engine's URL leads to another machine, as far as the URL tells."""
    if url.startswith("ssh://") or url == "http+docker://ssh":
        return True
    if not re.match(r"(tcp|https?)://", url):
        return False  # a socket or a pipe
    try:
        found = socket.getaddrinfo(urlsplit(url).hostname, 0, type=socket.SOCK_STREAM)
    except OSError:
        return False  # whoever connects is told better what is wrong
    return not any(_is_ours(family, address) for family, _, _, _, address in found)


def _is_ours(family: int, address: tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]) -> bool:
    """Whether an address is this machine's: nobody else's can be bound."""
    with socket.socket(family) as probe:
        try:
            probe.bind(address)
        except OSError:
            return False
    return True


def _why(error: Exception, host: str) -> str:
    """What to do, by the system's reason."""
    number = _errno(error)
    if number in {errno.EACCES, errno.EPERM}:
        return (
            f"Docker Engine at {host} may not be used by this user: add yourself to the group docker "
            "(sudo usermod -aG docker $USER, then log in anew), use rootless Docker, or run as root"
        )
    if number in _NOBODY_THERE:
        return (
            f"no Docker Engine answers at {host}: install it (Debian: docker.io) or start it "
            "(sudo systemctl start docker), or name another with DOCKER_HOST"
        )
    return f"Docker Engine at {host} cannot be used: {error}; does `docker version` work?"


def _errno(error: BaseException) -> int | None:
    """The first error number below: libraries wrap the system's errors, some as mere arguments."""
    pending: deque[object] = deque([error])
    for _ in range(_WRAPPINGS_MAX):
        if not pending:
            break
        seen = pending.popleft()
        if isinstance(seen, OSError) and isinstance(seen.errno, int):
            return seen.errno
        if isinstance(seen, BaseException):
            pending += [*seen.args, seen.__cause__, seen.__context__]
    return None
