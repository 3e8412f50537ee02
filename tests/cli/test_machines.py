"""Runs over SSH from the command line: what is said, with exit code 254, before anything starts."""

from pathlib import Path

import pytest

from dsm_jepsen.cli import run_command

pytest.importorskip("paramiko")

RUN = ["run", "stop-start", "--cluster", "ssh"]


@pytest.fixture
def hosts(tmp_path: Path) -> Path:
    """Five machines where nobody listens."""
    path = tmp_path / "hosts.txt"
    path.write_text("".join(f"127.0.0.{number}:1\n" for number in range(1, 6)))
    return path


def said(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert run_command(arguments) == 254
    return " ".join(capsys.readouterr().err.split())


def test_the_machines_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--cluster ssh needs --nodes-file" in said(RUN, capsys)


def test_machines_are_for_their_cluster(hosts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = said(["run", "stop-start", "--nodes-file", str(hosts)], capsys)
    assert "--nodes-file" in words
    assert "for --cluster ssh" in words


def test_there_must_be_such_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = said([*RUN, "--nodes-file", str(tmp_path / "none")], capsys)
    assert "none: No such file or directory; expected a line for each host" in words


def test_there_must_be_as_many_as_scenarios_need(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    three = tmp_path / "hosts.txt"
    three.write_text("10.0.0.1\n10.0.0.2\n10.0.0.3\n")
    assert "has 3 machines, and scenarios are made for 5" in said([*RUN, "--nodes-file", str(three)], capsys)


def test_machines_that_cannot_be_reached_are_told_of_at_once_and_no_folder_is_made(
    hosts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from dsm_jepsen.cluster.ssh import connection

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection, "_RETRY_S", 0.001)
        words = said([*RUN, "--nodes-file", str(hosts), "--out", str(tmp_path / "store")], capsys)
    assert "5 of 5 hosts cannot be used: n1: connecting to 127.0.0.1:1 failed: " in words
    assert "n5: connecting to 127.0.0.5:1 failed: 127.0.0.5:1 refuses connections" in words
    assert not (tmp_path / "store").exists()


def test_a_key_that_cannot_be_used_is_told_once(hosts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = said([*RUN, "--nodes-file", str(hosts), "--ssh-private-key", "/no/key"], capsys)
    assert words.count("the key /no/key (--ssh-private-key): No such file or directory") == 1
    assert "hosts cannot be used" not in words


def test_who_is_refused_hears_how_to_ask_the_doctor_about_these_machines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "hosts.txt"
    path.write_text("ssh admin@10.0.0.1\n")
    words = said([*RUN, "--nodes-file", str(path), "--username", "admin", "--insecure-host-keys"], capsys)
    assert f"{path}, line 1: 'admin@10.0.0.1' after the host; expected [user@]host[:port]" in words
    ask = f"`dsm-jepsen doctor --nodes-file {path} --username admin --insecure-host-keys`"
    assert f"{ask} shows what can run there" in words


def test_the_password_is_shown_nowhere() -> None:
    from dsm_jepsen.scenarios import Machines

    assert "hunter2" not in repr(Machines(nodes_file=Path("hosts.txt"), sudo_password="hunter2"))


def test_who_cleans_machines_must_name_them(capsys: pytest.CaptureFixture[str]) -> None:
    words = said(["clean", "--username", "admin"], capsys)
    assert "--username is for machines: name them by --nodes-file" in words
