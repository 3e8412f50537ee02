"""The parts of every generator: the moment it is asked, what it may answer, and a single operation."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from dsm_jepsen.env import Rng
from dsm_jepsen.history import Op

Thread = int | Literal["nemesis"]
"""A client thread 0 .. concurrency - 1, or the nemesis."""


@dataclass(frozen=True, slots=True)
class Ask:
    """The moment at which a generator is asked.

    Attributes:
        now_ns: nanoseconds since the run began.
        free: the threads without an operation in flight, among those the generator may use.
        threads: all threads that it may use.
        rng: for its draws.
    """

    now_ns: int
    free: tuple[Thread, ...]
    threads: tuple[Thread, ...]
    rng: Rng

    def only(self, threads: frozenset[Thread]) -> "Ask":
        """The same moment for some of the threads."""
        return Ask(
            self.now_ns,
            tuple(thread for thread in self.free if thread in threads),
            tuple(thread for thread in self.threads if thread in threads),
            self.rng,
        )


class Invocation(NamedTuple):
    """An operation to start now."""

    thread: Thread
    f: str
    value: Any


class Pending(NamedTuple):
    """Nothing now; ask again at ``until_ns`` or after the next event (``None``: only then)."""

    until_ns: int | None = None

    def or_sooner(self, other: "Pending") -> "Pending":
        """The earlier of two."""
        if self.until_ns is None or (other.until_ns is not None and other.until_ns < self.until_ns):
            return other
        return self


class Generator:
    """What to do next; every method returns a new value and changes nothing."""

    def ask(self, ask: Ask) -> "tuple[Invocation | Pending, Generator] | None":
        """Give an operation or ``Pending``, and the generator to ask next; ``None`` when exhausted."""
        raise NotImplementedError

    def update(self, event: Op, thread: Thread) -> "Generator":
        """Take note of an event of the history."""
        return self


Answer = tuple[Invocation | Pending, Generator] | None


@dataclass(frozen=True, slots=True)
class _Nothing(Generator):
    def ask(self, ask: Ask) -> Answer:
        return None


NOTHING = _Nothing()
"""Exhausted from the start."""


@dataclass(frozen=True, slots=True)
class _Once(Generator):
    f: str
    value: Any

    def ask(self, ask: Ask) -> Answer:
        if not ask.free:
            # Without any thread it could call its own, its turn will never come.
            return (Pending(), self) if ask.threads else None
        thread = ask.free[0] if len(ask.free) == 1 else ask.rng.choice(ask.free, purpose="generator/thread")
        value = self.value(ask) if callable(self.value) else self.value
        return Invocation(thread, self.f, value), NOTHING


def once(f: str, value: Any | Callable[[Ask], Any] = None) -> Generator:
    """One operation, by any free thread; a function as value is called with the moment."""
    return _Once(f, value)
