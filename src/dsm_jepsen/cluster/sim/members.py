"""A member of the store as its clients see it: what it has applied, and which requests it has open."""

from collections import deque
from collections.abc import Callable
from typing import Any

from dsm_jepsen.cluster.sim.links import place
from dsm_jepsen.cluster.sim.process import Process, SimFuture, State
from dsm_jepsen.env import Role

KNOCKING_MAX = 1_000


class Request:
    """What a client asks of its member.

    Attributes:
        client: the process that asks.
        member: the member that it asks.
        answer: where the result or error goes; a client that gave up has completed it already.
        read: computes the result from the prefix a member has applied; of reads only.
        write: takes effect on the log and returns the result; of writes only.
        stale_ok: whether the member may answer from what it knows.
    """

    __slots__ = ("answer", "client", "member", "read", "result", "stale_ok", "write")

    def __init__(
        self,
        client: Process,
        member: "Member",
        answer: SimFuture[Any],
        *,
        read: Callable[[int], Any] | None = None,
        write: Callable[[], Any] | None = None,
        stale_ok: bool = False,
    ) -> None:
        self.client = client
        self.member = member
        self.answer = answer
        self.read = read
        self.write = write
        self.stale_ok = stale_ok
        self.result: Any = None


class Member:
    """One member: it applies a prefix of the log, in order, and that prefix never gets shorter.

    Attributes:
        host: where it runs.
        name: its place, such as ``n1/store``.
        process: its present incarnation.
        follows: whether entries reach it from a leader with a quorum.
        full: whether its disk is.
        serves: whether it takes requests; else they wait in ``knocking``, the oldest ones being forgotten.
        open: requests that arrived and were not answered; they break when it dies.
        waiting: requests whose entry it cannot apply before it follows again.
    """

    def __init__(self, host: str, process: Process) -> None:
        self.host = host
        self.name = place(host, Role.STORE)
        self.process = process
        self.follows = False
        self.full = False
        self.serves = True
        self.knocking: deque[Request] = deque(maxlen=KNOCKING_MAX)
        self.open: dict[Request, None] = {}
        self.waiting: list[tuple[Request, int]] = []
        self._applied = 0
        self._coming: deque[tuple[int, int]] = deque()  # (when in us, position), both rising

    @property
    def up(self) -> bool:
        """Whether its process runs."""
        return self.process.state is State.UP

    def applied(self, now_us: int) -> int:
        """The position up to which it knows the log."""
        coming = self._coming
        while coming and coming[0][0] <= now_us:
            self._applied = coming.popleft()[1]
        return self._applied

    def expect(self, when_us: int, position: int) -> None:
        """Let it apply the log up to a position then, or right after what comes before."""
        last = self._coming[-1] if self._coming else (0, self._applied)
        if position > last[1]:
            self._coming.append((max(when_us, last[0]), position))

    def due_us(self, position: int, now_us: int) -> int | None:
        """When it will have applied a position; ``None`` if nobody knows."""
        if self.applied(now_us) >= position:
            return now_us
        return next((when_us for when_us, coming in self._coming if coming >= position), None)

    def forget(self, position: int) -> None:
        """Know nothing of the log after a position."""
        self._applied = min(self._applied, position)
        self._coming = deque(coming for coming in self._coming if coming[1] <= position)

    def lose_leader(self, now_us: int) -> None:
        """Apply nothing further until it follows again."""
        self.applied(now_us)
        self._coming.clear()
        self.follows = False
