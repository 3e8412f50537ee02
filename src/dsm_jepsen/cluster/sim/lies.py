"""Stores that break exactly one axiom, to show that the checkers would notice.

Each is the honest store with one method of a few lines replaced.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from dsm_jepsen.cluster.sim.members import Request
from dsm_jepsen.cluster.sim.process import State
from dsm_jepsen.cluster.sim.store import SimStore
from dsm_jepsen.env import Change, Commit, Write

LOST_PER_MILLE = 50
EARLY_PER_MILLE = 100
EARLY_DIVISOR = 5
GAP_PER_MILLE = 100
SYNC_EVERY_US = 1_000_000


class _StaleReads(SimStore):
    def needs_leader(self, request: Request) -> bool:
        return False


class _LostCommits(SimStore):
    def acknowledge(self, writes: Sequence[Write]) -> Commit:
        if not self.rng.chance(LOST_PER_MILLE, purpose="lie/lost-commits"):
            return super().acknowledge(writes)
        return self.log.forge(writes)


class _EarlyExpiry(SimStore):
    def lease_us(self, ttl_us: int) -> int:
        early = self.rng.chance(EARLY_PER_MILLE, purpose="lie/early-expiry")
        return ttl_us // EARLY_DIVISOR if early else ttl_us


class _WatchGaps(SimStore):
    def changes(self, key: str, *, after: int, upto: int) -> list[Change]:
        changes = super().changes(key, after=after, upto=upto)
        return [_ for _ in changes if not self.rng.chance(GAP_PER_MILLE, purpose="lie/watch-gaps")]


class _SkippedCommits(SimStore):
    _skipped: Mapping[str, int] = MappingProxyType({})  # member to the position it left out last

    def restart(self, host: str) -> None:
        if self.members[host].process.state is State.DEAD:
            self._skipped = {**self._skipped, host: self.members[host].applied(self.loop.now_us)}
        super().restart(host)

    def own_knowledge(self, request: Request) -> Any:
        with self.log.without(self._skipped.get(request.member.host, 0)):
            return super().own_knowledge(request)


class _UnsyncedWrites(SimStore):
    _synced = _sync_due_us = 0
    _dark: frozenset[str] = frozenset()

    def append(self, writes: Sequence[Write]) -> Commit:
        if self.loop.now_us >= self._sync_due_us:
            self._synced, self._sync_due_us = self.log.position, self.loop.now_us + SYNC_EVERY_US
        return super().append(writes)

    def cut_power(self, host: str) -> None:
        super().cut_power(host)
        self._dark |= {host}
        if 2 * len(self._dark) > len(self.members):
            self.log.forget(self._synced)
            for member in self.members.values():
                member.forget(self._synced)

    def restart(self, host: str) -> None:
        super().restart(host)
        self._dark -= {host}


class _NoReturn(SimStore):
    _lost: frozenset[str] = frozenset()

    def cut_power(self, host: str) -> None:
        super().cut_power(host)
        self._lost |= {host}

    def restart(self, host: str) -> None:
        if host not in self._lost:
            super().restart(host)


class Lie(NamedTuple):
    """What a lying store does, in one sentence, and the store that does it."""

    description: str
    store: type[SimStore]


LIES: dict[str, Lie] = {
    "stale-reads": Lie("Linearizable reads are answered from the member's own prefix.", _StaleReads),
    "lost-commits": Lie("Now and then a write is acknowledged but never done.", _LostCommits),
    "early-expiry": Lie("Now and then a session expires after a fifth of its ttl.", _EarlyExpiry),
    "no-return": Lie("A member that lost power does not start any more.", _NoReturn),
    "skipped-commits": Lie(
        "A member that was killed leaves out the last commit it had applied, for good.", _SkippedCommits
    ),
    "unsynced-writes": Lie(
        "Writes are acknowledged before they are synced, which is done each second.", _UnsyncedWrites
    ),
    "watch-gaps": Lie("Now and then a watch leaves out a change.", _WatchGaps),
}
