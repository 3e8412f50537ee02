"""What a run leaves behind when it is killed outright, and how the next run removes it.

Every run has a folder ``TMP/dsm-jepsen-UID/PID-BIRTH-N``. Its name tells the harness' process, so that
whoever finds it knows whether that run still lives; it holds the stores' data, and a list of the processes
that the run started. A process is known by its number and the moment of its birth, never by its name: a
number that was given to somebody else in the meantime is left alone. A run's network namespaces bear the
folder's name.

Limits: between starting a child and noting it there is a moment in which a killed harness leaves a child that
nobody knows of; and containers that share a folder for temporary files, but not their process numbers, would
take each other's runs for dead: give each a ``TMPDIR`` of its own.
"""

import logging
import os
import re
import shutil
import signal
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from dsm_jepsen.cluster._base import ClusterError
from dsm_jepsen.cluster.local import namespaces
from dsm_jepsen.cluster.local.processes import birth
from dsm_jepsen.cluster.local.rootless import user
from dsm_jepsen.env import RefusedError

_LIST = "processes"
_NAME = re.compile(r"(\d+)-([0-9a-f]{8}\.\d+)-\w+")
_LINE = re.compile(r"(\d+) ([0-9a-f]{8}\.\d+)")
_CLUSTERS_MAX = 1000
_END_TIMEOUT_S = 5.0

_log = logging.getLogger(__name__)


class RunFolder:
    """A run's folder, made at once: its processes' list, and ``data`` for the stores. Its name is ``run``."""

    def __init__(self) -> None:
        born = birth(os.getpid())
        base = _base()
        for number in range(_CLUSTERS_MAX):
            self._folder = base / f"{os.getpid()}-{born}-{number}"
            with suppress(FileExistsError):
                self._folder.mkdir(mode=0o700)
                break
        else:
            raise RefusedError(
                f"this process has {_CLUSTERS_MAX} clusters already, each with a folder in {base}: stop some"
            )
        self.run = self._folder.name
        self.data = self._folder / "data"
        self.data.mkdir()

    def note(self, pid: int) -> None:
        """Remember a process that was started."""
        with (self._folder / _LIST).open("a", encoding="ascii") as file:
            file.write(f"{pid} {birth(pid)}\n")

    def remove(self) -> None:
        """Remove the folder with all its data; its processes must have ended."""
        shutil.rmtree(self._folder, ignore_errors=True)
        if self._folder.exists():
            _log.warning("the run's data could not be removed wholly: %s", self._folder)


def clean_leftovers(log: Callable[[str], None]) -> list[str]:
    """Remove what runs left whose harness is gone: processes, data, networks; runs that live are left alone.

    Args:
        log: takes a line for each run that was cleaned up.

    Returns:
        The same lines.
    """
    lines = []
    folders = {folder.name: folder for folder in _base().iterdir()}
    networks = namespaces.runs()
    for run in sorted(folders.keys() | networks):
        name = _NAME.fullmatch(run)
        if name is None or birth(int(name[1])) == name[2]:
            continue
        done = [_clean(folders[run])] if run in folders else []
        if run in networks:
            done.append(_clean_networks(run))
        line = f"the run of process {name[1]} was killed: {', '.join(done)}"
        log(line)
        lines.append(line)
    return lines


def _clean(folder: Path) -> str:
    left = [(pid, born) for pid, born in _listed(folder) if birth(pid) == born]
    for pid, _ in left:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
    deadline = time.monotonic() + _END_TIMEOUT_S
    while any(birth(pid) == born for pid, born in left):
        if time.monotonic() > deadline:
            return f"its processes do not end after SIGKILL, so {folder} is kept: {left}"
        time.sleep(0.01)
    shutil.rmtree(folder, ignore_errors=True)
    ended = " ".join(str(pid) for pid, _ in left) or "none"
    return f"ended its processes ({ended}), removed {folder}"


def _clean_networks(run: str) -> str:
    try:
        namespaces.remove(run, kill=True)
    except ClusterError as error:
        return f"its network namespaces are kept, since {error}"
    return "removed its network namespaces"


def _listed(folder: Path) -> Iterator[tuple[int, str]]:
    with suppress(FileNotFoundError):
        for line in (folder / _LIST).read_text(encoding="ascii", errors="replace").splitlines():
            if match := _LINE.fullmatch(line):
                yield int(match[1]), match[2]


def _base() -> Path:
    """The folder of all runs of this user, made if need be; nobody else may write there.

    A user who is root of a namespace has the same as outside, so that each can clean up after the other.
    """
    base = Path(tempfile.gettempdir()) / f"dsm-jepsen-{user()}"
    with suppress(FileExistsError):
        base.mkdir(mode=0o700)
    found = base.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise RefusedError(
            f"{base} must be a folder of yours that nobody else can enter (mode 0700): "
            "remove it, or set TMPDIR"
        )
    return base
