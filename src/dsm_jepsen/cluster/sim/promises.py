"""What one kind of store promises differently from another: numbers and switches, no code.

The axioms of ``store.py`` are common to all kinds. Each field here is an axiom that only some keep, or
keep in another measure.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Promises:
    """A kind of store.

    Attributes:
        numbered: *A key's changes are numbered* from 1, deletions too, and its version is the number of the
            last one, unless the key is plain; else it is the revision of the last one.
        pipelined: *A connection is a session, and a session is a pipeline*: its requests are carried out one
            after the other, in the order they were made. One that hangs holds up all others, stale reads too;
            and what waited is sent when its turn comes, even if its caller has given up.
        alone_us: *A member without a leader closes.* It goes on to answer stale reads for this long at most.
            Then it breaks its connections, and takes nothing until it follows a leader; ``None``: never.
        tick_us: *Sessions end on ticks.* The store rounds their ends up to whole multiples of this.
        ring_size: *A key's last changes are kept in a ring* of this size: a watch that is further behind is
            told that it missed some; ``None``: all are kept until somebody compacts.
        quiet: *Hints below a folder tell of plain keys that come and go*, not of those that are overwritten.
    """

    numbered: bool
    pipelined: bool
    alone_us: int | None
    tick_us: int
    ring_size: int | None
    quiet: bool


RING_SIZE = 32
"""Changes of a key that ZooKeeper's adapter keeps."""

ETCD = Promises(numbered=False, pipelined=False, alone_us=None, tick_us=1, ring_size=None, quiet=False)


def zookeeper(ring_size: int = RING_SIZE) -> Promises:
    """ZooKeeper with ticks of 200 ms and a syncLimit of 5 ticks, below an adapter that keeps rings.

    Two more of its axioms need no switch. *A session never goes backwards*: a connection keeps to one
    member, whose prefix never gets shorter. *Only a leader ends sessions*: every kind needs a quorum to.
    """
    if ring_size < 1 or ring_size & (ring_size - 1):
        # The adapter's rule: a power of two divides 2^32, where ZooKeeper's own versions wrap.
        raise ValueError(f"a ring of {ring_size} changes is impossible; give a power of two")
    return Promises(
        numbered=True,
        pipelined=True,
        alone_us=1_000_000,
        tick_us=200_000,
        ring_size=ring_size,
        quiet=True,
    )
