"""The folder of a run: ``store/<scenario>/<time>/`` with links to the latest, as in Jepsen."""

import contextlib
import os
from datetime import UTC, datetime
from pathlib import Path


def plan_folder(out: Path, scenario: str, started_ns: int) -> Path:
    """Name the folder of a run that starts now; nothing is made yet, since the run may be refused."""
    seconds, rest = divmod(started_ns, 1_000_000_000)
    return out / scenario / f"{datetime.fromtimestamp(seconds, UTC):%Y%m%dT%H%M%S}.{rest // 1000:06d}Z"


def make_folder(folder: Path) -> None:
    """Make the folder of a run and point the ``latest`` links to it.

    Raises:
        OSError: it cannot be made.
    """
    folder.mkdir(parents=True)
    _link(folder.parent / "latest", Path(folder.name))
    _link(folder.parent.parent / "latest", Path(folder.parent.name, folder.name))


def _link(link: Path, target: Path) -> None:
    """Replace a link at once; where links are not allowed there is none."""
    fresh = link.with_name(f".{link.name}.{os.getpid()}")
    with contextlib.suppress(OSError):
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(target)
        fresh.replace(link)
