"""A program that holds sockets for a test, wherever it is started: does what it reads, a line of JSON each.

A line is a verb and its words; the answer is how the socket failed, or ``null``, and what came of it.
"""

import json
import socket
import sys

HELD: dict[str, socket.socket] = {}


def listen(name: str, address: str, port: int) -> None:
    HELD[name] = socket.create_server((address, port))


def dial(name: str, mine: str, address: str, port: int, within_s: float) -> None:
    HELD[name] = socket.create_connection((address, port), within_s, (mine, 0))
    HELD[name].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def accept(name: str) -> None:
    """Take the one who dialled, and listen no more."""
    with HELD[name] as server:
        HELD[name], _ = server.accept()


def send(name: str, text: str) -> None:
    HELD[name].sendall(text.encode())


def receive(name: str, count: int, within_s: float) -> str:
    HELD[name].settimeout(within_s)
    got = b""
    while len(got) < count and (more := HELD[name].recv(count - len(got))):
        got += more
    HELD[name].settimeout(None)
    return got.decode()


def close(*names: str) -> None:
    """Close these, or all."""
    for name in names or list(HELD):
        HELD.pop(name).close()


VERBS = {verb.__name__: verb for verb in (listen, dial, accept, send, receive, close)}

if __name__ == "__main__":
    for line in sys.stdin:
        verb, *words = json.loads(line)
        try:
            answer = [None, VERBS[verb](*words)]
        except OSError as error:
            answer = [type(error).__name__, str(error)]
        print(json.dumps(answer), flush=True)
