"""Which etcd is used, and what its members say."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dsm_jepsen.cluster.local import LocalCluster
from dsm_jepsen.cluster.local.etcd import Binary, Etcd, find_etcd
from dsm_jepsen.cluster.members.etcd import EtcdMember
from dsm_jepsen.env import DefiniteError, IndefiniteError, RefusedError, Request, Response
from dsm_jepsen.env.real import HttpNetwork

Fake = Callable[..., Path]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Puts a script called etcd on the PATH, or beside this Python, which say nothing else."""
    on_path, beside = tmp_path / "bin", tmp_path / "venv"
    for folder in (on_path, beside):
        folder.mkdir()
    monkeypatch.setenv("PATH", str(on_path))
    monkeypatch.setattr(sys, "executable", str(beside / "python"))

    def put(script: str, *, on: str = "bin") -> Path:
        path = tmp_path / on / "etcd"
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)
        return path

    return put


def version(number: str) -> str:
    return f"echo 'etcd Version: {number}'; echo 'Git SHA: 0000'"


def test_the_etcd_on_the_path_comes_first(fake: Fake) -> None:
    fake(version("3.5.1"), on="venv")
    path = fake(version("3.4.23"))
    assert (find_etcd().path, find_etcd().version) == (str(path), "3.4.23")


def test_the_etcd_beside_python_is_used_if_the_path_has_none(fake: Fake) -> None:
    path = fake(version("3.6.0-rc.1"), on="venv")
    assert Etcd().versions() == {"etcd": "3.6.0-rc.1", "etcd-binary": str(path)}


@pytest.mark.parametrize(
    ("versions", "taken"),
    [
        (["3.5.1", "3.4.23"], 1),
        (["3.5.0", "3.5.2", "3.5.3"], 2),
        (["3.5.2", "3.3.1", "3.6.0"], 2),
        (["3.4.23", "3.5.16"], 0),
        (["3.5.10", "3.4.23"], 0),
        (["3.5.1", "3.5.2"], 0),
        (["3.5.1", "3.3.1"], 0),
        (["3.5.2"], 0),
    ],
)
def test_an_etcd_that_loses_writes_is_taken_only_if_there_is_no_other(
    fake: Fake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, versions: list[str], taken: int
) -> None:
    folders = ["bin", "second", "venv"][: len(versions)]
    (tmp_path / "second").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{tmp_path / 'second'}")
    paths = [fake(version(number), on=folder) for number, folder in zip(versions, folders, strict=True)]
    assert find_etcd() == Binary(str(paths[taken]), versions[taken])


@pytest.mark.parametrize(
    ("number", "sound"),
    [
        ("3.4.23", True),
        ("3.5.0-rc.1", False),
        ("3.5.0", False),
        ("3.5.1", False),
        ("3.5.2", False),
        ("3.5.3", True),
        ("3.5.10", True),
        ("3.5.21", True),
        ("3.6.0", True),
    ],
)
def test_a_run_is_warned_of_an_etcd_that_loses_writes(fake: Fake, number: str, sound: bool) -> None:
    fake(version(number))
    warning = Etcd().versions().get("etcd-warning", "")
    assert (warning == "") is sound
    assert sound or ("etcd-io/etcd#13766" in warning and "3.5.3 or newer, first on the PATH" in warning)


@pytest.mark.usefixtures("fake")
def test_a_machine_without_etcd_is_told_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"Debian's package etcd-server, or .* 'dsm-jepsen\[local\]'"):
        LocalCluster(run_folder=tmp_path, open_store=pytest.fail)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (version("3.3.25"), "is etcd 3.3.25: 3.4 or newer is needed"),
        (version("2.3.8"), "3.4 or newer is needed"),
        ("echo 'not found' >&2; exit 1", "said 'not found.*', not 'etcd Version: ...'"),
    ],
)
def test_an_etcd_that_cannot_be_used_is_refused(fake: Fake, script: str, words: str) -> None:
    fake(script)
    with pytest.raises(RefusedError, match=words):
        find_etcd()


def test_an_etcd_that_does_not_run_is_refused(fake: Fake) -> None:
    path = fake("")
    path.write_bytes(b"\x7fELF of another machine")
    with pytest.raises(RefusedError, match="does not run"):
        find_etcd()


def test_members_know_all_peers_and_share_nothing_else(fake: Fake, tmp_path: Path) -> None:
    fake(version("3.5.1"))
    addresses = iter(f"127.0.0.1:{port}" for port in range(1, 99))
    members = Etcd().members(["n1", "n2"], data=tmp_path / "run" / "data", reserve=lambda _: next(addresses))
    assert [member.url for member in members.values()] == ["etcd://127.0.0.1:3", "etcd://127.0.0.1:4"]
    options = dict(zip(members["n2"].argv[1::2], members["n2"].argv[2::2], strict=False))
    assert options["--initial-cluster"] == "n1=http://127.0.0.1:1,n2=http://127.0.0.1:2"
    assert options["--listen-peer-urls"] == options["--initial-advertise-peer-urls"] == "http://127.0.0.1:2"
    assert options["--listen-client-urls"] == options["--advertise-client-urls"] == "http://127.0.0.1:4"
    assert options["--data-dir"] == str(tmp_path / "run" / "data" / "n2")
    assert (options["--heartbeat-interval"], options["--election-timeout"]) == ("100", "1000")
    assert "--pre-vote=true" in members["n2"].argv


def test_a_member_does_not_see_settings_meant_for_another_etcd(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(version("3.5.1"))
    monkeypatch.setenv("ETCD_NAME", "mine")
    assert not [name for name in Etcd().environment() if name.startswith("ETCD_")]


@pytest.mark.parametrize(
    ("answer", "ready"),
    [
        (Response(status=200, body='{"health":"true","reason":""}'), True),
        (Response(status=200, body={"health": "true"}), True),
        (Response(status=503, body='{"health":"false","reason":"RAFT NO LEADER"}'), False),
        (IndefiniteError("timeout"), False),
        (DefiniteError("connection-refused"), False),
    ],
)
def test_a_member_is_ready_when_it_says_that_it_is_healthy(
    monkeypatch: pytest.MonkeyPatch, answer: Response | Exception, ready: bool
) -> None:
    assert asyncio.run(member_that_answers(monkeypatch, answer).ready()) is ready


@pytest.mark.parametrize(
    ("answer", "term"),
    [
        ({"header": {"member_id": "11"}, "leader": "11", "raftTerm": "7"}, 7),
        ({"header": {"member_id": "11"}, "leader": "12", "raftTerm": "7"}, None),
        ({"header": {"member_id": "11"}, "raftTerm": "7"}, None),
        (None, None),
    ],
)
def test_a_member_leads_if_it_names_itself(
    monkeypatch: pytest.MonkeyPatch, answer: object, term: int | None
) -> None:
    member = member_that_answers(monkeypatch, Response(status=200, body=answer))
    assert asyncio.run(member.term_led()) == term


def member_that_answers(monkeypatch: pytest.MonkeyPatch, answer: Response | Exception) -> EtcdMember:
    async def call(_self: HttpNetwork, _node: str, _request: Request, *, timeout_ms: int) -> Response:
        assert timeout_ms > 0
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(HttpNetwork, "call", call)
    return EtcdMember(argv=(), clients="127.0.0.1:1", peers="127.0.0.1:2")
