"""A fleet of three sshd's on the loopback: what it brings, what it asks for, and what it leaves."""

import platform
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dsm_jepsen.cluster.hosts.cluster import FOLDER
from dsm_jepsen.cluster.ssh import connection, requirements
from dsm_jepsen.cluster.ssh.fleet import COMMAND, SshFleet
from dsm_jepsen.cluster.ssh.login import Login
from dsm_jepsen.cluster.ssh.nodes_file import Target
from dsm_jepsen.cluster.ssh.requirements import LIBRARIES, Requirements
from dsm_jepsen.env import RefusedError

pytestmark = pytest.mark.ssh

RUN = "test-of-the-fleet"


@pytest.fixture
def sshds(new_sshd: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Any]:
    """Three machines that can run etcd: with this Python, and programs that do nothing for the rest."""
    monkeypatch.setattr(connection, "_RETRY_S", 0.01)
    started = {f"n{number}": new_sshd(f"127.0.0.{number}") for number in (1, 2, 3)}
    for sshd in started.values():
        sshd.program("python3", f'exec {sys.executable} "$@"')
        for name in ("etcd", "nft", "ip", "ss"):
            sshd.program(name, "")
    return started


@pytest.fixture
def new_fleet(sshds: Mapping[str, Any], tmp_path: Path) -> Callable[..., SshFleet]:
    """Makes a fleet of the three."""
    known = tmp_path / "known_hosts"
    known.write_text("".join(sshd.known_hosts.read_text() for sshd in sshds.values()))
    keys = "".join((sshd.folder / "key.pub").read_text() for sshd in sshds.values())
    for sshd in sshds.values():
        (sshd.folder / "authorized_keys").write_text(keys)

    def make(targets: Mapping[str, Target] | None = None, **options: Any) -> SshFleet:
        return SshFleet(
            targets or {name: sshd.target for name, sshd in sshds.items()},
            login=Login(key=sshds["n1"].key, known_hosts=known),
            requirements=Requirements(store="etcd", etcd_client="aetcd"),
            **options,
        )

    return make


async def refusal(fleet: SshFleet) -> str:
    try:
        with pytest.raises(RefusedError) as caught:
            await fleet.open(RUN)
    finally:
        await fleet.close()
    return str(caught.value)


async def test_each_machine_gets_the_program_for_as_long_as_the_fleet_is_open(
    new_fleet: Callable[..., SshFleet],
) -> None:
    fleet = new_fleet()
    try:
        hosts = await fleet.open(RUN)
        assert [(name, host.address) for name, host in hosts.items()] == [
            ("n1", "127.0.0.1"),
            ("n2", "127.0.0.2"),
            ("n3", "127.0.0.3"),
        ]
        for name, host in hosts.items():
            said = await host.run("trying", f"cd {FOLDER}/{RUN}/{name} && {' '.join(COMMAND)} node --help")
            assert "--store-url" in said.out
    finally:
        await fleet.close()
    assert not Path(FOLDER, RUN).exists()


