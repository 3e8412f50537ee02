"""A small disk of a store member's own, which can lose its power and be filled.

Needs root, Linux, Python, e2fsprogs and util-linux, and nothing else, since on a host it is run by itself:

    python3 disk.py run IMAGE FOLDER COMMAND...   becomes the command, with the disk in the folder's place
    python3 disk.py cut FOLDER [PID]              takes the power from the disk, and kills the process
    python3 disk.py fill FOLDER [PID]             leaves no room on it, and says how many bytes are free
    python3 disk.py free FOLDER [PID]             gives the room back, and says the same

The disk is a file system in the file IMAGE, made at the first ``run`` with what the folder holds then. It is
mounted for the command and its children alone: with the last of them, however it ends, the kernel takes the
mount and the loop device away. What they wrote is on the disk then, synced or not, unless the power was cut.

PID is a process that has the disk; without it the folder is the one that this program sees itself. So a disk
that nobody has, such as a dead member's, is reached by ``run IMAGE FOLDER python3 disk.py free FOLDER``, and
``run IMAGE FOLDER python3 disk.py cut FOLDER`` tries whether all of this works here. ``fill`` and ``free``
also do for a folder on which any other small file system is mounted.
"""

import ctypes
import fcntl
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

SIZE_MB = 256
"""Of an image; what is not written takes no room. etcd reserves 128 of them for its log."""

REFUSED = 3
"""The program's exit code when it cannot be done, with the reason; Python itself fails with 1."""

_BALLAST = "ballast"
_END_TIMEOUT_S = 10.0
_POLL_S = 0.005
_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
_NEW_MOUNTS = 0x00020000  # of <sched.h>; Python has it from 3.12 on
_SHUT_DOWN, _NO_LOG_FLUSH = 0x8004587D, 2  # FS_IOC_SHUTDOWN; EXT4_GOING_FLAGS_NOLOGFLUSH


class DiskError(Exception):
    """It cannot be done here, or not with this folder; the message says why."""


