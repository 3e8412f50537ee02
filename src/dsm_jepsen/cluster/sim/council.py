"""The members among themselves: who is up and sees whom, who leads, and how long it takes them to know.

Axiom: *a leader that lost its majority is replaced within an election time-out*, if some member sees a
majority.
"""

from collections.abc import Callable, Sequence

from dsm_jepsen.cluster.sim.links import Links
from dsm_jepsen.cluster.sim.loop import SimLoop
from dsm_jepsen.cluster.sim.members import Member
from dsm_jepsen.env import Rng

ELECTION_MIN_US = 1_000_000
ELECTION_MAX_US = 1_500_000
QUORUM_MIN_US = 400
QUORUM_MAX_US = 2_000
APPLY_MIN_US = 100
APPLY_MAX_US = 1_000
APPLY_SLOW_PER_MILLE = 10
APPLY_SLOW_MAX_US = 50_000


class Council:
    """All members of a store.

    Attributes:
        members: by host.
        leader: who leads, or led last.
        quorum: whether the leader holds a majority.
    """

    def __init__(self, loop: SimLoop, links: Links, rng: Rng, hosts: Sequence[str]) -> None:
        self.members = {host: Member(host, loop.process(f"{host}/store")) for host in hosts}
        self.leader: Member | None = None
        self.quorum = False
        self._loop = loop
        self._links = links
        self._rng = rng
        self._electing = False

    def count(self) -> None:
        """See whether the leader still, or again, holds a majority."""
        self.quorum = self.leader is not None and self._sees_majority(self.leader)

    def reaches(self, member: Member) -> bool:
        """Whether a leader with a majority and this member see each other."""
        return self.quorum and self.leader is not None and self._joined(self.leader, member)

    def elect(self, done: Callable[[], None]) -> None:
        """If there is no majority, have somebody find one in time, and say so."""
        if not self.quorum and not self._electing and self._candidates():
            self._electing = True
            delay_us = self._rng.between(ELECTION_MIN_US, ELECTION_MAX_US, purpose="election/time-out")
            self._loop.after(delay_us, self._loop.harness, self._end_election, done)

    def _end_election(self, done: Callable[[], None]) -> None:
        self._electing = False
        candidates = self._candidates()
        if not self.quorum and candidates:
            self.leader = self._rng.choice(candidates, purpose="election/leader")
            done()

    def round_us(self, leader: Member) -> int:
        """Draw how long a majority takes to know a request: as long as the slowest member that is needed."""
        delay_us = self._rng.between(QUORUM_MIN_US, QUORUM_MAX_US, purpose="quorum")
        if not self._links.impaired():
            return delay_us
        rounds = sorted(
            self._links.stream_us(leader.name, other.name) + self._links.stream_us(other.name, leader.name)
            for other in self.members.values()
            if other is not leader and self._joined(leader, other)
        )
        return delay_us + max(rounds[: len(self.members) // 2], default=0)

    def apply_us(self, member: Member) -> int:
        """Draw when a member applies an entry that is committed now; the leader does at once."""
        now_us = self._loop.now_us
        if self.leader is None or member is self.leader:
            return now_us
        if self._links.impaired():
            now_us += self._links.stream_us(self.leader.name, member.name)
        purpose = member.name
        if self._rng.chance(APPLY_SLOW_PER_MILLE, purpose=purpose):
            return now_us + self._rng.between(APPLY_MAX_US, APPLY_SLOW_MAX_US, purpose=purpose)
        return now_us + self._rng.between(APPLY_MIN_US, APPLY_MAX_US, purpose=purpose)

    def _candidates(self) -> list[Member]:
        return [member for member in self.members.values() if self._sees_majority(member)]

    def _sees_majority(self, member: Member) -> bool:
        seen = sum(self._joined(member, other) for other in self.members.values())
        return 2 * seen > len(self.members)

    def _joined(self, one: Member, other: Member) -> bool:
        return one.up and other.up and self._links.joins(one.name, other.name)
