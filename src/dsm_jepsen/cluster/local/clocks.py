"""The wall clocks of a local cluster's processes: a library that shifts them, and a file for each process.

The library is compiled and tried once in a process, and written anew into each run's folder, so that nothing
stays behind.
"""

import functools
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from dsm_jepsen.cluster.local.lan import Place
from dsm_jepsen.cluster.skew import COMPILE, LINK, SOURCE, UNSKEWED, environment
from dsm_jepsen.env import RefusedError, Role

_TIMEOUT_S = 60
_TRY_S = 1_000_000_000
"""A shift by some 31 years: nobody takes it for a slow machine."""


class Clocks:
    """The files that skew the clocks of one run's processes.

    Args:
        immune: why the store's members cannot be skewed; ``None``: they can.
    """

    def __init__(self, immune: str | None) -> None:
        self._immune = immune
        self._files: dict[Place, Path] = {}

    @functools.cached_property
    def because(self) -> str | None:
        """Why no clock can be skewed here; ``None`` if clocks can: it was tried."""
        try:
            library()
        except (RefusedError, OSError) as error:
            return str(error)
        return None

    def place(self, place: Place, folder: Path) -> Mapping[str, str]:
        """Give a process its file in a folder; returns what its environment needs for it."""
        if self.because is not None or (place[1] is Role.STORE and self._immune is not None):
            return {}
        made = folder / "skew.so"
        if not made.exists():
            made.write_bytes(library())
        file = self._files[place] = folder / f"clock-{place[0]}-{place[1]}"
        file.write_bytes(UNSKEWED)
        return environment(str(made), str(file))

    def clear(self) -> None:
        """Forget the files, which are removed with their folder."""
        self._files.clear()

    def skew(self, place: Place, offset_ms: int) -> None:
        """Shift a process' clock, and count anew.

        Raises:
            RefusedError: it cannot be shifted, or there is no such process.
        """
        if place not in self._files:
            node, role = place
            why = self._immune if role is Role.STORE and self._immune else self.because
            raise RefusedError(why or f"the local cluster has no {role} process on {node!r}")
        _write(self._files[place], offset_ms * 1_000_000)

    def told(self, place: Place) -> int:
        """How many times a process was told a shifted time."""
        if place not in self._files:
            return 0
        _, told = struct.unpack("=qq", self._files[place].read_bytes())
        return int(told)


def _write(file: Path, offset_ns: int) -> None:
    with file.open("r+b", buffering=0) as mapped:  # never replaced: processes have it mapped
        mapped.write(struct.pack("=qq", offset_ns, 0))


@functools.cache
def library() -> bytes:
    """The compiled library, tried.

    Raises:
        RefusedError: there is no compiler, or it or the library does not work.
    """
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise RefusedError("clocks are skewed by a small library, and there is no C compiler: install gcc")
    with tempfile.TemporaryDirectory() as folder:
        made, file = Path(folder) / "skew.so", Path(folder) / "clock"
        said = _run([compiler, *COMPILE, str(made), str(SOURCE), *LINK])
        if said.returncode != 0:
            raise RefusedError(f"{compiler} cannot compile {SOURCE}: {' '.join(said.stderr.split())[:300]}")
        file.write_bytes(UNSKEWED)
        _write(file, _TRY_S * 1_000_000_000)
        ask = [sys.executable, "-S", "-c", "import time; print(time.time())"]
        said = _run(ask, environment(str(made), str(file)))
        if said.returncode != 0 or float(said.stdout) - time.time() < _TRY_S / 2:
            raise RefusedError(
                f"a preloaded library does not shift the clock of {sys.executable}: "
                f"it said {(said.stderr or said.stdout).strip()[-200:]!r}"
            )
        return made.read_bytes()


def built() -> bytes | None:
    """The compiled library, to be taken elsewhere; ``None`` if it cannot be made here."""
    try:
        return library()
    except (RefusedError, OSError):
        return None


def _run(argv: list[str], env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            argv,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
            env={**os.environ, **(env or {})},
        )
    except subprocess.TimeoutExpired as error:
        raise RefusedError(str(error)) from error
