"""Where the members of a local cluster have their data: folders, or small disks of their own on top of them.

A member's disk is an image beside its folder, which only the member sees. It takes the rights of root: a user
namespace has none over loop devices. Whether it works here is tried once in a process.
"""

import functools
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from dsm_jepsen.cluster import damage, disk
from dsm_jepsen.cluster.local.processes import Process
from dsm_jepsen.env import Damage, RefusedError

_TIMEOUT_S = 60
_DYING_S = 2
_PYTHON = (sys.executable, "-I", "-S")


class Disks:
    """The disks of one run's members.

    Args:
        own: whether members get a disk of their own, where that can be had.
    """

    def __init__(self, *, own: bool) -> None:
        self._own = own
        self._folders: dict[str, Path] = {}

    @functools.cached_property
    def because(self) -> str | None:
        """Why members have no disks of their own; ``None`` if they have: it was tried."""
        return why_no_disks() if self._own else "its members share this machine's disk"

    def place(self, node: str, folder: Path) -> Sequence[str]:
        """Give a member its folder; returns what goes before its arguments so that it has its disk there."""
        self._folders[node] = folder
        if self.because is None:
            folder.mkdir(mode=0o700, exist_ok=True)
        return self._enter(folder)

    def clear(self) -> None:
        """Forget the members, whose data are removed with the run's folder."""
        self._folders.clear()

    def settle(self, members: Mapping[str, Process]) -> None:
        """Sync what members wrote at their set-up, as the kernel has done for members that stand for a while.

        ZooKeeper does not sync its first snapshot, and never starts again without it: if the power fails in
        its first half minute it is lost. That is known, and would hide what else a power cut shows.
        """
        for node, member in members.items():
            if self.because is None:
                _run(node, ("sync", "-f", str(disk.seen(self._folders[node], member.pid))))

    def damage(self, node: str, how: Damage, member: Process) -> str:
        """Spoil the newest file of a dead member's log; returns what was done.

        Raises:
            RefusedError: the member runs, or has no log yet.
        """
        return self._of_dead(node, member, damage.__file__, how)

    def repair(self, node: str, member: Process) -> None:
        """Give a dead member the disk back that it had before ``damage``.

        Raises:
            RefusedError: the member runs, or was never damaged.
        """
        self._of_dead(node, member, damage.__file__, "repair")

    async def cut_power(self, node: str, member: Process) -> str:
        """Kill a member, and take from its disk what was not synced; returns what was done.

        Raises:
            RefusedError: it does not run, or has no disk of its own.
        """
        self._check(node)
        if member.pid is None:
            raise RefusedError(f"{node}'s store does not run: start it before its power is cut")
        try:
            with disk.without_power(disk.seen(self._folders[node], member.pid)):
                await member.kill()
        except disk.DiskError as error:
            raise RefusedError(f"{node}: {error}") from error
        return disk.CUT

    def fill(self, node: str, member: Process) -> int:
        """Leave no room on a member's disk; returns how many bytes are free.

        Raises:
            RefusedError: it has no disk of its own.
        """
        return self._resize(node, member, "fill")

    def free(self, node: str, member: Process) -> int:
        """Give the room back; returns how many bytes are free.

        Raises:
            RefusedError: it has no disk of its own.
        """
        return self._resize(node, member, "free")

    def _resize(self, node: str, member: Process, verb: str) -> int:
        self._check(node)
        folder = str(self._folders[node])
        if member.pid is not None:
            try:
                return int(_run(node, (*_PYTHON, disk.__file__, verb, folder, str(member.pid))))
            except RefusedError:
                # It may be dying, of a full disk perhaps: then its disk is gone a moment before it is.
                if not member.ends_within(_DYING_S):
                    raise
        return int(self._of_dead(node, member, disk.__file__, verb))

    def _of_dead(self, node: str, member: Process, program: str, verb: str) -> str:
        """Run a program that does something to a dead member's folder."""
        if member.running:
            raise RefusedError(f"{node}'s store runs: kill it before its disk is touched")
        folder = self._folders[node]
        return _run(node, (*self._enter(folder), *_PYTHON, program, verb, str(folder)))

    def _enter(self, folder: Path) -> Sequence[str]:
        image = folder.with_name(f"{folder.name}.disk")
        return () if self.because else (*_PYTHON, disk.__file__, "run", str(image), str(folder))

    def _check(self, node: str) -> None:
        if self.because:
            raise RefusedError(f"{node} has no disk of its own: {self.because}")


@functools.cache
def why_no_disks() -> str | None:
    """Why disks of members' own cannot be had here; ``None`` if they can: the power of one is cut."""
    program = (*_PYTHON, disk.__file__)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        image, folder = f"{temporary}/image", f"{temporary}/folder"
        Path(folder).mkdir()
        try:
            _run("a trial", (*program, "run", image, folder, *program, "cut", folder))
        except RefusedError as error:
            return f"a member can have no disk of its own here, for which it takes root: {error}"
    return None


def _run(who: str, argv: Sequence[str]) -> str:
    try:
        said = subprocess.run(argv, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RefusedError(f"{who}: {error}") from error
    if said.returncode != 0:
        raise RefusedError(f"{who}: {' '.join(said.stderr.split())[-500:]}")
    return said.stdout.strip()
