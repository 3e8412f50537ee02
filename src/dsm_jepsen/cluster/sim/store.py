"""The simulated store: not a protocol such as Raft, but the promises that etcd and ZooKeeper make.

It knows everything and decides, by draws, whatever those promises leave open. The axioms:

1. *One log.* Every write is one entry, all or nothing; entry i has revision i.
2. *Quorum.* A request travels over the links to its member and on to the leader, and takes effect
   after a delay if the leader holds a majority of members all that time.
3. *Limbo.* A write that the leader has when it does not hold a majority is in limbo: once there is a
   majority again it is kept or dropped, for good, and nobody is told. So a request that timed out
   may have taken effect, or may do so after the client gave up: giving up withdraws nothing.
4. *Linearizable reads* take the same path, and see all that was acknowledged before they began.
5. *Members apply prefixes* of the log, in order, each at its own pace; a prefix never gets shorter, not
   even by a restart. A stale read sees its member's prefix, with or without a quorum. A client's write
   is answered when its own member has applied it.
6. *Definite errors are certain.* A dead member refuses at once; whatever else goes wrong is indefinite.
7. *Leaders.* One that lost its majority is replaced in time.

10. *Disks.* A member has synced what it tells others and what it applies, so a power cut takes no more from
    it than a kill. One whose disk is full ends at the next entry that it should write.

Leaders, sessions (8) and watches (9) have their axioms beside them; what kinds of stores promise differently
is in ``promises.py``.
"""

from collections.abc import Callable, Sequence
from typing import Any

from dsm_jepsen.cluster.sim.council import Council
from dsm_jepsen.cluster.sim.links import Links
from dsm_jepsen.cluster.sim.log import Log
from dsm_jepsen.cluster.sim.loop import SimLoop
from dsm_jepsen.cluster.sim.members import Member, Request
from dsm_jepsen.cluster.sim.process import Process, State
from dsm_jepsen.cluster.sim.promises import Promises
from dsm_jepsen.cluster.sim.sessions import Leases
from dsm_jepsen.cluster.sim.watches import Feeds
from dsm_jepsen.env import (
    PLAIN,
    Change,
    Commit,
    Compare,
    DefiniteError,
    IndefiniteError,
    OutcomeError,
    Put,
    Rng,
    SessionLostError,
    Write,
)

KEPT_PER_MILLE = 500


