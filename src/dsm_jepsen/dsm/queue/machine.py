"""What a machine of the work queue is: states, edges between them, and the tick that moves an instance on.

A tick is a function of the instance: it returns the next state, the next payload and the effects that the
step has on the world. It may run more than once for one step (its worker may die, or lose the claim), but
only one result is ever committed. So what must happen once is not done in the tick: it is returned as an
effect, which is delivered at least once and always under the same key, so that receivers can drop repeats.

A state without edges is final. A state with a ``Fork`` is entered by one step and left by another. Entering
it begins its branches, which are instances of their own in states of the same machine, each until a final
state. When all have ended the instance is ticked in that state, the *join*, and sees how they ended.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Generic, Literal, TypeVar

import msgspec

P = TypeVar("P")

EFFECTS_MAX = 25
BRANCHES_MAX = 30
"""Bounds of one step: all that it writes goes into one transaction, and etcd takes 128 writes."""

OnFailure = Literal["fail-all", "wait"]


class RetryError(Exception):
    """A tick could not do its step now: tick again later.

    Attributes:
        after_ms: when; ``None`` leaves it to the backoff.
    """

    def __init__(self, why: str, *, after_ms: int | None = None) -> None:
        super().__init__(why)
        self.after_ms = after_ms


class FailError(Exception):
    """A tick found that its instance can never succeed: end it as failed, with this reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending(Generic[P]):
    """How a branch ended, as the join sees it."""

    status: str
    state: str
    payload: P
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance(Generic[P]):
    """An instance as its tick sees it.

    Attributes:
        id: of the instance; of a branch ``PARENT/SEQ.NAME``.
        seq: how many steps were committed; the key of an effect of this step begins with ``id-(seq + 1)``.
        attempt: how many ticks of this very step have failed.
        branches: in a join, by name, how each branch ended.
    """

    id: str
    state: str
    payload: P
    seq: int
    attempt: int
    branches: Mapping[str, Ending[P]] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance(Generic[P]):
    """What a tick wants: one step along an edge.

    Attributes:
        state: the next one.
        payload: the next one; that of a final state is the instance's result.
        effects: any JSON values, delivered at least once after the step was committed.
        after_ms: how long the next tick has to wait.
    """

    state: str
    payload: P
    effects: Sequence[Any] = ()
    after_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork:
    """What goes on in parallel in a state.

    Attributes:
        branches: by name, the state in which the branch begins.
        on_failure: ``fail-all``: the first branch that fails ends the others and the instance. ``wait``: the
            others go on; the join sees a branch that failed, and one in dead-letter is waited for.
    """

    branches: Mapping[str, str]
    on_failure: OnFailure

    def __post_init__(self) -> None:
        """Refuse what could not be carried out."""
        if not 1 <= len(self.branches) <= BRANCHES_MAX:
            raise ValueError(f"a fork has {len(self.branches)} branches; it may have 1 to {BRANCHES_MAX}")
        bad = [name for name in self.branches if not name or "/" in name]
        if bad:
            raise ValueError(f"branches are called {bad}; a name must not be empty or contain a slash")
        if self.on_failure not in ("fail-all", "wait"):
            raise ValueError(f"on_failure is {self.on_failure!r}; it must be 'fail-all' or 'wait'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine(Generic[P]):
    """A type of instances.

    Attributes:
        name: the type's.
        version: of the definition; a worker with another one than the instance's leaves it to others.
        payload: the type of payloads, any that msgspec can read from JSON.
        initial: where instances begin.
        edges: by state, the states that one step may lead to; none from a final state.
        forks: by state, what goes on in parallel there.
        tick: makes one step.
        deadline_ms: how long a tick may take; shorter than a worker's session.
        attempts: after how many failed ticks of one step an instance goes to dead-letter.
    """

    name: str
    payload: type[P]
    initial: str
    edges: Mapping[str, Sequence[str]]
    tick: Callable[[Instance[P]], Awaitable[Advance[P]]]
    forks: Mapping[str, Fork] = field(default_factory=lambda: MappingProxyType({}))
    version: int = 1
    deadline_ms: int = 5_000
    attempts: int = 5

    def __post_init__(self) -> None:
        """Refuse a chart that no instance could walk."""
        begins = [self.initial, *(state for fork in self.forks.values() for state in fork.branches.values())]
        named = [*begins, *self.forks, *(state for targets in self.edges.values() for state in targets)]
        unknown = sorted({state for state in named if state not in self.edges})
        if unknown:
            raise ValueError(f"machine {self.name!r} names states {unknown} that have no row in its edges")
        for state in begins:
            if state in self.forks or self.is_final(state):
                raise ValueError(
                    f"machine {self.name!r} begins, or a branch of it, in {state!r}; "
                    "that must be a plain state with at least one edge"
                )
        for state in self.forks:
            if self.is_final(state):
                raise ValueError(f"machine {self.name!r} forks in {state!r}, which no edge leaves")
        if self.deadline_ms < 1 or self.attempts < 1 or self.version < 1:
            raise ValueError(f"machine {self.name!r}: deadline_ms, attempts and version must be at least 1")

    def is_final(self, state: str) -> bool:
        """Whether no edge leaves a state."""
        return not self.edges[state]

    def encode(self, payload: Any) -> bytes:
        """Write a payload, or JSON values that can be read as one, as it is kept.

        Raises:
            ValueError: they cannot.
        """
        encoded = msgspec.json.encode(payload)
        try:
            msgspec.json.decode(encoded, type=self.payload)
        except msgspec.ValidationError as error:
            raise ValueError(f"a payload of {self.name!r}: {error}") from error
        return encoded


AnyMachine = Machine[Any]


def registry(machines: Sequence[AnyMachine]) -> Mapping[str, AnyMachine]:
    """Give machines by name.

    Raises:
        ValueError: two have the same name.
    """
    names = [machine.name for machine in machines]
    if len(set(names)) < len(names):
        raise ValueError(f"machines are called {names}; each name may be used once")
    return MappingProxyType(dict(zip(names, machines, strict=True)))
