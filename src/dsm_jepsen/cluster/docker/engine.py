"""The Docker Engine: reached, or refused with what to do about it.

The library for it blocks: call it from a thread where others wait.
"""

import errno
import os
from typing import TYPE_CHECKING

from dsm_jepsen.env import RefusedError

if TYPE_CHECKING:
    import docker

_OLDEST = (1, 41)
"""The API of Docker Engine 20.10, the oldest that was tried."""
_TIMEOUT_S = 60


def connect() -> "docker.DockerClient":
    """Reach the engine that the command ``docker`` would: that of DOCKER_HOST, else of the current context.

    Returns:
        A client, to be closed.

    Raises:
        RefusedError: the client library or the engine is missing, forbidden or too old.
    """
    try:
        import docker
        from docker.context import ContextAPI
        from docker.errors import DockerException
    except ImportError as error:
        raise RefusedError(
            f"Docker's client library is missing ({error}): pip install 'dsm-jepsen[docker]'"
        ) from error
    environment = dict(os.environ)
    try:
        if not environment.get("DOCKER_HOST") and (context := ContextAPI.get_current_context()):
            environment["DOCKER_HOST"] = context.Host
        client = docker.from_env(version="auto", timeout=_TIMEOUT_S, environment=environment)
    except (DockerException, OSError) as error:
        raise RefusedError(_why(error, environment.get("DOCKER_HOST", "its usual socket"))) from error
    api = client.api.api_version
    if tuple(int(part) for part in api.split(".")) < _OLDEST:
        client.close()
        oldest = ".".join(map(str, _OLDEST))
        raise RefusedError(
            f"the Docker Engine is too old: it speaks API {api}, {oldest} or newer is needed "
            "(Docker Engine 20.10): upgrade it"
        )
    return client


def _why(error: Exception, host: str) -> str:
    """What to do, by the reason at the bottom of a chain of exceptions."""
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


def _errno(error: BaseException | None) -> int | None:
    """The first error number in the chain: libraries wrap the system's errors, some as mere arguments."""
    pending = [error]
    for _ in range(20):
        if not pending:
            break
        seen = pending.pop(0)
        if isinstance(seen, OSError) and isinstance(seen.errno, int):
            return seen.errno
        if isinstance(seen, BaseException):
            pending += [argument for argument in seen.args if isinstance(argument, BaseException)]
            pending += [seen.__cause__, seen.__context__]
    return None
