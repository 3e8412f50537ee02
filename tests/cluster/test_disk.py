"""Disks of programs' own: what a power cut takes and leaves, what a full one refuses, what stays behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dsm_jepsen.cluster import disk

pytestmark = pytest.mark.usefixtures("own_disks")

DISK = (sys.executable, "-I", "-S", disk.__file__)
LOG = """
import os, sys, time
folder = sys.argv[1]
for name in ("synced", "unsynced"):
    file = os.open(f"{folder}/{name}", os.O_CREAT | os.O_WRONLY)
    os.posix_fallocate(file, 0, 1 << 20)
    os.fsync(file)
    os.write(file, b"x" * 5000)
    if name == "synced":
        os.fsync(file)
print("written", flush=True)
time.sleep(1000)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    made.mkdir()
    return made


def image_of(folder: Path) -> Path:
    return folder.with_name("image")


def run(folder: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run a program that has the disk in the folder's place, to its end."""
    whole = [*DISK, "run", str(image_of(folder)), str(folder), *argv]
    return subprocess.run(whole, capture_output=True, text=True, check=False)


def written(folder: Path, name: str) -> int:
    """How many bytes of a file are no zeros."""
    count = "import sys; print(len(open(sys.argv[1], 'rb').read().strip(bytes(1))))"
    return int(run(folder, sys.executable, "-c", count, f"{folder}/{name}").stdout)


@pytest.fixture
def writer(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A program that has written to two files, one synced and one not, and goes on."""
    whole = [*DISK, "run", str(image_of(folder)), str(folder), sys.executable, "-c", LOG, str(folder)]
    with subprocess.Popen(whole, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        yield process
        process.kill()


def test_a_power_cut_kills_and_takes_what_was_not_synced_and_nothing_else(
    folder: Path, writer: subprocess.Popen[str]
) -> None:
    subprocess.run([*DISK, "cut", str(folder), str(writer.pid)], check=True)
    assert writer.wait() == -signal.SIGKILL
    assert (written(folder, "synced"), written(folder, "unsynced")) == (5000, 0)


def test_the_power_of_a_program_that_only_begins_is_cut_as_soon_as_it_has_its_disk(
    folder: Path,
) -> None:
    whole = [*DISK, "run", str(image_of(folder)), str(folder), "sleep", "1000"]
    with subprocess.Popen(whole) as beginning:
        subprocess.run([*DISK, "cut", str(folder), str(beginning.pid)], check=True)
        assert beginning.wait() == -signal.SIGKILL


def test_a_kill_takes_nothing(folder: Path, writer: subprocess.Popen[str]) -> None:
    writer.kill()
    writer.wait()
    assert (written(folder, "synced"), written(folder, "unsynced")) == (5000, 5000)


def test_nothing_stays_behind_when_everything_is_killed(folder: Path, writer: subprocess.Popen[str]) -> None:
    def devices() -> str:
        image = str(image_of(folder))
        return subprocess.run(["losetup", "-j", image], capture_output=True, text=True, check=True).stdout

    assert devices()
    assert str(folder) not in Path("/proc/mounts").read_text()
    os.killpg(writer.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while devices():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_first_run_brings_the_folders_content_and_rights_along(folder: Path) -> None:
    (folder / "myid").write_text("7\n")
    folder.chmod(0o700)
    assert run(folder, "cat", f"{folder}/myid").stdout == "7\n"
    assert run(folder, "stat", "-c", "%a", str(folder)).stdout == "700\n"
    run(folder, "rm", f"{folder}/myid")
    assert run(folder, "cat", f"{folder}/myid").returncode != 0
    assert (folder / "myid").read_text() == "7\n"


def test_a_full_disk_takes_not_one_block_and_everything_again_when_it_is_freed(folder: Path) -> None:
    write = ("dd", "if=/dev/zero", f"of={folder}/more", "bs=4096", "count=1")
    assert run(folder, *DISK, "fill", str(folder)).stdout == "0\n"
    refused = run(folder, *write)
    assert "No space left on device" in refused.stderr
    for _ in range(2):
        assert int(run(folder, *DISK, "free", str(folder)).stdout) > 200 << 20
    assert run(folder, *write).returncode == 0


@pytest.mark.parametrize("verb", ["cut", "fill", "free"])
def test_what_is_no_disk_of_its_own_is_left_alone(folder: Path, verb: str) -> None:
    said = subprocess.run([*DISK, verb, str(folder)], capture_output=True, text=True, check=False)
    assert said.returncode == disk.REFUSED
    assert said.stderr.startswith(f"in {folder} there is no disk of its own, of 256 MB at most")
    assert list(folder.iterdir()) == []