async def test_all_machines_that_lack_something_are_told_of_at_once(
    new_fleet: Callable[..., SshFleet], sshds: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(requirements._PACKAGES, "no-such-program", "a-package")
    fleet = new_fleet()
    fleet._requirements._programs = ("ip", "no-such-program")
    fleet._requirements.modules = ("click", "no_such_module")
    fleet._requirements._pins = ["no-such-module==1.0"]
    sshds["n2"].program("no-such-program", "")
    told = await refusal(fleet)
    assert told.startswith("3 of 3 hosts cannot be used:\n  n1: looking for what a run needs failed: ")
    n1, n2, n3 = told.splitlines()[1:]
    assert "no no-such-program (Debian: apt-get install a-package); no Python module no_such_module" in n1
    assert "no-such-program" not in n2
    assert "pip install no-such-module" in n2
    assert n3.endswith("; --install does it")


async def test_nothing_is_installed_unless_asked_for_and_what_is_is_told(
    new_fleet: Callable[..., SshFleet], sshds: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(requirements._PACKAGES, "no-such-program", "a-package")
    for sshd in sshds.values():
        tool = sshd.folder / "bin" / "no-such-program"
        sshd.program(
            "apt-get", f'echo "$@" >> {sshd.folder}/apt.log; printf "#!/bin/sh\\n" > {tool}; chmod +x {tool}'
        )
        sshd.program("systemctl", "")
    lines: list[str] = []
    fleet, asked = (new_fleet(install=install, say=lines.append) for install in (False, True))
    fleet._requirements._programs = asked._requirements._programs = ("no-such-program",)
    await refusal(fleet)
    assert not (sshds["n1"].folder / "apt.log").exists()
    try:
        await asked.open(RUN)
    finally:
        await asked.close()
    assert sorted(lines) == [f"n{number}: apt-get install a-package" for number in (1, 2, 3)]
    assert "install -y --no-install-recommends a-package" in (sshds["n1"].folder / "apt.log").read_text()


async def test_a_python_that_is_too_old_is_told(
    new_fleet: Callable[..., SshFleet], sshds: Mapping[str, Any]
) -> None:
    old = "import sys; sys.version_info = (3, 9, 2); sys.version = '3.9.2 (old)'; exec(sys.stdin.read())"
    sshds["n2"].program("python3", f'exec {sys.executable} -c "{old}"')
    told = await refusal(new_fleet())
    assert told.startswith("1 of 3 hosts cannot be used:")
    assert "n2: looking for what a run needs failed: Python 3.9.2, and 3.11 or newer is needed" in told


async def test_a_machine_that_cannot_be_reached_leaves_nothing_on_the_others(
    new_fleet: Callable[..., SshFleet], sshds: Mapping[str, Any]
) -> None:
    sshds["n3"].stop()
    told = await refusal(new_fleet())
    assert told.startswith("1 of 3 hosts cannot be used:\n  n3: connecting to ")
    assert not Path(FOLDER, RUN).exists()


async def test_two_machines_with_one_address_are_refused(
    new_fleet: Callable[..., SshFleet], sshds: Mapping[str, Any]
) -> None:
    targets = {name: replace(sshd.target, address="10.0.0.1") for name, sshd in sshds.items()}
    told = await refusal(new_fleet(targets))
    assert "n2 (root@127.0.0.2:" in told
    assert "has the address 10.0.0.1, which is n1's, too" in told
    assert "as address=10.0.0.11" in told


async def test_an_address_that_only_this_machine_can_reach_is_refused(
    new_fleet: Callable[..., SshFleet], sshds: Mapping[str, Any]
) -> None:
    targets = {name: sshd.target for name, sshd in sshds.items()}
    targets["n1"] = replace(targets["n1"], address="10.0.0.1")
    told = await refusal(new_fleet(targets))
    assert "has the address 127.0.0.2, which is no address that others can reach" in told


async def test_python_packages_are_fetched_here_and_brought_once_for_machines_of_a_kind(
    new_fleet: Callable[..., SshFleet],
    sshds: Mapping[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    fetched: list[str] = []

    def fetch(target: Path, pins: Path, *, python: str, machine: str) -> None:
        fetched.append(f"{python} {machine}")
        assert "no-such-module==1.0" in pins.read_text()
        target.mkdir()
        (target / "no_such_module.py").write_text("")

    monkeypatch.setattr(requirements, "fetch_wheels", fetch)
    folder = f"{tmp_path}/libraries-"
    monkeypatch.setattr(requirements, "_LOOK", requirements._LOOK.replace(LIBRARIES, folder))
    for module in ("requirements", "fleet"):
        monkeypatch.setattr(f"dsm_jepsen.cluster.ssh.{module}.LIBRARIES", folder)
    lines: list[str] = []
    fleet = new_fleet({"n1": sshds["n1"].target}, install=True, say=lines.append)
    fleet._requirements._pins = ["no-such-module==1.0"]
    fleet._requirements.modules = ("click", "no_such_module")
    kind = f"{platform.python_version_tuple()[0]}.{platform.python_version_tuple()[1]}"
    for _ in range(2):
        try:
            await fleet.open(RUN)
        finally:
            await fleet.close()
        Path(f"{folder}{kind}", "no_such_module.py").unlink()
    assert fetched == [f"{kind} {platform.machine()}"]
    step = f"bringing Python's packages to {folder}{kind}"
    assert lines == [f"n1: {step}: no-such-module==1.0"] * 2


async def test_what_install_cannot_bring_is_not_promised(
    new_fleet: Callable[..., SshFleet],
) -> None:
    fleet = new_fleet()
    fleet._requirements.modules = ("no_such_module",)
    assert "--install does it" not in await refusal(fleet)


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_a_bare_machine_gets_all_it_needs_and_pip_of_its_own_is_not_asked(bare_machine: Path) -> None:
    """Debian and an sshd alone: programs come from Debian's mirror, the rest from this Python's index."""
    lines: list[str] = []
    address = (bare_machine / "hosts.txt").read_text().split()[0].removeprefix("root@")
    fleet = SshFleet(
        {"n1": Target(host=address, user="root")},
        login=Login(key=bare_machine / "key", known_hosts=bare_machine / "known_hosts"),
        requirements=Requirements(store="etcd", etcd_client="aetcd"),
        install=True,
        say=lines.append,
    )
    try:
        host = (await fleet.open(RUN))["n1"]
        program = f"cd {FOLDER}/{RUN}/n1 && {' '.join(COMMAND)} node --help"
        said = await host.run("trying", f"{program} && etcd --version")
        assert "--store-url" in said.out
        assert "etcd Version" in said.out
        said = await host.run("looking at etcd's port", "ss -Hltn 'sport = :2379'")
        assert said.out == ""
    finally:
        await fleet.close()
    assert lines[0] == "n1: apt-get install etcd-server iproute2 nftables python3"
    assert len(lines) == 2
