"""The doctor tells what can run here: no more than a run would do, and no less."""

import os
import pty
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsm_jepsen.cli import _doctor, run_command
from dsm_jepsen.cluster.docker.leftovers import OWNER
from dsm_jepsen.env import Capability, RefusedError
from dsm_jepsen.nemesis import describe
from dsm_jepsen.scenarios import Findings, Options, scenarios
from dsm_jepsen.scenarios._phases import refuse_impossible

Tried = Callable[[Mapping[str, Findings]], None]

LOOPBACK = {Capability.CUT: "its network is the loopback", Capability.SLOW: "its network is the loopback"}


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> Tried:
    """Give the doctor what its trials find out, by ``CLUSTER`` or ``CLUSTER/STORE``; others can do all."""

    def give(findings: Mapping[str, Findings]) -> None:
        def probe(options: Options) -> Findings:
            with_store = f"{options.cluster}/{options.store}"
            return findings.get(with_store) or findings.get(options.cluster) or Findings()

        monkeypatch.setattr(_doctor, "probe", probe)

    return give


def page(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str]]:
    code = run_command(["doctor", *arguments])
    return code, capsys.readouterr().out.splitlines()


def rows(lines: list[str], first: str) -> list[list[str]]:
    """The cells of the rows that begin so."""
    return [line.removeprefix(first).split() for line in lines if line.startswith(f"{first}  ")]


def test_each_no_has_a_number_and_each_number_a_reason(
    tried: Tried, capsys: pytest.CaptureFixture[str]
) -> None:
    tried({"docker": Findings(unusable="no engine: install docker.io"), "local": Findings(reasons=LOOPBACK)})
    code, lines = page(capsys)
    assert code == 0
    assert rows(lines, "store") == [["simulated", "local", "docker"]]
    assert rows(lines, "etcd") == [["yes", "yes", "no", "[1]"]]
    assert [row[:5] for row in rows(lines, "cut")] == [["yes", "no", "[2]", "no", "[1]"]] * 2
    assert [row[:4] for row in rows(lines, "kill")] == [["yes", "yes", "no", "[1]"]] * 2
    assert "[1] docker: no engine: install docker.io" in lines
    assert "[2] local: its network is the loopback" in lines


def test_every_fault_and_every_scenario_is_in_the_page_and_none_of_it_is_wide(
    tried: Tried, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    tried({"ssh": Findings(unusable="n1: words " * 50), "local": Findings(versions={"etcd": "3.5.1"})})
    _, lines = page(capsys, "--nodes-file", str(tmp_path / "hosts.txt"))
    words = {word.strip(",") for line in lines for word in line.split()}
    assert words > scenarios().keys() | {fault.name for fault in describe()} | {"3.5.1"}
    assert max(map(len, lines)) <= 100
    needs = [", ".join(sorted(scenario.needs())) for scenario in scenarios().values() if scenario.needs()]
    assert all(rows(lines, one) for one in needs), "a row's cells run into its first"


def test_a_store_that_loses_writes_is_warned_of_once(
    tried: Tried, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = Findings(versions={"etcd": "3.5.1", "etcd-warning": "etcd 3.5.1 may lose writes"})
    tried({"local/etcd": bad, "docker/etcd": bad})
    _, lines = page(capsys)
    assert lines.count("warning: etcd 3.5.1 may lose writes") == 1


def test_what_was_not_tried_is_not_called_impossible(
    tried: Tried, capsys: pytest.CaptureFixture[str]
) -> None:
    tried({"docker": Findings(reasons={Capability.CUT: "no image yet"}, tried=False)})
    _, lines = page(capsys, "--cluster", "docker")
    assert [row[:2] for row in rows(lines, "cut")] == [["?", "[1]"]] * 2


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param("", 0, id="the simulated cluster can always be used"),
        pytest.param("--cluster docker", 254, id="no store of this cluster can"),
        pytest.param("--cluster local", 0, id="one store of this cluster can"),
        pytest.param("--cluster local --store etcd", 0, id="this one"),
        pytest.param("--cluster local --store zookeeper", 254, id="that one cannot"),
        pytest.param("--cluster ssh", 254, id="machines that nobody named"),
        pytest.param("--cluster local --nodes-file hosts.txt", 254, id="machines for another cluster"),
        pytest.param("--cluster moon", 254, id="no such cluster"),
    ],
)
def test_the_exit_code_tells_a_script_whether_what_it_asks_for_can_be_used(
    arguments: str, code: int, tried: Tried
) -> None:
    no = Findings(unusable="no")
    tried({"docker": no, "local/zookeeper": no})
    assert run_command(["doctor", *arguments.split()]) == code


