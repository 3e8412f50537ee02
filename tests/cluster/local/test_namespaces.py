"""A network for each process: what is made, what is removed, and where it cannot be had."""

import errno
import ipaddress
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dsm_jepsen.cluster._base import ClusterError
from dsm_jepsen.cluster.local import clean_leftovers, commands, namespaces, networks
from dsm_jepsen.cluster.local.commands import run as run_command
from dsm_jepsen.cluster.local.links import NamespaceLan
from dsm_jepsen.cluster.local.namespaces import unrouted
from dsm_jepsen.cluster.local.networks import choose_lan, why_no_namespaces
from dsm_jepsen.cluster.local.relay import socket_in
from dsm_jepsen.env import Capability, RefusedError, Role

HARNESS_GONE = "00000000.7"  # no process was born then: the boot is another
COMMANDS = 6
PATIENCE_S = 20.0

MakeLan = Callable[..., NamespaceLan]
NewRun = Callable[[], str]


def left(run: str) -> list[str]:
    """The namespaces and devices of a run."""
    spaces = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    devices = subprocess.run(["ip", "link", "show"], capture_output=True, text=True, check=True).stdout
    return [line for line in (spaces + devices).splitlines() if run in line]


@pytest.mark.namespaces
class TestNamespaces:
    """Where they can be had."""

    def test_every_process_has_an_address_that_the_harness_reaches(self, net: Callable[[], Any]) -> None:
        it = net()
        addresses = set()
        for place in [(host, role) for host in ("n1", "n2", "n3") for role in Role]:
            with it.endpoint(place, socket.SOCK_STREAM) as server:
                server.listen()
                socket.create_connection(server.getsockname(), timeout=PATIENCE_S).close()
                addresses.add(server.getsockname()[0])
        assert len(addresses) == 6

    def test_no_way_leads_out(self, net: Callable[[], Any]) -> None:
        it = net()
        with it.endpoint(("n1", Role.NODE), socket.SOCK_STREAM) as one:
            with pytest.raises(OSError, match="unreachable") as caught:
                one.connect(("192.0.2.1", 80))
            assert caught.value.errno == errno.ENETUNREACH

    def test_a_program_keeps_the_process_id_it_was_started_with(self, net: Callable[[], Any]) -> None:
        prefix = net().lan.prefix(("n1", Role.NODE))
        code = "import os; print(os.getpid())"
        with subprocess.Popen([*prefix, sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
            said, _ = child.communicate()
        assert int(said) == child.pid

    def test_a_place_is_given_another_port_each_time(self, net: Callable[[], Any]) -> None:
        lan = net().lan
        place = ("n1", Role.STORE)
        assert lan.reserve(place) != lan.reserve(place)
        assert lan.reserve(place).split(":")[0] == lan.address(place)

    def test_two_runs_side_by_side_have_networks_of_their_own(self, net: Callable[[], Any]) -> None:
        place = ("n1", Role.STORE)
        assert net().lan.address(place) != net().lan.address(place)

    @pytest.mark.parametrize("used", ["10.213.0.0/18", "10.0.0.0/8"])
    def test_addresses_that_this_machine_uses_already_are_left_alone(
        self, new_lan: MakeLan, new_run: NewRun, monkeypatch: pytest.MonkeyPatch, used: str
    ) -> None:
        monkeypatch.setattr(namespaces, "_routes", lambda: [ipaddress.IPv4Network(used)])
        lan = new_lan()
        lan.open(new_run())
        place = ("n1", Role.STORE)
        address, port = lan.reserve(place).split(":")
        assert ipaddress.IPv4Address(address) not in ipaddress.IPv4Network(used)
        server = socket_in(lan.namespace(place), lambda: socket.create_server((address, int(port))))
        with server:
            socket.create_connection((address, int(port)), timeout=PATIENCE_S).close()

    def test_a_machine_whose_routes_lead_everywhere_is_told_what_to_do(
        self, new_lan: MakeLan, new_run: NewRun, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        everywhere = ipaddress.IPv4Network("0.0.0.0/0").subnets(new_prefix=8)
        monkeypatch.setattr(namespaces, "_routes", lambda: everywhere)
        lan, run = new_lan(), new_run()
        with pytest.raises(ClusterError, match=r"no network is free .* 198\.18\.0\.0/16.*: remove a route"):
            lan.open(run)
        lan.close()
        assert left(run) == []

    def test_nothing_is_left_after_the_end(self, new_lan: MakeLan, new_run: NewRun) -> None:
        lan, run = new_lan(), new_run()
        lan.open(run)
        assert len([line for line in left(run) if line.startswith("dsm-jepsen.")]) == 7
        assert any("alias" in line for line in left(run))
        lan.close()
        lan.close()
        assert left(run) == []

    @pytest.mark.parametrize("fails", range(1, COMMANDS))
    def test_nothing_is_left_of_what_was_made_by_half(
        self, new_lan: MakeLan, new_run: NewRun, monkeypatch: pytest.MonkeyPatch, fails: int
    ) -> None:
        calls = []

        def stumble(argv: Any, text: str = "") -> str:
            calls.append(argv)
            if len(calls) == fails:
                raise ClusterError("no more")
            return run_command(argv, text)

        lan, run = new_lan(), new_run()
        monkeypatch.setattr(namespaces, "run_command", stumble)
        with pytest.raises(ClusterError, match="no more"):
            lan.open(run)
        monkeypatch.undo()
        lan.close()
        assert left(run) == []

    def test_what_a_killed_run_left_is_removed_with_the_processes_in_it(self, new_lan: MakeLan) -> None:
        run = f"{os.getpid()}-{HARNESS_GONE}-0"
        lan = new_lan()
        lan.open(run)
        with subprocess.Popen([*lan.prefix(("n1", Role.STORE)), "sleep", "60"]) as orphan:
            while Path(f"/proc/{orphan.pid}/comm").read_text(encoding="ascii") != "sleep\n":
                pass
            lines = clean_leftovers(lambda _: None)
            assert orphan.wait(PATIENCE_S) == -9
        assert f"the run of process {os.getpid()} was killed: removed its network namespaces" in lines
        assert left(run) == []

    def test_runs_that_live_are_left_alone(self, new_lan: MakeLan, new_run: NewRun) -> None:
        lan, run = new_lan(), new_run()
        lan.open(run)
        before = left(run)
        clean_leftovers(lambda _: None)
        assert left(run) == before != []

    def test_two_may_clean_up_at_the_same_time(
        self, new_lan: MakeLan, new_run: NewRun, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lan, run = new_lan(), new_run()
        lan.open(run)
        found = list(namespaces._found())
        namespaces.remove(run)
        looks = iter([found])
        monkeypatch.setattr(namespaces, "_found", lambda: next(looks, []))
        namespaces.remove(run)

    def test_where_they_can_be_had_they_are_chosen(self, network_namespaces: None) -> None:
        for network in ("auto", "namespaces"):
            lan = choose_lan(network, ["n1"], kill_stale=False)
            assert lan.capabilities == {Capability.CUT, Capability.SLOW}
            assert lan.about == "namespaces (connections that crossed a cut are left to TCP at a mend)"


@pytest.mark.parametrize(
    ("routes", "first"),
    [
        pytest.param([], ("10.213", 0), id="none"),
        pytest.param(["10.213.0.254/32"], ("10.213", 1), id="one host"),
        pytest.param(["10.213.0.0/23", "10.213.3.0/24"], ("10.213", 2), id="a gap"),
        pytest.param(["10.0.0.0/8"], ("198.18", 0), id="a company's network"),
        pytest.param(["10.0.0.0/8", "198.18.0.0/16"], ("172.29", 0), id="measuring, too"),
        pytest.param(["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"], ("198.18", 0), id="all private ones"),
        pytest.param(["0.0.0.0/1", "128.0.0.0/1"], ("10.213", 0), id="a vpn that takes everything"),
        pytest.param(["10.0.0.0/8", "198.18.0.0/15", "172.16.0.0/12"], None, id="nothing is free"),
    ],
)
def test_a_network_is_free_if_no_route_of_the_machine_leads_to_it(
    routes: list[str], first: tuple[str, int] | None
) -> None:
    assert next(unrouted([ipaddress.IPv4Network(route) for route in routes]), None) == first


def not_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(networks, "missing_tools", lambda: None)
    monkeypatch.setattr(networks, "why_no_user_namespace", lambda: "this machine does not let anybody")


def not_yet_root(monkeypatch: pytest.MonkeyPatch) -> None:
    not_root(monkeypatch)
    monkeypatch.setattr(networks, "why_no_user_namespace", lambda: None)


def no_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(commands, "_ROOTS", ())


def not_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(argv: Any, text: str = "") -> str:
        raise ClusterError("ip said: Operation not permitted")

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(networks, "missing_tools", lambda: None)
    monkeypatch.setattr(namespaces, "run_command", refuse)


@pytest.mark.parametrize(
    ("hindrance", "because"),
    [
        (not_root, "they need root or a user namespace, and this machine does not let anybody: run as root"),
        (not_yet_root, r"they need root: run as root, or call enter_user_namespace\(\) first"),
        (
            no_tools,
            "there is no ip nor ss nor nft nor nsenter on the PATH: "
            "install Debian's iproute2 and nftables and util-linux",
        ),
        (
            not_allowed,
            "this machine does not let root make them, which a container .*: ip said: Operation not",
        ),
    ],
)
class TestElsewhere:
    """Where they cannot be had."""

    def test_it_is_said_why(
        self, monkeypatch: pytest.MonkeyPatch, hindrance: Callable[[Any], None], because: str
    ) -> None:
        hindrance(monkeypatch)
        with pytest.raises(RefusedError, match=f"no network namespaces: {because}"):
            choose_lan("namespaces", ["n1"], kill_stale=True)

    def test_the_loopback_takes_their_place_and_knows_what_it_cannot_do(
        self, monkeypatch: pytest.MonkeyPatch, hindrance: Callable[[Any], None], because: str
    ) -> None:
        hindrance(monkeypatch)
        lan = choose_lan("auto", ["n1"], kill_stale=True)
        assert lan.capabilities == frozenset()
        assert re.match(rf"loopback \(no network namespaces: {because}", lan.about)
        assert why_no_namespaces() is not None


def test_an_unknown_kind_of_network_is_refused() -> None:
    with pytest.raises(
        RefusedError, match="no network is called 'wifi'; choose one of auto, namespaces, loop"
    ):
        choose_lan("wifi", ["n1"], kill_stale=True)


def test_more_hosts_than_addresses_are_refused() -> None:
    with pytest.raises(RefusedError, match="100 nodes do not fit in one network: 99 at most"):
        NamespaceLan([f"n{number}" for number in range(100)])


def test_a_namespace_that_is_not_there_cannot_be_entered() -> None:
    with pytest.raises(FileNotFoundError):
        socket_in(Path("/no/such/namespace"), socket.socket)
