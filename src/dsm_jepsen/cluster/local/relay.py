"""Packets that arrive later: takes frames at the switch's ports, holds them, and lets the bridge go on.

The kernel's own means, netem, is missing from many kernels, and cannot tell sources apart by itself. Here the
bridge drops the frames of slow links, and this relay, which saw them come in, gives them to the bridge again
when their time has come. Cuts and losses then judge them as all others. Frames with different delays overtake
each other.

Limits: it runs on the harness' event loop, so delays are exact to a few milliseconds, and it is made for
thousands of packets a second, not for more.
"""

import asyncio
import ctypes
import functools
import os
import random
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

Pair = tuple[bytes, bytes]
"""A directed link: the hardware addresses of its source and its target."""

_CLONE_NEWNET = 0x40000000
# Of <linux/if_packet.h> and <linux/if_ether.h>; Python's socket module lacks these.
_SOL_PACKET, _PACKET_VNET_HDR, _PACKET_IGNORE_OUTGOING = 263, 15, 23
_ETH_P_ALL = 0x0003
_IPV4 = b"\x08\x00"
# What the sender's kernel left to do (checksums, cutting into segments) travels in a header before the frame.
_VNET_HEADER = 10
# Where a frame's target, its source and its kind stand, after that header.
_HEAD = tuple((_VNET_HEADER + start, _VNET_HEADER + end) for start, end in ((0, 6), (6, 12), (12, 14)))
_FRAME_MAX = 1 << 17
_FRAMES_AT_ONCE = 64
_UNDER_WAY_MAX = 20_000


class Relay:
    """Delays frames that pass a bridge.

    Args:
        namespace: the bridge's network namespace.
        bridge: the bridge's name.
        ports: the bridge's port by the hardware address behind it.

    Attributes:
        held: how many frames it has held so far, to give them to the bridge later.
    """

    def __init__(self, namespace: Path, bridge: str, ports: Mapping[bytes, str]) -> None:
        self.held = 0
        self._namespace = namespace
        self._ports = dict(ports)
        self._delays: Mapping[Pair, tuple[float, float]] = {}
        self._random = random.Random()
        self._under_way = 0
        self._readers: dict[bytes, tuple[socket.socket, asyncio.AbstractEventLoop]] = {}
        self._bridge: socket.socket | None = socket_in(
            namespace, functools.partial(_frames, bridge, protocol=0)
        )

    def set(self, delays: Mapping[Pair, tuple[float, float]]) -> None:
        """Delay these links' frames, in seconds from least to most, and no others'."""
        self._delays = dict(delays)
        sources = {source for source, _ in delays}
        for source in self._readers.keys() - sources:
            self._stop_reading(source)
        for source in sources - self._readers.keys():
            reader = socket_in(
                self._namespace, functools.partial(_frames, self._ports[source], protocol=_ETH_P_ALL)
            )
            loop = asyncio.get_running_loop()
            self._readers[source] = reader, loop
            loop.add_reader(reader, self._read, reader, loop)

    def close(self) -> None:
        """Let go of everything; what is under way is lost."""
        self._delays = {}
        for source in tuple(self._readers):
            self._stop_reading(source)
        if self._bridge is not None:
            self._bridge.close()
            self._bridge = None

    def _stop_reading(self, source: bytes) -> None:
        reader, loop = self._readers.pop(source)
        if not loop.is_closed():
            loop.remove_reader(reader)
        reader.close()

    def _read(self, reader: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        for _ in range(_FRAMES_AT_ONCE):
            try:
                frame = reader.recv(_FRAME_MAX)
            except OSError:  # nothing more to read, or the port is being removed
                return
            target, source, kind = (frame[start:end] for start, end in _HEAD)
            bounds = self._delays.get((source, target))
            if kind == _IPV4 and bounds is not None and self._under_way < _UNDER_WAY_MAX:
                self.held += 1
                self._under_way += 1
                loop.call_later(self._random.uniform(*bounds), self._send, frame)

    def _send(self, frame: bytes) -> None:
        self._under_way -= 1
        if self._bridge is not None:
            try:
                self._bridge.send(frame)
            except OSError:
                return  # lost, as on any link whose queue is full


def _frames(device: str, *, protocol: int) -> socket.socket:
    """A socket for whole frames of a device; with protocol 0 only to send."""
    frames = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
    frames.setsockopt(_SOL_PACKET, _PACKET_VNET_HDR, 1)
    frames.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
    frames.bind((device, protocol))
    return frames


def socket_in(namespace: Path, make: Callable[[], socket.socket]) -> socket.socket:
    """Make a socket in another network namespace, where it stays.

    Raises:
        OSError: the namespace cannot be entered, or the socket cannot be made.
    """
    made: list[socket.socket | OSError] = []

    def visit() -> None:
        # A namespace is a thread's: this one ends in there, and all others stay where they are.
        try:
            there = os.open(namespace, os.O_RDONLY)
            try:
                if ctypes.CDLL(None, use_errno=True).setns(there, _CLONE_NEWNET) != 0:
                    error = ctypes.get_errno()
                    raise OSError(error, f"cannot enter {namespace}: {os.strerror(error)}")
            finally:
                os.close(there)
            made.append(make())
        except OSError as error:
            made.append(error)

    visitor = threading.Thread(target=visit)
    visitor.start()
    visitor.join()
    (found,) = made
    if isinstance(found, OSError):
        raise found
    return found
