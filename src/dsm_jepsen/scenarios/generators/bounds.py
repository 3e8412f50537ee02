"""Bounds on a generator: how many operations, how long, how fast, and until what."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from dsm_jepsen.history import Op
from dsm_jepsen.scenarios.generators.base import Answer, Ask, Generator, Invocation, Pending, Thread

_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class _Limit(Generator):
    left: int
    inner: Generator

    def ask(self, ask: Ask) -> Answer:
        if self.left == 0:
            return None
        answer = self.inner.ask(ask)
        if answer is None:
            return None
        spent = isinstance(answer[0], Invocation)
        return answer[0], _Limit(self.left - spent, answer[1])

    def update(self, event: Op, thread: Thread) -> Generator:
        return _update_inner(self, event, thread)


def _update_inner(wrapper: "_Limit | _Stagger | _TimeLimit", event: Op, thread: Thread) -> Generator:
    inner = wrapper.inner.update(event, thread)
    return wrapper if inner is wrapper.inner else replace(wrapper, inner=inner)


def limit(count: int, generator: Generator) -> Generator:
    """At most so many operations."""
    return _Limit(count, generator)


@dataclass(frozen=True, slots=True)
class _TimeLimit(Generator):
    for_ns: int
    inner: Generator
    until_ns: int | None = None

    def ask(self, ask: Ask) -> Answer:
        until = ask.now_ns + self.for_ns if self.until_ns is None else self.until_ns
        if ask.now_ns >= until:
            return None
        answer = self.inner.ask(ask)
        if answer is None:
            return None
        emission, inner = answer
        if isinstance(emission, Pending):
            emission = Pending(until).or_sooner(emission)
        return emission, _TimeLimit(self.for_ns, inner, until)

    def update(self, event: Op, thread: Thread) -> Generator:
        return _update_inner(self, event, thread)


def time_limit(seconds: float, generator: Generator) -> Generator:
    """Exhausted so long after it was first asked; operations in flight still end."""
    return _TimeLimit(round(seconds * _SECOND), generator)


@dataclass(frozen=True, slots=True)
class _Stagger(Generator):
    mean_ns: int
    inner: Generator
    purpose: str
    next_ns: int | None = None

    def ask(self, ask: Ask) -> Answer:
        next_ns = ask.now_ns if self.next_ns is None else self.next_ns
        if ask.now_ns < next_ns:
            return Pending(next_ns), self
        answer = self.inner.ask(ask)
        if answer is None:
            return None
        emission, inner = answer
        if isinstance(emission, Invocation):
            next_ns = ask.now_ns + ask.rng.below(2 * self.mean_ns, purpose=self.purpose)
        return emission, _Stagger(self.mean_ns, inner, self.purpose, next_ns)

    def update(self, event: Op, thread: Thread) -> Generator:
        return _update_inner(self, event, thread)


def stagger(seconds: float, generator: Generator, *, purpose: str = "generator/stagger") -> Generator:
    """Operations apart by 0 .. 2 times ``seconds`` (over all threads together, not for each)."""
    return _Stagger(round(seconds * _SECOND), generator, purpose)


@dataclass(frozen=True, slots=True)
class _Until(Generator):
    met: Callable[[Op], bool]
    left: int
    inner: Generator

    def ask(self, ask: Ask) -> Answer:
        answer = self.inner.ask(ask) if self.left > 0 else None
        return None if answer is None else (answer[0], replace(self, inner=answer[1]))

    def update(self, event: Op, thread: Thread) -> Generator:
        left = self.left - (self.left > 0 and self.met(event))
        return replace(self, left=left, inner=self.inner.update(event, thread))


def until(met: Callable[[Op], bool], generator: Generator, *, times: int = 1) -> Generator:
    """Until so many events, of whatever thread it is told of, have met a condition."""
    return _Until(met, times, generator)


def until_ok(generator: Generator) -> Generator:
    """Until an operation has ended ok."""
    return until(lambda event: event.type == "ok", generator)