TELLS = """
from dsm_jepsen.cli import _doctor, run_command
from dsm_jepsen.scenarios import Findings
_doctor.probe = lambda _options: Findings()
run_command(["doctor"])
"""


def doctor_at(descriptor: int) -> subprocess.Popen[bytes]:
    """Start the doctor with both its outputs there."""
    environment = {**os.environ, "TERM": "xterm"}
    return subprocess.Popen(
        [sys.executable, "-c", TELLS], stdout=descriptor, stderr=descriptor, env=environment
    )


def test_at_a_terminal_what_is_tried_is_gone_before_the_page_begins() -> None:
    ours, theirs = pty.openpty()
    seen = b""
    with doctor_at(theirs):
        os.close(theirs)
        with suppress(OSError):  # Linux's word for an end
            while part := os.read(ours, 4096):
                seen += part
    os.close(ours)
    spun, _, page = seen.decode().partition("dsm-jepsen ")
    assert "trying docker with zookeeper" in spun
    assert spun.endswith("\x1b[2K"), "its line was not emptied"
    assert "needs" in page
    assert "trying" not in page
    assert "\x1b" not in page


def test_elsewhere_there_is_the_page_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "page"
    with path.open("wb") as file, doctor_at(file.fileno()) as doctor:
        assert doctor.wait(60) == 0
    told = path.read_text()
    assert told.startswith("dsm-jepsen ")
    assert "trying" not in told
    assert "\x1b" not in told


@given(st.dictionaries(st.sampled_from(Capability), st.just("why not")))
def test_the_doctor_and_runs_refuse_the_same_scenarios(reasons: Mapping[Capability, str]) -> None:
    cluster = Mock()
    cluster.control.reasons.return_value = reasons
    cluster.control.capabilities.return_value = frozenset(Capability) - reasons.keys()
    for scenario in scenarios().values():
        refused = False
        try:
            refuse_impossible(scenario, cluster)
        except RefusedError:
            refused = True
        assert refused == (Findings(reasons=reasons).why_not(scenario) is not None), scenario.name


def test_clients_of_the_store_itself_need_its_library_and_others_do_not() -> None:
    found = Findings(clientless="pip install it")
    refused = {name for name, scenario in scenarios().items() if found.why_not(scenario)}
    assert "watch-log" in refused
    assert "stop-start" not in refused


def test_the_simulated_cluster_has_no_disks(capsys: pytest.CaptureFixture[str]) -> None:
    code, lines = page(capsys, "--cluster", "simulated")
    assert code == 0
    assert rows(lines, "zookeeper") == [["yes"]]
    assert [row[:2] for row in rows(lines, "disk, kill")] == [["no", "[1]"]] * 2
    assert [row[:1] for row in rows(lines, "cut")] == [["yes"]] * 2


@pytest.mark.etcd
def test_a_local_cluster_is_tried_and_not_started(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, etcd_binary: Path
) -> None:
    started: list[str] = []
    monkeypatch.setattr("dsm_jepsen.cluster.local.cluster.LocalCluster.start", started.append)
    code, lines = page(capsys, "--cluster", "local", "--store", "etcd")
    assert code == 0
    assert str(etcd_binary) in "\n".join(lines)
    assert not started


def test_without_programs_a_script_hears_no_and_a_person_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    code, lines = page(capsys, "--cluster", "local", "--store", "etcd")
    assert code == 254
    assert "pip install 'dsm-jepsen[local]'" in " ".join(line.strip() for line in lines)


@pytest.mark.docker
@pytest.mark.slow
def test_one_container_stands_for_five_and_is_gone_afterwards(
    capsys: pytest.CaptureFixture[str], node_image: Any, docker_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # That of this package, also if somebody has edited it since.
    monkeypatch.setattr("dsm_jepsen.cluster.docker.image.find_image", lambda _client: node_image)

    code, lines = page(capsys, "--cluster", "docker", "--store", "etcd")
    assert code == 0
    assert rows(lines, "etcd")[0][0].startswith("3.")
    assert [row[0] for row in rows(lines, "cut")] == ["yes"] * 2
    left = docker_engine.api.containers(all=True, filters={"label": OWNER})
    assert str(os.getpid()) not in {found["Labels"][OWNER].split()[1] for found in left}


def test_the_engine_of_linearizability_is_told_and_what_to_do_without_its_kernel(
    tried: Tried, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried({})
    monkeypatch.setitem(sys.modules, "dsm_jepsen._native", Mock())
    assert "linearizability: native kernel" in page(capsys)[1]
    monkeypatch.setitem(sys.modules, "dsm_jepsen._native", None)
    told = " ".join(line.strip() for line in page(capsys)[1])
    assert "linearizability: no native kernel" in told
    assert "Install a C++ compiler" in told
