"""A network for each process of a local cluster: namespaces joined by a bridge, with no way out.

Every store member and every node program has a network namespace of its own, so that also the link between a
node and the member of its own host is one that can be cut. A further namespace, the switch, holds nothing but
the bridge. The harness stays where it is, in the machine's own network, with one address on the same bridge:

    dsm-jepsen.RUN.n1.store   10.213.X.1     eth0 -- p1   |
    dsm-jepsen.RUN.n1.node    10.213.X.101   eth0 -- p101 | bridge, in dsm-jepsen.RUN.switch
    the machine               10.213.X.254   dsmjX -- ctl |

X is the first number from 0 to 255 that no other run has: the device's name, which the kernel gives once, is
the claim. Where the machine has a route to that network already, as a VPN may bring, another of ``_RANGES``
takes the place of 10.213: ours would hide what is there, or the other way round. No route leads from the
namespaces to anywhere else. RUN is the run's folder (see ``leftovers``): it tells whether the harness still
lives, so that what a killed run left can be found and removed.

Needs root, or a user namespace in which one is root (see ``rootless``), and the commands of ``TOOLS``.
"""

import ipaddress
import json
import logging
import os
import re
import signal
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from dsm_jepsen.cluster._base import ClusterError
from dsm_jepsen.cluster.local.commands import find
from dsm_jepsen.cluster.local.commands import run as run_command
from dsm_jepsen.cluster.local.lan import Place
from dsm_jepsen.env import RefusedError, Role

TOOLS = {"ip": "iproute2", "ss": "iproute2", "nft": "nftables", "nsenter": "util-linux"}
"""The commands that must be there, and Debian's packages that hold them."""

BRIDGE = "bridge"
_SWITCH = "switch"

_FOLDER = Path("/run/netns")
_PREFIX = "dsm-jepsen."
_NAME = re.compile(r"dsm-jepsen\.(\d+-[0-9a-f]{8}\.\d+-\w+)\.(.+)")
_DEVICE = "dsmj"
_NETWORKS = 256
# Private addresses, those for measuring, and private ones again.
_RANGES = ("10.213", "198.18", "172.29")
# A route to more than this stands for "everything else", as a VPN's two halves of the world do.
_WIDEST = 8
_NODES_MAX = 99
_FIRST_PORT = 2379

_log = logging.getLogger(__name__)


class Namespaces:
    """The namespaces of one run.

    Args:
        nodes: the hosts' names.

    Raises:
        RefusedError: too many hosts for the addresses.
    """

    def __init__(self, nodes: Sequence[str]) -> None:
        if len(nodes) > _NODES_MAX:
            raise RefusedError(f"{len(nodes)} nodes do not fit in one network: {_NODES_MAX} at most")
        self._numbers = {
            (node, role): number + (100 if role is Role.NODE else 0)
            for number, node in enumerate(nodes, start=1)
            for role in Role
        }
        self._reserved: dict[Place, int] = {}
        self._run = ""
        self._range, self._network = _RANGES[0], -1

    @property
    def switch(self) -> Path:
        """The file that stands for the bridge's namespace."""
        return _FOLDER / self._name(_SWITCH)

    @property
    def hardware(self) -> Mapping[Place, bytes]:
        """The hardware address of each place."""
        return {
            place: bytes([2, 0, 10, 213, self._network, number]) for place, number in self._numbers.items()
        }

    @property
    def ports(self) -> Mapping[bytes, str]:
        """The bridge's port by the hardware address behind it."""
        return {address: f"p{address[-1]}" for address in self.hardware.values()}

    def open(self, run: str) -> None:
        """Make them all.

        Raises:
            ClusterError: a command failed; ``close`` removes what was made before.
        """
        self._run = run
        spaces = {place: self.namespace(place).name for place in self._numbers}
        switch = self.switch.name
        run_command(
            ("ip", "-batch", "-"), "".join(f"netns add {name}\n" for name in (switch, *spaces.values()))
        )
        self._range, self._network = self._claim()
        hardware = {place: address.hex(":") for place, address in self.hardware.items()}
        device = f"{_DEVICE}{self._network}"
        run_command(
            ("ip", "-batch", "-"),
            f"link set {device} alias {_PREFIX}{run}\n"
            f"address add {self._address(254)}/24 dev {device}\nlink set {device} up\n"
            + "".join(
                f"link add name eth0 netns {name} address {hardware[place]} type veth "
                f"peer name p{self._numbers[place]} netns {switch}\n"
                for place, name in spaces.items()
            ),
        )
        ports = ("ctl", *(f"p{number}" for number in self._numbers.values()))
        run_command(
            ("ip", "-n", switch, "-batch", "-"),
            f"link add name {BRIDGE} type bridge mcast_snooping 0\nlink set {BRIDGE} up\n"
            + "".join(f"link set {port} master {BRIDGE} up\n" for port in ports),
        )
        for place, name in spaces.items():
            run_command(
                ("ip", "-n", name, "-batch", "-"),
                f"link set lo up\naddress add {self.address(place)}/24 dev eth0\nlink set eth0 up\n",
            )

    def close(self) -> None:
        """Remove them all; harmless when there are none."""
        if self._run:
            remove(self._run)
        self._run = ""
        self._reserved.clear()

    def address(self, place: Place) -> str:
        """Where a place is reached."""
        return self._address(self._numbers[place])

    def reserve(self, place: Place) -> str:
        """The place's address with a port: nobody else is there to take it."""
        port = self._reserved.get(place, _FIRST_PORT)
        self._reserved[place] = port + 1
        return f"{self.address(place)}:{port}"

    def prefix(self, place: Place) -> tuple[str, ...]:
        """A command that enters the place's namespace and becomes the program that follows."""
        return enter(self.namespace(place))

    def namespace(self, place: Place) -> Path:
        """The file that stands for a place's namespace."""
        return _FOLDER / self._name(f"{place[0]}.{place[1]}")

    def _address(self, number: int) -> str:
        return f"{self._range}.{self._network}.{number}"

    def _name(self, what: str) -> str:
        return f"{_PREFIX}{self._run}.{what}"

    def _claim(self) -> tuple[str, int]:
        """Join the machine to the switch, under the first number that is free; gives range and number."""
        for prefix, number in unrouted(tuple(_routes())):
            argv = ["ip", "link", "add", "name", f"{_DEVICE}{number}", "type", "veth"]
            try:
                run_command([*argv, "peer", "name", "ctl", "netns", self.switch.name])
            except ClusterError as error:
                if "File exists" not in str(error):
                    raise
            else:
                return prefix, number
        raise ClusterError(
            f"no network is free on this machine in {', '.join(f'{prefix}.0.0/16' for prefix in _RANGES)}: "
            "remove a route to one of these (ip route), or what killed runs left (dsm-jepsen clean)"
        )


