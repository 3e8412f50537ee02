"""Being root without being root: a user namespace of this process' own, for an ordinary user's local cluster.

Inside, the process is root over networks and mounts of its own, which nobody else sees and which vanish with
it; for all else it stays the user that it was: so do the files it writes. It keeps its process id, terminal
and signals. Kernels know this since long, but some distributions and most containers forbid it.

The process has no network then but the loopback and what it makes. It sees ``/run`` as it was, except for
``/run/netns``, which is empty and its own.
"""

import ctypes
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from dsm_jepsen.cluster.local.commands import run
from dsm_jepsen.cluster.local.namespaces import missing_tools
from dsm_jepsen.env import RefusedError

# Of <sched.h> and <sys/mount.h>; Python has them from 3.12 on, if at all.
_NEW_USER, _NEW_MOUNTS, _NEW_NET = 0x10000000, 0x00020000, 0x40000000
_BIND, _RECURSIVE, _PRIVATE = 0x1000, 0x4000, 0x40000

_SETTINGS = Path("/proc/sys")
_FORBIDDING = {
    "kernel/unprivileged_userns_clone": "0",
    "kernel/apparmor_restrict_unprivileged_userns": "1",
    "user/max_user_namespaces": "0",
}
"""Settings of the kernel with the value by which they forbid user namespaces."""

_RUN = Path("/run")
_OWN = "netns"
_ERROR_MAX = 4096


def enter_user_namespace() -> None:
    """Make this process root over networks and mounts of its own; does nothing if it is root already.

    Call it early: a process with more than one thread cannot.

    Raises:
        RefusedError: it cannot be done here; the message says why. Nothing has changed then.
    """
    if os.geteuid() == 0:
        return
    if because := why_no_user_namespace():
        raise RefusedError(because)
    _enter()


def why_no_user_namespace() -> str | None:
    """Why ``enter_user_namespace`` cannot be done; ``None`` if it can: a child process tries it."""
    if missing := missing_tools():
        return missing
    if (threads := _threads()) > 1:
        return f"this process has {threads} threads already, and only one with a single thread can enter it"
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        # Nothing of the parent's may run here: no handler of an exit, no test's clean-up.
        try:
            _enter()
        except BaseException as error:  # noqa: BLE001
            words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            os.write(writing, words.encode(errors="replace")[:_ERROR_MAX])
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode(errors="replace")
    os.waitpid(child, 0)
    if not said:
        return None
    # The kernel's word alone may mislead: where none are allowed it says that no space is left.
    forbids = ", ".join(_forbidding()) or "a container may forbid it, too"
    return f"this machine does not let an ordinary user make one: {said} ({forbids})"


def user() -> int:
    """Who this process is, or was before it became root of a namespace of its own: what tells users apart."""
    with suppress(FileNotFoundError):  # a kernel without user namespaces
        match Path("/proc/self/uid_map").read_text(encoding="ascii").split():
            case ["0", outside, "1"]:
                return int(outside)
    return os.getuid()


def _threads() -> int:
    return sum(1 for _ in Path("/proc/self/task").iterdir())


def _forbidding() -> Iterator[str]:
    for name, value in _FORBIDDING.items():
        with suppress(OSError):
            if (_SETTINGS / name).read_text(encoding="ascii").strip() == value:
                yield f"{name.replace('/', '.')} is {value}"


def _enter() -> None:
    """Enter new namespaces; an error in the middle leaves this process unfit for anything."""
    uid, gid = os.geteuid(), os.getegid()
    _call("unshare", _NEW_USER | _NEW_MOUNTS | _NEW_NET)
    for file, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        Path("/proc/self", file).write_text(text, encoding="ascii")
    _mount("none", "/", _RECURSIVE | _PRIVATE)
    _renew_run()
    run(("ip", "link", "set", "lo", "up"))


def _renew_run() -> None:
    """Put a folder that can be written to in the place of ``/run``, and into it what was there before."""
    before = os.open(_RUN, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _mount("tmpfs", str(_RUN), 0, kind=b"tmpfs")
        for name in os.listdir(before):  # noqa: PTH208 - a path would lead to the new one
            old, new = Path(f"/proc/self/fd/{before}/{name}"), _RUN / name
            # What has just gone, or lets nobody in, is not missed.
            with suppress(OSError):
                if old.is_symlink():
                    new.symlink_to(old.readlink())
                elif name != _OWN:
                    new.mkdir() if old.is_dir() else new.touch()
                    _mount(str(old), str(new), _BIND | _RECURSIVE)
    finally:
        os.close(before)


def _mount(source: str, target: str, flags: int, *, kind: bytes | None = None) -> None:
    _call("mount", os.fsencode(source), os.fsencode(target), kind, ctypes.c_ulong(flags), None)


def _call(name: str, *arguments: object) -> None:
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
