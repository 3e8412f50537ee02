"""Generators side by side: which of them, and on which threads."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from dsm_jepsen.history import NEMESIS, Op
from dsm_jepsen.scenarios.generators.base import NOTHING, Answer, Ask, Generator, Invocation, Pending, Thread


@dataclass(frozen=True, slots=True)
class _Mix(Generator):
    parts: tuple[Generator, ...]
    purpose: str
    chosen: int | None = None

    def ask(self, ask: Ask) -> Answer:
        parts, chosen = self.parts, self.chosen
        while parts:
            if chosen is None:
                chosen = ask.rng.below(len(parts), purpose=self.purpose)
            answer = parts[chosen].ask(ask)
            if answer is not None:
                emission, following = answer
                parts = (*parts[:chosen], following, *parts[chosen + 1 :])
                # Kept until it has its turn, so that asking twice does not change the choice.
                kept = chosen if isinstance(emission, Pending) else None
                return emission, _Mix(parts, self.purpose, kept)
            parts, chosen = (*parts[:chosen], *parts[chosen + 1 :]), None
        return None

    def update(self, event: Op, thread: Thread) -> Generator:
        return _update_all(self, event, thread)


def _update_all(parallel: "_Mix | _AnyOf", event: Op, thread: Thread) -> Generator:
    parts = tuple(part.update(event, thread) for part in parallel.parts)
    changed = any(new is not old for new, old in zip(parts, parallel.parts, strict=True))
    return replace(parallel, parts=parts) if changed else parallel


def mix(*generators: Generator, purpose: str = "generator/mix") -> Generator:
    """Each operation from one of them, drawn anew; name one twice to make it twice as likely."""
    return _Mix(generators, purpose)


@dataclass(frozen=True, slots=True)
class _OneOf(Generator):
    parts: tuple[Generator, ...]
    purpose: str

    def ask(self, ask: Ask) -> Answer:
        return ask.rng.choice(self.parts, purpose=self.purpose).ask(ask) if self.parts else None


def one_of(*generators: Generator, purpose: str) -> Generator:
    """One of them, drawn when it is first asked, and that one to its end."""
    return _OneOf(generators, purpose)


@dataclass(frozen=True, slots=True)
class _AnyOf(Generator):
    parts: tuple[Generator, ...]

    def ask(self, ask: Ask) -> Answer:
        left: list[Generator] = []
        pending = Pending()
        for place, part in enumerate(self.parts):
            answer = part.ask(ask)
            if answer is None:
                continue
            emission, following = answer
            left.append(following)
            if isinstance(emission, Invocation):
                return emission, _AnyOf((*left, *self.parts[place + 1 :]))
            pending = pending.or_sooner(emission)
        return (pending, _AnyOf(tuple(left))) if left else None

    def update(self, event: Op, thread: Thread) -> Generator:
        return _update_all(self, event, thread)


def any_of(*generators: Generator) -> Generator:
    """All side by side; where two could go, the one named first goes."""
    return _AnyOf(generators)


@dataclass(frozen=True, slots=True)
class _On(Generator):
    nemesis: bool
    inner: Generator

    def ask(self, ask: Ask) -> Answer:
        answer = self.inner.ask(ask.only(frozenset(t for t in ask.threads if (t == NEMESIS) is self.nemesis)))
        return None if answer is None else (answer[0], _On(self.nemesis, answer[1]))

    def update(self, event: Op, thread: Thread) -> Generator:
        if (thread == NEMESIS) is not self.nemesis:
            return self
        inner = self.inner.update(event, thread)
        return self if inner is self.inner else replace(self, inner=inner)


def clients(generator: Generator) -> Generator:
    """Only by client threads."""
    return _On(nemesis=False, inner=generator)


def nemesis(generator: Generator) -> Generator:
    """Only by the nemesis."""
    return _On(nemesis=True, inner=generator)


@dataclass(frozen=True, slots=True)
class _EachProcess(Generator):
    origin: Generator
    copies: Mapping[Thread, Generator]

    def ask(self, ask: Ask) -> Answer:
        copies = dict(self.copies)
        pending = Pending()
        for thread in ask.free:
            one: tuple[Thread, ...] = (thread,)
            answer = copies.get(thread, self.origin).ask(Ask(ask.now_ns, one, one, ask.rng))
            if answer is None:
                copies[thread] = NOTHING
                continue
            emission, copies[thread] = answer
            if isinstance(emission, Invocation):
                return emission, _EachProcess(self.origin, copies)
            pending = pending.or_sooner(emission)
        if all(copies.get(thread) is NOTHING for thread in ask.threads):
            return None
        return pending, _EachProcess(self.origin, copies)

    def update(self, event: Op, thread: Thread) -> Generator:
        if thread not in self.copies:
            return self
        copy = self.copies[thread].update(event, thread)
        return self if copy is self.copies[thread] else replace(self, copies={**self.copies, thread: copy})


def each_process(generator: Generator) -> Generator:
    """A copy of it for every thread."""
    return _EachProcess(generator, {})


@dataclass(frozen=True, slots=True)
class _Reserve(Generator):
    counts: tuple[int, ...]
    parts: tuple[Generator, ...]

    def _shares(self, threads: tuple[Thread, ...]) -> list[frozenset[Thread]]:
        shares, start = [], 0
        for count in self.counts:
            shares.append(frozenset(threads[start : start + count]))
            start += count
        return [*shares, frozenset(threads[start:])]

    def ask(self, ask: Ask) -> Answer:
        parts = list(self.parts)
        pending = Pending()
        alive = False
        for place, share in enumerate(self._shares(ask.threads)):
            answer = parts[place].ask(ask.only(share))
            if answer is None:
                parts[place] = NOTHING
                continue
            alive = True
            emission, parts[place] = answer
            if isinstance(emission, Invocation):
                return emission, replace(self, parts=tuple(parts))
            pending = pending.or_sooner(emission)
        return (pending, replace(self, parts=tuple(parts))) if alive else None

    def update(self, event: Op, thread: Thread) -> Generator:
        return replace(self, parts=tuple(part.update(event, thread) for part in self.parts))


def reserve(*shares: tuple[int, Generator], default: Generator) -> Generator:
    """The first threads for the first generator, the next for the next, the rest for ``default``."""
    return _Reserve(tuple(count for count, _ in shares), (*(part for _, part in shares), default))
