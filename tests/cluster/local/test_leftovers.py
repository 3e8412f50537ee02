"""What killed runs leave behind, and whom the cleaning must not touch."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dsm_jepsen.cluster.local import clean_leftovers
from dsm_jepsen.cluster.local.leftovers import RunFolder
from dsm_jepsen.cluster.local.processes import birth
from dsm_jepsen.cluster.local.rootless import user
from dsm_jepsen.env import RefusedError

HARNESS_GONE = "00000000.7"  # no process was born then: the boot is another


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process of somebody's, in a session of its own."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def base(temporary: Path) -> Path:
    folder = temporary / f"dsm-jepsen-{user()}"
    folder.mkdir(mode=0o700)
    return folder


def leave_behind(base: Path, *, harness: str, processes: str = "") -> Path:
    """The folder of a run whose harness was killed."""
    folder = base / f"{harness}-0"
    (folder / "data" / "n1").mkdir(parents=True)
    (folder / "processes").write_text(processes, encoding="ascii")
    return folder


def test_processes_and_data_of_a_run_whose_harness_is_gone_are_removed(
    base: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    folder = leave_behind(
        base, harness=f"{os.getpid()}-{HARNESS_GONE}", processes=f"{sleeper.pid} {birth(sleeper.pid)}\n"
    )
    lines: list[str] = []
    assert clean_leftovers(lines.append) == lines
    assert lines == [
        f"the run of process {os.getpid()} was killed: ended its processes ({sleeper.pid}), removed {folder}"
    ]
    assert sleeper.wait(timeout=10) == -9
    assert list(base.iterdir()) == []


def test_a_foreign_process_that_got_a_recycled_number_is_not_touched(
    base: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    boot = str(birth(sleeper.pid)).split(".")[0]
    processes = f"{sleeper.pid} {boot}.1\n{sleeper.pid} {HARNESS_GONE}\n"
    folder = leave_behind(base, harness=f"{os.getpid()}-{HARNESS_GONE}", processes=processes)
    clean_leftovers(lambda _: None)
    assert sleeper.poll() is None
    assert not folder.exists()


@pytest.mark.parametrize("processes", ["", "12", "12 \n", "one 8caed436.12\n", "\0\xff\n"])
def test_a_list_that_was_cut_short_is_no_hindrance(base: Path, processes: str) -> None:
    folder = leave_behind(base, harness=f"1-{HARNESS_GONE}")
    (folder / "processes").write_text(processes, encoding="utf-8")
    clean_leftovers(lambda _: None)
    assert not folder.exists()


def test_a_run_killed_before_it_started_anything_is_removed(base: Path) -> None:
    (base / f"1-{HARNESS_GONE}-0").mkdir()
    clean_leftovers(lambda _: None)
    assert list(base.iterdir()) == []


def test_runs_that_live_are_left_alone(sleeper: subprocess.Popen[bytes]) -> None:
    first, second = RunFolder(), RunFolder()
    first.note(sleeper.pid)
    assert clean_leftovers(pytest.fail) == []
    assert sleeper.poll() is None
    assert first.data.is_dir()
    assert second.data.is_dir()
    assert first.data != second.data


def test_files_that_are_no_runs_are_left_alone(base: Path) -> None:
    (base / "notes").mkdir()
    assert clean_leftovers(pytest.fail) == []
    assert (base / "notes").is_dir()


def test_nobody_else_can_enter_the_folder_of_runs(temporary: Path) -> None:
    RunFolder()
    assert (temporary / f"dsm-jepsen-{user()}").stat().st_mode & 0o777 == 0o700


def test_a_folder_of_runs_that_others_could_have_prepared_is_refused(base: Path) -> None:
    base.chmod(0o777)
    with pytest.raises(RefusedError, match="mode 0700"):
        clean_leftovers(pytest.fail)


def test_a_link_in_the_place_of_the_folder_of_runs_is_refused(temporary: Path, tmp_path: Path) -> None:
    (temporary / f"dsm-jepsen-{user()}").symlink_to(tmp_path)
    with pytest.raises(RefusedError, match="mode 0700"):
        RunFolder()
