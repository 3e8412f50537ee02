"""Holds packets back: reads a netfilter queue, and lets each packet go on when its time has come.

Uploaded to a host and run there by its python3, with nothing but the standard library. A packet's mark says
how long it waits: bits 16 to 30 the milliseconds, bits 0 to 15 by how many more or less. The packets
themselves stay in the kernel. Those that wait for different times overtake each other. If this ends, packets
pass at once.
"""

import heapq
import os
import random
import select
import socket
import struct
import sys
import time

_NETLINK_NETFILTER = 12
_SOL_NETLINK, _NO_ENOBUFS = 270, 5
# Of <linux/netfilter/nfnetlink_queue.h>.
_PACKET, _VERDICT, _CONFIG = 0x300, 0x301, 0x302
_ATTRIBUTE_HEADER, _ATTRIBUTE_VERDICT, _ATTRIBUTE_MARK = 1, 2, 3
_CONFIG_COMMAND, _CONFIG_COPY, _CONFIG_LENGTH, _CONFIG_MASK, _CONFIG_FLAGS = 1, 2, 3, 4, 5
_BIND, _COPY_NOTHING, _LEAVE_SEGMENTS, _ACCEPT = 1, 1, 4, 1
_ERROR = 2
_REQUEST, _ACKNOWLEDGE = 1, 4
_UNDER_WAY_MAX = 20_000
_BUFFER_BYTES = 1 << 20
_READS_AT_ONCE = 64


def attribute(kind: int, value: bytes) -> bytes:
    """A netlink attribute."""
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def message(kind: int, queue: int, body: bytes, *, flags: int = 0) -> bytes:
    """A netlink message about a queue."""
    head = struct.pack("=BB", socket.AF_UNSPEC, 0) + struct.pack("!H", queue)
    return struct.pack("=IHHII", 20 + len(body), kind, _REQUEST | flags, 0, 0) + head + body


def attributes(data: bytes) -> dict[int, bytes]:
    """The attributes of a message's body."""
    found = {}
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        if length < 4:
            break
        found[kind & 0x3FFF] = data[4:length]
        data = data[length + -length % 4 :]
    return found


def bind(queue: int) -> socket.socket:
    """Take a queue.

    Raises:
        OSError: the kernel has none, another process has it, or the right to it is missing.
    """
    link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 * _BUFFER_BYTES)
    link.setsockopt(_SOL_NETLINK, _NO_ENOBUFS, 1)
    link.bind((0, 0))
    flag = struct.pack("!I", _LEAVE_SEGMENTS)
    for body in (
        attribute(_CONFIG_COMMAND, struct.pack("!BBH", _BIND, 0, socket.AF_INET)),
        attribute(_CONFIG_COPY, struct.pack("!IB", 0, _COPY_NOTHING)),
        attribute(_CONFIG_LENGTH, struct.pack("!I", _UNDER_WAY_MAX)),
        attribute(_CONFIG_FLAGS, flag) + attribute(_CONFIG_MASK, flag),
    ):
        link.send(message(_CONFIG, queue, body, flags=_ACKNOWLEDGE))
        answer = link.recv(_BUFFER_BYTES)
        kind = struct.unpack_from("=H", answer, 4)[0]
        error = -struct.unpack_from("=i", answer, 16)[0] if kind == _ERROR else 0
        if error:
            raise OSError(error, f"netfilter queue {queue}: {os.strerror(error)}")
    link.setblocking(False)
    return link


def packets(link: socket.socket) -> list[tuple[int, int]]:
    """The number and the mark of each packet that has come."""
    came = []
    for _ in range(_READS_AT_ONCE):
        try:
            data = link.recv(_BUFFER_BYTES)
        except BlockingIOError:
            break
        while len(data) >= 20:
            length, kind = struct.unpack_from("=IH", data)
            if kind == _PACKET:
                found = attributes(data[20:length])
                mark = struct.unpack("!I", found.get(_ATTRIBUTE_MARK, bytes(4)))[0]
                came.append((struct.unpack_from("!I", found[_ATTRIBUTE_HEADER])[0], mark))
            data = data[length + -length % 4 :]
    return came


def delay_s(mark: int) -> float:
    """How long a packet of this mark waits: drawn for each."""
    middle, around = mark >> 16 & 0x7FFF, mark & 0xFFFF
    return random.uniform(max(0, middle - around), middle + around) / 1000


def main(queue: int) -> None:
    """Delay the packets of a queue, for ever."""
    link = bind(queue)
    waiting: list[tuple[float, int]] = []
    while True:
        timeout_s = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        select.select([link], [], [], timeout_s)
        for number, mark in packets(link):
            heapq.heappush(waiting, (time.monotonic() + delay_s(mark), number))
        while waiting and waiting[0][0] <= time.monotonic():
            verdict = struct.pack("!II", _ACCEPT, heapq.heappop(waiting)[1])
            link.send(message(_VERDICT, queue, attribute(_ATTRIBUTE_VERDICT, verdict)))


if __name__ == "__main__":
    main(int(sys.argv[1]))
