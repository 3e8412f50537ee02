"""Python's packages for hosts: fetched here, for their Python and machine, so they need no index.

This Python's pip does it with its settings, such as a proxy, an index or certificates. Blocks.
"""

import subprocess
import sys
from pathlib import Path

from dsm_jepsen.cluster._base import ClusterError
from dsm_jepsen.env import RefusedError

PINS = Path(__file__).parents[1] / "docker" / "image" / "tools" / "requirements.txt"
"""What the image of containers has, in exact versions, with all that it needs."""

_MANYLINUX = ("manylinux_2_28", "manylinux_2_17", "manylinux2014")
_TIMEOUT_S = 900


def fetch_wheels(target: Path, pins: Path, *, python: str, machine: str) -> None:
    """Unpack wheels as a host needs them, whatever Python and machine this is.

    Args:
        target: the folder that the host's Python shall find.
        pins: a file with a line ``NAME==VERSION`` for each package; what these need must be among them.
        python: the host's version, such as ``3.11``.
        machine: as ``uname -m`` says there, such as ``x86_64``.

    Raises:
        RefusedError: this Python has no pip.
        ClusterError: pip could not; the message ends with its last words.
    """
    argv = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"]
    argv += ["--disable-pip-version-check", "--only-binary=:all:", "--implementation", "cp"]
    argv += ["--python-version", python]
    argv += [word for name in _MANYLINUX for word in ("--platform", f"{name}_{machine}")]
    argv += ["--target", str(target), "--requirement", str(pins)]
    try:
        ended = subprocess.run(argv, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise ClusterError(f"pip fetched no packages for the hosts within {_TIMEOUT_S} s") from error
    if "No module named pip" in ended.stderr:
        raise RefusedError(
            f"{sys.executable} has no pip, which fetches the hosts' packages: {sys.executable} -m ensurepip"
        )
    if ended.returncode != 0:
        raise ClusterError(
            f"pip could not fetch the hosts' packages for Python {python} on {machine}:\n"
            f"{ended.stderr.strip()[-1000:]}"
        )
