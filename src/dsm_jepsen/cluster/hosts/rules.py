"""Rules that drop, lose and mark what arrives at a host on given links, put in place as one.

A host has one address for both of its processes. A link is told by the packet's source host and by its ports:
what comes from a host's member to ours has a port of the members' own at either end; what comes from a host's
node to our member goes to the port for clients, and what comes back comes from it. So every rule has a
direction, and stands where the packets arrive. Only TCP is touched, and of it only the store's and
the program's ports: the harness, which has another address, and who administrates the host are let through.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dsm_jepsen.env import Link, Role

TABLE = "ip dsm_jepsen"
QUEUE = 4213
"""The netfilter queue in which marked packets wait."""
MARK = 0x8000_0000
"""What tells a marked packet; the bits below say how long it waits, see ``delayer``."""
DELAY_MS_MAX = 0x7FFF
JITTER_MS_MAX = 0xFFFF
LOSS_MAX = 1_000
"""Losses are of so many packets."""

_BEFORE_FILTERS = -10


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where the processes of a host listen.

    Attributes:
        clients: the member, for clients.
        peers: the member, for other members.
        node: the node program.
    """

    clients: int
    peers: tuple[int, ...]
    node: int = 8080

    @property
    def all(self) -> tuple[int, ...]:
        """All of them."""
        return (self.clients, *self.peers, self.node)

    def of(self, link: Link) -> Iterable[tuple[str, int]]:
        """By which ports the packets of a link are told: ``dport`` or ``sport``, and the number."""
        match link.source_role, link.target_role:
            case Role.STORE, Role.STORE:
                return ((end, port) for port in self.peers for end in ("dport", "sport"))
            case Role.NODE, Role.STORE:
                return (("dport", self.clients),)
            case Role.STORE, Role.NODE:
                return (("sport", self.clients),)
            case _:
                return (("dport", self.node), ("sport", self.node))


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What is wrong with the links that lead to one host, whatever their order.

    Attributes:
        cut: links that lose everything.
        lossy: links that lose so many packets of ``LOSS_MAX``.
        slow: links whose packets wait: for how long and by how many more or less, in milliseconds.
    """

    cut: frozenset[Link]
    lossy: Mapping[Link, int]
    slow: Mapping[Link, tuple[int, int]]


def rules(faults: Faults, *, addresses: Mapping[str, str], ports: Ports) -> str:
    """What nftables is to do at the links' target, as one transaction. Counters go on from where they were.

    Args:
        faults: of links that all have the same target.
        addresses: the hosts' addresses by name.
        ports: the same on every host.
    """
    add = f"add rule {TABLE} input "
    lines = [
        f"table {TABLE} {{ counter dropped {{ }}; counter delayed {{ }}; chain input "
        f"{{ type filter hook input priority {_BEFORE_FILTERS}; }}; }}",
        f"flush chain {TABLE} input",
    ]

    def rule(links: Iterable[Link], verdict: str) -> None:
        packets: dict[str, set[str]] = {}
        for link in links:
            for end, port in ports.of(link):
                packets.setdefault(end, set()).add(f"{addresses[link.source_host]} . {port}")
        for end, among in sorted(packets.items()):
            lines.append(f"{add}ip saddr . tcp {end} {{ {', '.join(sorted(among))} }} {verdict}")

    rule(faults.cut, "counter name dropped drop")
    for loss in sorted(set(faults.lossy.values()) - {0}):
        chance = f"numgen random mod {LOSS_MAX} < {loss} " if loss < LOSS_MAX else ""
        rule(
            (link for link, its_loss in faults.lossy.items() if its_loss == loss),
            f"{chance}counter name dropped drop",
        )
    for wait in sorted(set(faults.slow.values())):
        delay_ms, jitter_ms = wait
        mark = MARK | delay_ms << 16 | jitter_ms
        rule(
            (link for link, its_wait in faults.slow.items() if its_wait == wait),
            f"counter name delayed meta mark set {mark:#x}",
        )
    return "\n".join(lines) + "\n"
