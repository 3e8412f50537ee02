"""A folder for temporary files of each test's own, and a look at what runs."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, also for subprocesses: no test sees another's runs, or a user's."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


@pytest.fixture
def processes_left(tmp_path: Path) -> Callable[[], list[str]]:
    """Gives the command lines of all running processes that name a file of this test."""

    def look() -> list[str]:
        lines = []
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if str(tmp_path) in line:
                lines.append(line)
        return lines

    return look
