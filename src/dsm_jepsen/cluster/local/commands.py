"""Short commands of the system, such as ``ip`` and ``nft``: run, waited for, and their complaints told."""

import os
import shutil
import subprocess
from collections.abc import Sequence

from dsm_jepsen.cluster._base import ClusterError

_TIMEOUT_S = 30
_ROOTS = ("/usr/sbin", "/sbin")
"""Where root's commands are; an ordinary user's PATH may lack them."""


def find(command: str) -> str | None:
    """Where a command is, on the PATH or among root's; ``None`` if nowhere."""
    return shutil.which(command, path=_path())


def run(argv: Sequence[str], text: str = "") -> str:
    """Run a command to its end.

    Args:
        argv: the program and its arguments.
        text: what it reads from its standard input.

    Returns:
        What it wrote to its standard output.

    Raises:
        ClusterError: it cannot be run, took too long, or did not end with exit code 0.
    """
    try:
        # A process group of its own: Ctrl-C must not stop the commands that clean up.
        ended = subprocess.run(
            argv,
            input=text,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
            process_group=0,
            env={**os.environ, "PATH": _path()},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ClusterError(f"{' '.join(argv)} cannot be run: {error}") from error
    if ended.returncode != 0:
        said = " ".join((ended.stderr + ended.stdout).split())[:500]
        raise ClusterError(f"{' '.join(argv)} failed with exit code {ended.returncode}: {said}")
    return ended.stdout


def _path() -> str:
    return os.pathsep.join((os.environ.get("PATH", os.defpath), *_ROOTS))