class SimStore:
    """All members, their log and their leader."""

    def __init__(
        self, loop: SimLoop, links: Links, rng: Rng, hosts: Sequence[str], promises: Promises
    ) -> None:
        self.loop = loop
        self.links = links
        self.rng = rng
        self.promises = promises
        self.log = Log(numbered=promises.numbered)
        self.leases = Leases(self)
        self.feeds = Feeds()
        self._council = Council(loop, links, rng, hosts)
        self.members = self._council.members
        for member in self.members.values():
            member.serves = promises.alone_us is None
        self._pending: dict[Request, None] = {}
        self._limbo: list[Request] = []

    @property
    def leader(self) -> str | None:
        """The host of the member that leads and holds a majority."""
        council = self._council
        return council.leader.host if council.leader is not None and council.quorum else None

    @property
    def quorum(self) -> bool:
        """Whether a leader holds a majority."""
        return self._council.quorum

    # The way of a request.

    def send(self, request: Request) -> None:
        """Put a client's request on its way to its member."""
        request.member.open[request] = None
        self.reach(request.client, request.member, self._receive, self._refuse, _lose, request)

    def reach(
        self,
        client: Process,
        member: Member,
        arrive: Callable[..., None],
        refuse: Callable[..., None],
        lose: Callable[..., None],
        *message: Any,
    ) -> None:
        """Take a client's message to its member, to its host alone if the member is dead, or nowhere."""
        self.loop.after(
            self.links.delay_us(client.name, member.name),
            self.loop.harness,
            self._knock,
            client,
            member,
            arrive,
            refuse,
            lose,
            *message,
        )

    def _knock(
        self,
        client: Process,
        member: Member,
        arrive: Callable[..., None],
        refuse: Callable[..., None],
        lose: Callable[..., None],
        *message: Any,
    ) -> None:
        if not self.links.passes(client.name, member.name):
            lose(*message)
        elif member.up:
            arrive(*message)
        elif member.process.state is State.DEAD:
            refuse(*message)
        else:
            self.loop.after(0, member.process, arrive, *message)

    def _refuse(self, request: Request) -> None:
        # Definite: the member's host answered that nobody listens, so nobody has the request.
        self._send_back(request, DefiniteError("connection-refused"))

    def needs_leader(self, request: Request) -> bool:
        """Whether a request is more than its member may answer by itself (axioms 4 and 5)."""
        return not request.stale_ok

    def _receive(self, request: Request) -> None:
        member, leader = request.member, self._council.leader
        if not member.serves:
            member.knocking.append(request)
        elif request.read is not None and not self.needs_leader(request):
            self._answer(request, self.own_knowledge(request))
        elif leader is member:
            self._propose(request, leader)
        elif leader is not None:
            delay_us = self.links.delay_us(member.name, leader.name)
            self.loop.after(delay_us, self.loop.harness, self._propose, request, leader)

    def own_knowledge(self, request: Request) -> Any:
        """What a member answers by itself (its prefix of the log, whole)."""
        assert request.read is not None, "a write is no question"
        return request.read(request.member.applied(self.loop.now_us))

    def _propose(self, request: Request, leader: Member) -> None:
        if leader is not self._council.leader or leader.process.state is State.DEAD:
            return
        if leader is not request.member and not self.links.passes(request.member.name, leader.name):
            return
        if self.quorum:
            self._pending[request] = None
            self.loop.after(self._council.round_us(leader), self.loop.harness, self._take_effect, request)
        elif request.write is not None:
            self._limbo.append(request)

    def _take_effect(self, request: Request) -> None:
        if request not in self._pending:
            return  # the majority was lost meanwhile: axiom 3
        del self._pending[request]
        if request.write is not None:
            request.result = _outcome(request.write)
        self._answer_once_applied(request, self.log.position)

    def _answer_once_applied(self, request: Request, position: int) -> None:
        now_us = self.loop.now_us
        member = request.member
        due_us = member.due_us(position, now_us) if member.follows else None
        if due_us is None:
            member.waiting.append((request, position))
        elif due_us > now_us:
            self.loop.after(due_us - now_us, member.process, self._answer_once_applied, request, position)
        elif request.read is not None:
            self._answer(request, request.read(member.applied(now_us)))
        else:
            self._answer(request, request.result)

    def _answer(self, request: Request, result: Any) -> None:
        if request in request.member.open:
            del request.member.open[request]
            self._send_back(request, result)

    def _send_back(self, request: Request, result: Any) -> None:
        source, target = request.member.name, request.client.name
        self.loop.after(
            self.links.delay_us(source, target), self.loop.harness, self._arrive_back, request, result
        )

    def _arrive_back(self, request: Request, result: Any) -> None:
        if not self.links.passes(request.member.name, request.client.name) or request.answer.done():
            return
        if isinstance(result, OutcomeError):
            request.answer.set_exception(result)
        else:
            request.answer.set_result(result)

    # What writes do once they take effect.

    def append(self, writes: Sequence[Write]) -> Commit:
        """Add an entry to the log and let members and watches know."""
        before = self.log.position
        quiet = self._overwritten(writes) if self.promises.quiet else ()
        commit = self.log.append(writes)
        if commit.position > before:
            for member in self.members.values():
                if member.follows and member.full:
                    self.loop.after(0, self.loop.harness, self.kill, member.host)
                elif member.follows:
                    member.expect(self._council.apply_us(member), commit.position)
            self.feeds.notice(writes, commit.position, quiet=quiet)
        return commit

    def _overwritten(self, writes: Sequence[Write]) -> frozenset[str]:
        puts = [write.key for write in writes if isinstance(write, Put) and PLAIN in write.key]
        return frozenset(key for key in puts if self.log.entry(key) is not None)

    def acknowledge(self, writes: Sequence[Write]) -> Commit:
        """Do a client's writes, and say so (axiom 1)."""
        return self.append(writes)

    def transact(self, compares: Sequence[Compare], writes: Sequence[Write]) -> Commit | None:
        """Do all writes if all compares hold."""
        for compare in compares:
            entry = self.log.entry(compare.key)
            if (None if entry is None else entry.version) != compare.version:
                return None
        for write in writes:
            if isinstance(write, Put) and write.session is not None and write.session.id not in self.leases:
                raise SessionLostError("session-lost", write.session.id)
        commit = self.acknowledge(writes)
        for write in writes:
            if isinstance(write, Put) and write.session is not None:
                self.leases.bind(write.session.id, write.key)
        return commit

    def lease_us(self, ttl_us: int) -> int:
        """How long a renewal counts (the whole ttl)."""
        return ttl_us

    def changes(self, key: str, *, after: int, upto: int) -> list[Change]:
        """What a watch is given of a key's changes (all of them, in order)."""
        return self.log.changes(key, after=after, upto=upto)

    def dropped(self, key: str, *, upto: int) -> int:
        """The position up to which a key's changes are gone for who has read none, as seen at a position."""
        gone = self.log.compacted - 1
        size = self.promises.ring_size
        if size is not None:
            gone = max(gone, self.log.before(key, size, upto=upto))
        return gone

    def compact(self, position: int) -> None:
        """Give changes before this position to no watch any more."""
        if not 0 <= position <= self.log.position:
            raise ValueError(f"cannot compact at {position}; the log has 0 to {self.log.position}")
        self.log.compacted = max(position, self.log.compacted)

    # What happens to members.

    def kill(self, host: str) -> None:
        """End a member; its open requests break."""
        member = self.members[host]
        member.process.kill()
        self._disconnect(member)
        self.review()

    def cut_power(self, host: str) -> None:
        """End a member, and take from its disk what it had not synced (axiom 10: nothing that matters)."""
        self.kill(host)

    def restart(self, host: str) -> None:
        """Start a dead member again; it knows what it had applied."""
        member = self.members[host]
        if member.process.state is State.DEAD:
            member.process = self.loop.process(member.name)
            member.serves = self.promises.alone_us is None
            self.review()

    def pause(self, host: str) -> None:
        """Freeze a member."""
        self.members[host].process.pause()
        self.review()

    def resume(self, host: str) -> None:
        """Let a frozen member go on."""
        self.members[host].process.resume()
        self.review()

    def state(self, host: str) -> State:
        """What has become of a member."""
        return self.members[host].process.state

    def review(self) -> None:
        """Find out what changed after members or links did: who follows, who may lead."""
        council = self._council
        had_quorum = council.quorum
        council.count()
        if not council.quorum:
            self._limbo.extend(request for request in self._pending if request.write is not None)
            self._pending.clear()
        for member in self.members.values():
            if not council.reaches(member):
                self._part(member)
            elif not member.follows:
                self._follow(member)
        if council.quorum and not had_quorum:
            self._leave_limbo()
            self.leases.check_all()
        self.feeds.review()
        council.elect(self._lead)

    def _lead(self) -> None:
        """A new leader was found."""
        self.leases.renew_all()
        self.review()

    def _follow(self, member: Member) -> None:
        member.follows = member.serves = True
        member.expect(self._council.apply_us(member), self.log.position)
        waiting, member.waiting = member.waiting, []
        for request, position in waiting:
            self._answer_once_applied(request, position)
        while member.knocking:
            self._receive(member.knocking.popleft())

    def _part(self, member: Member) -> None:
        """Leave a member with what it has applied."""
        alone_us = self.promises.alone_us
        if member.follows and alone_us is not None:
            delay_us = self.rng.between(0, alone_us, purpose=f"{member.name}/alone")
            self.loop.after(delay_us, member.process, self._close, member)
        member.lose_leader(self.loop.now_us)

    def _close(self, member: Member) -> None:
        """Axiom of ZooKeeper: a member without a leader closes."""
        if member.serves and not member.follows:
            member.serves = False
            self._disconnect(member)
            self.feeds.review()

    def _disconnect(self, member: Member) -> None:
        for request in member.open:
            # Indefinite: the request may be at the leader already.
            self._send_back(request, IndefiniteError("connection-reset"))
        member.open.clear()
        member.waiting.clear()
        member.knocking.clear()

    def _leave_limbo(self) -> None:
        limbo, self._limbo = self._limbo, []
        for request in limbo:
            if request.write is not None and self.rng.chance(KEPT_PER_MILLE, purpose="limbo"):
                _outcome(request.write)


def _lose(_request: Request) -> None:
    """Leave a client whose request was lost to its time-out."""


def _outcome(write: Callable[[], Any]) -> Any:
    """Let a write take effect; a refusal, such as of a lost session, is a result too."""
    try:
        return write()
    except OutcomeError as error:
        return error