def unrouted(routes: Collection[ipaddress.IPv4Network]) -> Iterator[tuple[str, int]]:
    """The networks, as range and number, that none of the machine's routes leads to, best first."""
    special = [route for route in routes if route.prefixlen >= _WIDEST]
    for prefix in _RANGES:
        for number in range(_NETWORKS):
            network = ipaddress.IPv4Network(f"{prefix}.{number}.0/24")
            if not any(route.overlaps(network) for route in special):
                yield prefix, number


def enter(namespace: Path) -> tuple[str, ...]:
    """The arguments before those of a program that is to run in a network namespace."""
    return ("nsenter", f"--net={namespace}")


def missing_tools() -> str | None:
    """What would have to be installed, for a message; ``None`` if nothing."""
    missing = [tool for tool in TOOLS if find(tool) is None]
    if not missing:
        return None
    packages = " and ".join(dict.fromkeys(TOOLS[tool] for tool in missing))
    return f"there is no {' nor '.join(missing)} on the PATH: install Debian's {packages}"


def runs() -> set[str]:
    """The runs whose namespaces are on this machine, dead or alive."""
    return {match[1] for match in _found()}


def remove(run: str, *, kill: bool = False) -> None:
    """Remove a run's namespaces and devices.

    Args:
        run: its name.
        kill: whether to end first what still runs in there.

    Raises:
        ClusterError: it cannot be done, for lack of rights for example.
    """
    names = [match[0] for match in _found() if match[1] == run]
    if not names:
        return
    try:
        for name in names if kill else ():
            for pid in run_command(("ip", "netns", "pids", name)).split():
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
        # Devices would go with the namespaces, but some moments later.
        links = json.loads(run_command(("ip", "-json", "link", "show", "type", "veth")) or "[]")
        for link in links:
            if link.get("ifalias") == f"{_PREFIX}{run}":
                run_command(("ip", "link", "delete", link["ifname"]))
        run_command(("ip", "-force", "-batch", "-"), "".join(f"netns delete {name}\n" for name in names))
    except ClusterError as error:
        # Another run may have been cleaning up at the same moment.
        if run in runs():
            raise
        _log.info("the network of run %s was removed by somebody else meanwhile: %s", run, error)


def _found() -> Iterator[re.Match[str]]:
    with suppress(FileNotFoundError, PermissionError):
        for file in _FOLDER.iterdir():
            if match := _NAME.fullmatch(file.name):
                yield match


def _routes() -> Iterator[ipaddress.IPv4Network]:
    for route in json.loads(run_command(("ip", "-4", "-json", "route", "show", "table", "all")) or "[]"):
        if route["dst"] != "default":
            yield ipaddress.IPv4Network(route["dst"], strict=False)
