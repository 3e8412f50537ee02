"""Ports that stay ours for a whole run, also while the process that uses them is dead.

A socket that is bound but never listens, with SO_REUSEADDR set, keeps its port from everybody on Linux,
except from servers that set SO_REUSEADDR too: etcd, Java and asyncio all do. So another run never draws the
port, no outgoing connection gets it as its own end (a client that dials a dead server's port can
otherwise connect to itself), and the server can take it again at any time.
"""

import socket


class Ports:
    """Ports of one address, held until ``close``."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._held: list[socket.socket] = []

    def reserve(self) -> str:
        """Take a free port and give its address, ``host:port``."""
        holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._held.append(holder)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind((self._host, 0))
        return f"{self._host}:{holder.getsockname()[1]}"

    def close(self) -> None:
        """Let go of all of them."""
        while self._held:
            self._held.pop().close()
