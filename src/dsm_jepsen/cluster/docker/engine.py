"""The Docker Engine: reached, or refused with what to do about it.

The library for it blocks: call it from a thread where others wait.
"""

import errno
import os
from collections import deque
from typing import TYPE_CHECKING

from dsm_jepsen.env import RefusedError

if TYPE_CHECKING:
    import docker

_OLDEST = (1, 41)
"""The API of Docker Engine 20.10, the oldest that was tried."""
_TOO_OLD = "the Docker Engine is too old, 20.10 or newer is needed: upgrade it"
_TIMEOUT_S = 60
_CONNECTIONS_MAX = 48
_WRAPPINGS_MAX = 50


def connect() -> "docker.DockerClient":
    """Reach the engine that the command ``docker`` would: that of DOCKER_HOST, else of the current context.

    Returns:
        A client, to be closed.

    Raises:
        RefusedError: the client library or the engine is missing, forbidden or too old.
    """
    try:
        import docker
        from docker.errors import DockerException, InvalidVersion
    except ImportError as error:
        raise RefusedError(
            f"Docker's client library is missing ({error}): pip install 'dsm-jepsen[docker]'"
        ) from error
    host = os.environ.get("DOCKER_HOST", "the socket of this user's Docker context")
    try:
        client = docker.from_env(version="auto", timeout=_TIMEOUT_S, max_pool_size=_CONNECTIONS_MAX)
    except InvalidVersion as error:
        raise RefusedError(f"{_TOO_OLD}: {error}") from error
    except (DockerException, OSError) as error:
        raise RefusedError(_why(error, host)) from error
    spoken = client.api.api_version
    if tuple(int(part) for part in spoken.split(".")) < _OLDEST:
        client.close()
        raise RefusedError(f"{_TOO_OLD}: it speaks API {spoken}, not {_OLDEST[0]}.{_OLDEST[1]}")
    return client


def _why(error: Exception, host: str) -> str:
    """What to do, by the system's reason."""
    number = _errno(error)
    if number in {errno.EACCES, errno.EPERM}:
        return (
            f"Docker Engine at {host} may not be used by this user: add yourself to the group docker "
            "(sudo usermod -aG docker $USER, then log in anew), use rootless Docker, or run as root"
        )
    if number in {errno.ENOENT, errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ETIMEDOUT}:
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
