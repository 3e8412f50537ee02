"""Logs that are spoiled in the middle of what was written, and folders that are given back."""

from pathlib import Path

import pytest

from dsm_jepsen.cluster.damage import REFUSED, damage, main, repair

ETCD, ZOOKEEPER = "member/wal", "version-2"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A member's, without a log."""
    made = tmp_path / "n1"
    for log in (ETCD, ZOOKEEPER):
        (made / log).mkdir(parents=True)
    (made / "myid").write_text("1\n")
    return made


def reserved(written: bytes) -> bytes:
    return written + bytes(1000)


@pytest.mark.parametrize(
    ("older", "newest"),
    [
        (f"{ETCD}/0000000000000001-00000000000000ff.wal", f"{ETCD}/0000000000000002-0000000000000100.wal"),
        (f"{ZOOKEEPER}/log.fffffffff", f"{ZOOKEEPER}/log.1000000001"),
    ],
)
def test_the_newest_file_of_a_log_is_spoiled_in_the_middle_of_what_was_written(
    older: str, newest: str, folder: Path
) -> None:
    (folder / older).write_bytes(reserved(b"old"))
    (folder / newest).write_bytes(reserved(b"abcdef"))
    assert damage(folder, "truncate") == f"cut {Path(newest).name} off after 3 of 6 bytes"
    assert (folder / newest).read_bytes() == b"abc"
    assert (folder / older).read_bytes() == reserved(b"old")
    repair(folder)
    assert damage(folder, "flip") == f"flipped byte 3 of 6 of {Path(newest).name}"
    assert (folder / newest).read_bytes() == reserved(b"abc\x9bef")


def test_a_file_that_is_reserved_only_is_passed_over(folder: Path) -> None:
    (folder / ZOOKEEPER / "log.1").write_bytes(reserved(b"abcd"))
    (folder / ZOOKEEPER / "log.2").write_bytes(reserved(b""))
    assert damage(folder, "truncate") == "cut log.1 off after 2 of 4 bytes"


def test_a_repair_gives_the_whole_folder_back_once(folder: Path) -> None:
    log = folder / ZOOKEEPER / "log.1"
    log.write_bytes(reserved(b"abcd"))
    damage(folder, "flip")
    (folder / "made since").touch()
    repair(folder)
    assert log.read_bytes() == reserved(b"abcd")
    assert sorted(file.name for file in folder.iterdir()) == ["member", "myid", "version-2"]
    with pytest.raises(LookupError, match="never damaged, or given back already"):
        repair(folder)


def test_an_old_copy_is_never_given_back_for_a_damage_that_could_not_be_done(folder: Path) -> None:
    log = folder / ZOOKEEPER / "log.1"
    log.write_bytes(b"abcd")
    damage(folder, "flip")
    log.unlink()
    with pytest.raises(LookupError, match="no log has been written"):
        damage(folder, "flip")
    with pytest.raises(LookupError, match="never damaged"):
        repair(folder)


def test_as_a_program_it_says_what_was_done_or_why_not(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main("flip", str(folder)) == REFUSED
    (folder / ZOOKEEPER / "log.1").write_bytes(b"abcd")
    assert main("flip", str(folder)) == 0
    assert main("repair", str(folder)) == 0
    said = capsys.readouterr()
    assert said.err == f"no log has been written in {folder} yet\n"
    assert said.out == "flipped byte 2 of 4 of log.1\nn1 is as it was\n"