def run(image: Path, folder: Path, argv: Sequence[str]) -> None:
    """Become a program that has the disk in its folder's place; makes the image if there is none.

    Raises:
        DiskError: this machine does not let us mount it.
        OSError: there is no such program.
    """
    below = folder.stat()
    if not image.exists():
        # Whoever is killed meanwhile leaves no half of an image.
        new = image.with_name(f"{image.name}.new")
        new.unlink(missing_ok=True)
        options = ("-b", "4096", "-N", "4096", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard")
        _command("mkfs.ext4", "-q", "-F", "-m", "0", *options, "-d", str(folder), str(new), f"{SIZE_MB}M")
        new.rename(image)
    # The last one's mount goes some moments after its end. Two at once would spoil the image.
    _wait(lambda: not _command("losetup", "-j", str(image)), f"{image} is still in use")
    if ctypes.CDLL(None, use_errno=True).unshare(_NEW_MOUNTS) != 0:
        raise DiskError(f"no mount namespace can be made: {os.strerror(ctypes.get_errno())}")
    _command("mount", "--make-rprivate", "/")
    _command("mount", "-t", "ext4", "-o", "loop,noatime", str(image), str(folder))
    os.chown(folder, below.st_uid, below.st_gid)
    folder.chmod(below.st_mode & 0o7777)
    os.execvp(argv[0], list(argv))


def seen(folder: Path, pid: int | None) -> Path:
    """The folder as a process sees it, which may be about to mount its disk there.

    Raises:
        DiskError: it does not do so.
    """
    if pid is None:
        return folder
    place = Path(f"/proc/{pid}/root{folder.absolute()}")
    _wait(lambda: _device(place) != _device(folder), f"process {pid} has no disk of its own in {folder}")
    return place


@contextmanager
def without_power(folder: Path) -> Iterator[None]:
    """Take the power from the disk in a folder, once the body has killed all who have it.

    In this order nobody sees an error of the disk. What was neither synced nor written back by the kernel
    meanwhile is gone; that files were made or renamed, too.

    Raises:
        DiskError: no disk of this module is there, which is not tried on any other.
    """
    # It is open, so the end of the others does not unmount it, which would write everything back.
    disk = _open(folder)
    try:
        yield
        try:
            fcntl.ioctl(disk, _SHUT_DOWN, struct.pack("I", _NO_LOG_FLUSH))
        except OSError as error:
            raise DiskError(f"the power of {folder} cannot be cut: {error.strerror}") from error
    finally:
        os.close(disk)


def cut(folder: Path, pid: int | None) -> str:
    """Take the power from a disk, and kill the process that has it; returns what was done.

    Raises:
        DiskError: see ``without_power``; or the process did not end.
    """
    with without_power(seen(folder, pid)):
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            _wait(lambda: _ended(pid), f"process {pid} does not end")
    return CUT


CUT = "killed, and the disk shut down without writing back what was not synced"
"""What a cut of the power has done."""


def fill(folder: Path) -> int:
    """Leave no room on a disk; returns how many bytes are free.

    Raises:
        DiskError: no small disk is there.
    """
    os.close(_open(folder))
    ballast = os.open(folder / _BALLAST, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        # Who has the disk may give up or take room meanwhile, and the file needs some to be kept track of.
        part = os.fstatvfs(ballast).f_bfree * os.fstatvfs(ballast).f_frsize
        while part >= os.fstatvfs(ballast).f_frsize:
            try:
                os.posix_fallocate(ballast, os.fstat(ballast).st_size, part)
            except OSError:
                part //= 2
    finally:
        os.close(ballast)
    return _free_bytes(folder)


def free(folder: Path) -> int:
    """Give the room back; returns how many bytes are free. Harmless where the disk was not filled.

    Raises:
        DiskError: no small disk is there.
    """
    os.close(_open(folder))
    (folder / _BALLAST).unlink(missing_ok=True)
    return _free_bytes(folder)


def _open(folder: Path) -> int:
    """Open the root of a small file system: any other would be the machine's."""
    try:
        disk = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        found, above = os.fstatvfs(disk), (folder / "..").stat().st_dev
    except OSError as error:
        raise DiskError(f"{folder}: {error.strerror}") from error
    if os.fstat(disk).st_dev == above or found.f_blocks * found.f_frsize > SIZE_MB << 20:
        os.close(disk)
        raise DiskError(f"in {folder} there is no disk of its own, of {SIZE_MB} MB at most: it is left alone")
    return disk


def _device(folder: Path) -> int | None:
    try:
        return folder.stat().st_dev
    except OSError:
        return None


def _free_bytes(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def _ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def _wait(condition: Callable[[], bool], complaint: str) -> None:
    deadline = time.monotonic() + _END_TIMEOUT_S
    while not condition():
        if time.monotonic() > deadline:
            raise DiskError(f"{complaint} after {_END_TIMEOUT_S:g} s")
        time.sleep(_POLL_S)


def _command(*argv: str) -> str:
    try:
        said = subprocess.run(
            argv, capture_output=True, text=True, check=False, env={**os.environ, "PATH": _PATH}
        )
    except FileNotFoundError:
        package = "e2fsprogs" if argv[0].startswith("mkfs") else "mount and util-linux"
        raise DiskError(f"there is no {argv[0]} on the PATH: install Debian's {package}") from None
    if said.returncode != 0:
        raise DiskError(f"{' '.join(argv)} failed: {' '.join((said.stderr + said.stdout).split())[:300]}")
    return said.stdout


def main(verb: str, *words: str) -> int:
    """Do it as a program: say what was done, or with exit code ``REFUSED`` why not."""
    try:
        if verb == "run":
            image, folder, *argv = words
            run(Path(image), Path(folder), argv)
        folder, pid = words[0], int(words[1]) if words[1:] else None
        if verb == "cut":
            done: object = cut(Path(folder), pid)
        else:
            done = {"fill": fill, "free": free}[verb](seen(Path(folder), pid))
    except DiskError as error:
        sys.stderr.write(f"{error}\n")
        return REFUSED
    sys.stdout.write(f"{done}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
