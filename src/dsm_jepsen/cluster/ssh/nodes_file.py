"""The file that lists the hosts of a cluster, a line for each.

A line is ``[user@]host[:port] [address=IPv4]``; what follows a ``#`` is a comment. The hosts become ``n1``,
``n2`` ... in their order. ``address`` tells where the other hosts find this one, if that is not where the
harness does.
"""

import ipaddress
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dsm_jepsen.env import RefusedError

_LINE = "[user@]host[:port] [address=IPv4], such as admin@10.0.0.11:22"
_HOST = re.compile(r"(?:(?P<user>[^@\s:]+)@)?(?P<host>[A-Za-z0-9][A-Za-z0-9._-]*)(?::(?P<port>\d{1,5}))?")
_FEWEST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A host as the file names it.

    Attributes:
        host: its name or IPv4 address, by which it is also known to the file of known host keys.
        port: where its sshd listens.
        user: who logs in; ``None``: whoever logs in everywhere.
        address: its IPv4 address as the other hosts see it; ``None``: the one that ``host`` has here.
    """

    host: str
    port: int = 22
    user: str | None = None
    address: str | None = None

    def __str__(self) -> str:
        """As in the file."""
        user = "" if self.user is None else f"{self.user}@"
        return f"{user}{self.host}:{self.port}"

    def resolve(self) -> str:
        """Its IPv4 address as seen from here.

        Raises:
            OSError: there is none.
        """
        found = socket.getaddrinfo(self.host, self.port, socket.AF_INET, socket.SOCK_STREAM)
        return str(found[0][4][0])


def read_nodes_file(path: Path) -> Mapping[str, Target]:
    """Read the hosts of a file, by the names that the cluster gives them.

    Raises:
        RefusedError: there is no such file, or it is malformed; the message names the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        because = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise RefusedError(f"nodes file {path}: {because}; expected a line for each host: {_LINE}") from None
    seen: dict[tuple[str, int], int] = {}
    targets = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            target = _parse(words)
        except ValueError as error:
            raise RefusedError(f"{path}, line {number}: {error}") from None
        place = (target.host, target.port)
        if place in seen:
            raise RefusedError(
                f"{path}, line {number}: {target.host}:{target.port} stands in line {seen[place]} already; "
                "expected a host of its own for each node"
            )
        seen[place] = number
        targets.append(target)
    if len(targets) < _FEWEST or len(targets) % 2 == 0:
        raise RefusedError(
            f"{path} has {len(targets)} hosts; expected an odd number from {_FEWEST} on, five as a rule: "
            "of an even number two halves could stop each other"
        )
    return {f"n{number}": target for number, target in enumerate(targets, start=1)}


def _parse(words: list[str]) -> Target:
    match = _HOST.fullmatch(words[0])
    if match is None:
        raise ValueError(f"{words[0]!r} is not a host; expected {_LINE}")
    port = int(match["port"] or 22)
    if not 0 < port < 65536:
        raise ValueError(f"port {port} of {match['host']}: expected 1 to 65535")
    address = None
    for word in words[1:]:
        key, _, value = word.partition("=")
        if key != "address" or address is not None:
            raise ValueError(f"{word!r} after the host; expected {_LINE}")
        try:
            address = str(ipaddress.IPv4Address(value))
        except ValueError:
            raise ValueError(f"address {value!r} is not an IPv4 address, such as 10.0.0.11") from None
    return Target(host=match["host"], port=port, user=match["user"], address=address)
