"""A nemesis' hands on the simulated cluster; see ``env.Control``."""

from collections.abc import Iterable, Mapping, Sequence

from dsm_jepsen.cluster.sim.links import Links
from dsm_jepsen.cluster.sim.members import Member
from dsm_jepsen.cluster.sim.nodes import Nodes
from dsm_jepsen.cluster.sim.process import State
from dsm_jepsen.cluster.sim.store import SimStore
from dsm_jepsen.env import Capability, Damage, Link, ProcessState, RefusedError, Role

HEARTBEAT_US = 100_000

_NO_FILES = "the simulated store has one log, and no disks whose files could lose a part of it"
_DISK_BYTES = 1 << 28


class SimControl:
    """Every verb takes effect at once, in no virtual time.

    Verbs for links add up: a second ``cut``, ``slow`` or ``flaky`` leaves what others did to other links.
    """

    def __init__(self, links: Links, store: SimStore, nodes: Nodes) -> None:
        self._links = links
        self._store = store
        self._nodes = nodes
        self._beating = False

    @property
    def nodes(self) -> Sequence[str]:
        """The names of the hosts."""
        return tuple(self._store.members)

    def capabilities(self) -> frozenset[Capability]:
        """All but damage to files."""
        return frozenset(Capability) - self.reasons().keys()

    def reasons(self) -> Mapping[Capability, str]:
        """Why there is no damage to files."""
        return {Capability.DISK: _NO_FILES}

    async def kill(self, node: str, role: Role) -> None:
        """End a process at once; nothing of it runs again, not even a ``finally``."""
        self._actor(node, role).kill(node)

    async def restart(self, node: str, role: Role) -> None:
        """Start a killed process again: a member with its log, a node as a new run of its program."""
        self._actor(node, role).restart(node)

    async def pause(self, node: str, role: Role) -> None:
        """Freeze a process."""
        self._actor(node, role).pause(node)

    async def resume(self, node: str, role: Role) -> None:
        """Let a frozen process go on; what came meanwhile is waiting for it."""
        self._actor(node, role).resume(node)

    async def cut(self, links: Iterable[Link]) -> None:
        """Drop everything on these directed links, and on no others."""
        self._links.cut(self._between_hosts(links))
        self._store.review()
        self._beat_soon()

    async def mend(self) -> None:
        """Let everything through that was cut."""
        self._links.mend()
        self._store.review()

    async def slow(self, links: Iterable[Link], *, delay_ms: int, jitter_ms: int) -> None:
        """Delay everything on these directed links, and on no others.

        Raises:
            ValueError: a delay below 0, or an unknown host.
        """
        self._links.slow(self._between_hosts(links), delay_ms=delay_ms, jitter_ms=jitter_ms)
        self._beat_soon()

    async def flaky(self, links: Iterable[Link], *, loss_per_mille: int) -> None:
        """Lose each message on these directed links with this chance: requests, answers and news alike.

        What a leader and its members tell each other of the log they repeat, so that it comes later; they
        never take a lossy link for a cut one, unless it loses everything.

        Raises:
            ValueError: a chance that is none, or an unknown host.
        """
        self._links.flaky(self._between_hosts(links), loss_per_mille=loss_per_mille)
        self._store.review()
        self._beat_soon()

    async def fast(self) -> None:
        """End what ``slow`` and ``flaky`` began."""
        self._links.fast()
        self._store.review()

    async def skew(self, node: str, role: Role, *, offset_ms: int) -> None:
        """Shift a program's wall clock, and count anew how often it asks.

        Raises:
            RefusedError: it is a member of the store; what it decides it decides without a wall clock.
            ValueError: an unknown host.
        """
        self._known(node)
        if role is Role.STORE:
            raise RefusedError("the simulated store has no wall clock that could be skewed")
        clock = self._nodes.clocks[node]
        clock.offset_ms, clock.told = offset_ms, 0

    async def damage(self, node: str, how: Damage) -> str:
        """Refuse; so does ``repair``.

        Raises:
            RefusedError: always.
        """
        raise RefusedError(_NO_FILES)

    async def repair(self, node: str) -> None:
        """Refuse."""
        raise RefusedError(_NO_FILES)

    async def cut_power(self, node: str) -> str:
        """End a member, and take what it had not synced.

        Raises:
            RefusedError: it does not run.
            ValueError: an unknown host.
        """
        if self._member(node).process.state is State.DEAD:
            raise RefusedError(f"{node}'s store does not run: start it before its power is cut")
        self._store.cut_power(node)
        return "killed, and what was not synced is gone"

    async def fill_disk(self, node: str) -> int:
        """Leave no room for another entry; returns how many bytes are free: none."""
        self._member(node).full = True
        return 0

    async def free_disk(self, node: str) -> int:
        """Give the room back; returns how many bytes are free."""
        self._member(node).full = False
        return _DISK_BYTES

    async def leader(self) -> str | None:
        """The host whose store member leads a majority now, or ``None``."""
        return self._store.leader

    async def dropped(self) -> int:
        """How many messages cuts and losses took since the last ``cut`` or ``flaky``."""
        return self._links.dropped

    async def delayed(self) -> int:
        """How many messages slow links delayed since the last ``slow``."""
        return self._links.delayed

    async def skewed(self, node: str, role: Role) -> int:
        """How many times a program was told a shifted time since the last ``skew``."""
        self._known(node)
        return self._nodes.clocks[node].told if role is Role.NODE else 0

    async def state(self, node: str, role: Role) -> ProcessState:
        """What has become of a process; a node whose program ended, or never ran, is dead."""
        return ProcessState(self._actor(node, role).state(node).value)

    def _beat_soon(self) -> None:
        if not self._beating and self._links.harmed():
            self._beating = True
            loop = self._store.loop
            loop.after(HEARTBEAT_US, loop.harness, self._beat)

    def _beat(self) -> None:
        """Have members miss the heartbeats that links lose, and get late those that links delay.

        Axiom: *members send each other heartbeats* all the time. What they decide the store decides without
        them; but who asks for evidence of a cut or slow link between members must find that something was
        dropped or delayed.
        """
        self._beating = False
        members = {member.name: member for member in self._store.members.values()}
        for source, target in self._links.harmed():
            beats = source in members and target in members and members[source].up
            if beats and self._links.passes(source, target):
                self._links.slowness_us(source, target)
        self._beat_soon()

    def _actor(self, node: str, role: Role) -> SimStore | Nodes:
        self._known(node)
        return self._store if role == Role.STORE else self._nodes

    def _between_hosts(self, links: Iterable[Link]) -> tuple[Link, ...]:
        chosen = tuple(links)
        for link in chosen:
            for host in (link.source_host, link.target_host):
                self._known(host)
        return chosen

    def _member(self, node: str) -> Member:
        self._known(node)
        return self._store.members[node]

    def _known(self, node: str) -> None:
        if node not in self._store.members:
            raise ValueError(f"there is no host {node!r} to act on; the hosts are {', '.join(self.nodes)}")
