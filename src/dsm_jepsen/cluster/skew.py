"""Skewed clocks: a preloaded library that shifts what one process takes for the wall clock.

It works for whatever asks libc for the time, as Python and Java do. Go asks the kernel, so etcd cannot be
skewed. The clocks that only count are not shifted, nor are hosts' own clocks ever touched. The library
is compiled from ``skew.c`` where it is used; each process has a file with its offset and a counter, which
the library maps, so that the offset may change at any time.
"""

from collections.abc import Mapping
from pathlib import Path

SOURCE = Path(__file__).with_name("skew.c")

COMPILE = ("-shared", "-fPIC", "-O2", "-o")
"""A C compiler's arguments, before the library's path, the source's and ``LINK``."""

LINK = ("-ldl",)

IMMUNE = {"etcd": "etcd is written in Go, which asks the kernel for the time: its clock cannot be skewed"}
"""Stores whose members cannot be skewed, with the reason."""

UNSKEWED = bytes(16)
"""The file of a process whose clock is right."""


def environment(library: str, file: str) -> Mapping[str, str]:
    """What a process' environment needs so that its clock can be skewed.

    Args:
        library: the compiled library's path.
        file: the process' own file, of ``UNSKEWED`` or what replaced it.
    """
    return {"LD_PRELOAD": library, "DSM_JEPSEN_SKEW": file}
