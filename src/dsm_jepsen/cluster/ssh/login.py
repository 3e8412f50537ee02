"""How to get into hosts, and why one does not let us in, in words that say what to do."""

import socket
from dataclasses import dataclass, field
from pathlib import Path

import paramiko

from dsm_jepsen.cluster.ssh.nodes_file import Target
from dsm_jepsen.env import RefusedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """How to get into hosts.

    Attributes:
        user: where the nodes file names none; ``None``: the user who runs the harness.
        key: a private key's file; ``None``: what the agent or ``~/.ssh`` has.
        known_hosts: the file of known host keys; ``None``: do not check them.
        sudo_password: for users that are not root and whose ``sudo`` wants one.
    """

    user: str | None = None
    key: Path | None = None
    known_hosts: Path | None
    sudo_password: str | None = field(default=None, repr=False)


class UnknownHostKeyError(Exception):
    """A host's key is in no file of known keys; the message shows it."""


class UnusableKeyError(Exception):
    """A private key that cannot be used; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a connection could not be made, and whether a moment later it might."""

    words: str
    passing: bool = False


def load_key(path: Path) -> paramiko.PKey:
    """Load a private key.

    Raises:
        UnusableKeyError: there is none, or not one to use.
    """
    try:
        return paramiko.PKey.from_path(path)
    except OSError as error:
        raise UnusableKeyError(f"the key {path} (--ssh-private-key): {error.strerror}") from error
    except (TypeError, paramiko.PasswordRequiredException) as error:
        words = f"the key {path} has a passphrase: load it by ssh-add, and leave --ssh-private-key out"
        raise UnusableKeyError(words) from error
    except (ValueError, paramiko.SSHException, paramiko.pkey.UnknownKeyType) as error:
        raise UnusableKeyError(f"{path} (--ssh-private-key) is no private key: {error}") from error


def check_key(login: Login) -> None:
    """See that the key that was named can be used, once rather than for each host.

    Raises:
        RefusedError: it cannot.
    """
    try:
        if login.key is not None:
            load_key(login.key)
    except UnusableKeyError as error:
        raise RefusedError(str(error)) from error


def explain(error: BaseException, target: Target, login: Login) -> Explanation | None:
    """What to tell of a connection that could not be made; ``None``: nothing better than the error itself."""
    place = f"{target.host}:{target.port}"
    passing = False
    match error:
        case UnknownHostKeyError() | paramiko.BadHostKeyException():
            words = _host_key(error, target, login)
        case UnusableKeyError():
            words = str(error)
        case paramiko.AuthenticationException():
            key = f"the key {login.key}" if login.key else "a key of the agent or ~/.ssh"
            words = (
                f"{place} does not let {target.user or login.user or 'you'} in with {key} ({error}): put its "
                "public part into ~/.ssh/authorized_keys there, or name another by --username and "
                "--ssh-private-key"
            )
        case socket.gaierror():
            words = f"{target.host} has no IPv4 address here ({error.strerror})"
        case ConnectionRefusedError():
            words, passing = f"{place} refuses connections: is sshd running, and is the port right?", True
        case TimeoutError():
            words, passing = f"{place} does not answer: is the host up, and does a firewall let us in?", True
        case paramiko.SSHException() | EOFError() | OSError():
            words, passing = f"{place}: {error or type(error).__name__}", True
        case _:
            return None
    return Explanation(words=words, passing=passing)


def _host_key(error: Exception, target: Target, login: Login) -> str:
    known = target.host if target.port == 22 else f"[{target.host}]:{target.port}"
    trust = f"ssh-keyscan -p {target.port} {target.host} >> {login.known_hosts}"
    if isinstance(error, paramiko.BadHostKeyException):
        return (
            f"the host key of {known} is not the one in {login.known_hosts}: somebody is in between, or the "
            "host was installed anew. If you know it was: "
            f"ssh-keygen -f {login.known_hosts} -R '{known}' && {trust}"
        )
    return (
        f"the host key of {known} is not known ({error}). If it is that host's own (there, ssh-keygen -lf "
        f"/etc/ssh/ssh_host_ed25519_key.pub shows it): {trust}; or, for hosts that come and go, "
        "--insecure-host-keys"
    )
