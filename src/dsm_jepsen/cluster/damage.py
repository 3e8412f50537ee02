"""Spoil the log of a store's member that does not run, or give its folder back as it was before.

Knows etcd's write-ahead log and ZooKeeper's transaction log, whose files are reserved longer than they are
written: what counts is the part before the zeros at the end. Needs Python and ``cp`` and nothing else, since
on a host it is run by itself: ``python3 damage.py truncate|flip|repair FOLDER``.
"""

import shutil
import subprocess
import sys
from pathlib import Path

_LOGS = ("member/wal/*.wal", "version-2/log.*")
_CHUNK = 1 << 20
REFUSED = 3
"""The program's exit code when there is nothing to spoil or give back; Python itself fails with 1."""


def damage(folder: Path, how: str) -> str:
    """Spoil the newest file of the log in the middle of what was written; a copy of the folder is kept.

    Args:
        folder: the member's.
        how: ``truncate`` or ``flip``.

    Returns:
        What was done.

    Raises:
        LookupError: nothing was written to a log yet.
    """
    copy = _copy_of(folder)
    shutil.rmtree(copy, ignore_errors=True)
    files = sorted((file for log in _LOGS for file in folder.glob(log)), key=_number)
    written = {file: _written(file) for file in files}
    newest = next((file for file in reversed(files) if written[file]), None)
    if newest is None:
        raise LookupError(f"no log has been written in {folder} yet")
    _copy(folder, copy)
    middle = written[newest] // 2
    with newest.open("r+b") as file:
        if how == "truncate":
            file.truncate(middle)
            return f"cut {newest.name} off after {middle} of {written[newest]} bytes"
        file.seek(middle)
        (byte,) = file.read(1)
        file.seek(middle)
        file.write(bytes([byte ^ 0xFF]))
        return f"flipped byte {middle} of {written[newest]} of {newest.name}"


def repair(folder: Path) -> str:
    """Put the copy of before the last damage into the folder; returns what was done.

    Raises:
        LookupError: there is none.
    """
    copy = _copy_of(folder)
    if not copy.exists():
        raise LookupError(f"{folder} was never damaged, or given back already")
    # The folder stays: a disk may be mounted there.
    for child in folder.iterdir():
        shutil.rmtree(child) if child.is_dir() else child.unlink()
    _copy(copy, folder)
    shutil.rmtree(copy)
    return f"{folder.name} is as it was"


def _copy(source: Path, target: Path) -> None:
    # Sparse: what is reserved and not written takes no room. The owners stay.
    target.mkdir(exist_ok=True)
    argv = ["cp", "-a", "--sparse=always", f"{source}/.", str(target)]
    subprocess.run(argv, check=True)  # noqa: S603


def _copy_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.intact")


def _number(file: Path) -> int:
    """The number that a log's file begins with: etcd's 0000000000000001-...wal, ZooKeeper's log.100000001."""
    return int(file.name.removeprefix("log.").partition("-")[0].removesuffix(".wal"), 16)


def _written(file: Path) -> int:
    """How many bytes come before the zeros at the end."""
    end = at = 0
    with file.open("rb") as open_file:
        while chunk := open_file.read(_CHUNK):
            if stripped := chunk.rstrip(b"\0"):
                end = at + len(stripped)
            at += len(chunk)
    return end


def main(how: str, path: str) -> int:
    """Do it as a program: say what was done, or with exit code ``REFUSED`` why not."""
    folder = Path(path)
    try:
        done = repair(folder) if how == "repair" else damage(folder, how)
    except LookupError as error:
        sys.stderr.write(f"{error}\n")
        return REFUSED
    sys.stdout.write(f"{done}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
