"""Generators one after another: ``then``, ``phases``, ``cycle``, and ``sleep``."""

from dataclasses import dataclass, replace

from dsm_jepsen.history import Op
from dsm_jepsen.scenarios.generators.base import NOTHING, Answer, Ask, Generator, Pending, Thread

_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class _Then(Generator):
    parts: tuple[Generator, ...]

    def ask(self, ask: Ask) -> Answer:
        parts = self.parts
        while parts:
            answer = parts[0].ask(ask)
            if answer is not None:
                return answer[0], _Then((answer[1], *parts[1:]))
            parts = parts[1:]
        return None

    def update(self, event: Op, thread: Thread) -> Generator:
        return _update_first(self, event, thread)


def _update_first(sequence: "_Then | _Phases", event: Op, thread: Thread) -> Generator:
    if not sequence.parts:
        return sequence
    first = sequence.parts[0].update(event, thread)
    return sequence if first is sequence.parts[0] else replace(sequence, parts=(first, *sequence.parts[1:]))


def then(*generators: Generator) -> Generator:
    """One after the other, each when the one before is exhausted."""
    return _Then(generators)


@dataclass(frozen=True, slots=True)
class _Phases(Generator):
    parts: tuple[Generator, ...]
    begun: bool = False

    def ask(self, ask: Ask) -> Answer:
        parts, begun = self.parts, self.begun
        while parts:
            if not begun and len(ask.free) < len(ask.threads):
                return Pending(), _Phases(parts, begun=False)
            answer = parts[0].ask(ask)
            if answer is not None:
                return answer[0], _Phases((answer[1], *parts[1:]), begun=True)
            parts, begun = parts[1:], False
        return None

    def update(self, event: Op, thread: Thread) -> Generator:
        return _update_first(self, event, thread)


def phases(*generators: Generator) -> Generator:
    """One after the other, each only when every operation of the one before has ended."""
    return _Phases(generators)


@dataclass(frozen=True, slots=True)
class _Sleep(Generator):
    for_ns: int
    purpose: str | None = None
    until_ns: int | None = None

    def ask(self, ask: Ask) -> Answer:
        until = self.until_ns
        if until is None:
            drawn = self.for_ns if self.purpose is None else ask.rng.below(self.for_ns, purpose=self.purpose)
            until = ask.now_ns + drawn
        if ask.now_ns >= until:
            return None
        return Pending(until), replace(self, until_ns=until)


def sleep(seconds: float) -> Generator:
    """Nothing for some time, counted from when it is first asked."""
    return _Sleep(round(seconds * _SECOND))


def sleep_below(seconds: float, *, purpose: str) -> Generator:
    """Nothing for a time drawn from 0 .. ``seconds``."""
    return _Sleep(round(seconds * _SECOND), purpose)


@dataclass(frozen=True, slots=True)
class _Cycle(Generator):
    origin: Generator
    current: Generator
    times: int | None

    def ask(self, ask: Ask) -> Answer:
        answer = self.current.ask(ask)
        if answer is not None:
            return answer[0], _Cycle(self.origin, answer[1], self.times)
        if self.times == 1:
            return None
        left = None if self.times is None else self.times - 1
        answer = self.origin.ask(ask)
        return None if answer is None else (answer[0], _Cycle(self.origin, answer[1], left))

    def update(self, event: Op, thread: Thread) -> Generator:
        current = self.current.update(event, thread)
        return self if current is self.current else replace(self, current=current)


def cycle(generator: Generator, *, times: int | None = None) -> Generator:
    """Again from its beginning whenever it is exhausted, for ever or so many times in all."""
    return _Cycle(generator, generator, times) if times is None or times > 0 else NOTHING
