"""The folder of a run: ``store/<scenario>/<time>/`` with links to the latest, as in Jepsen."""

import contextlib
import os
from datetime import UTC, datetime
from pathlib import Path


def make_folder(out: Path, scenario: str, started_ns: int) -> Path:
    """Make the folder of a new run and point the ``latest`` links to it.

    Raises:
        OSError: it cannot be written.
    """
    seconds, rest = divmod(started_ns, 1_000_000_000)
    moment = datetime.fromtimestamp(seconds, UTC)
    name = f"{moment:%Y%m%dT%H%M%S}.{rest // 1_000_000:03d}Z"
    for attempt in range(1000):
        folder = out / scenario / (name if attempt == 0 else f"{name}-{attempt}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        _link(out / scenario / "latest", Path(folder.name))
        _link(out / "latest", Path(scenario, folder.name))
        return folder
    raise FileExistsError(f"{out / scenario / name} and a thousand like it exist already")


def _link(link: Path, target: Path) -> None:
    """Replace a link at once; where links are not allowed there is none."""
    fresh = link.with_name(f".{link.name}.{os.getpid()}")
    with contextlib.suppress(OSError):
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(target)
        fresh.replace(link)
