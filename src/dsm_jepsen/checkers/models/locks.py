"""Locks: one holder at a time, told by name or not, with a fencing token or not.

Who acquires or releases is ``{"client": name}``, any JSON value for a name, or just the name; a process may
come to be another client's. An operation of which nobody was told what became of it did nothing where it was
not possible.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from dsm_jepsen.checkers._words import brief
from dsm_jepsen.checkers.models._base import REJECT, UNKNOWN, Assignment, Fact
from dsm_jepsen.checkers.models._values import frozen


@dataclass(frozen=True)
class Mutex:
    """A lock that does not know its holder.

    * ``acquire``, ok: asserts that it was free; it is held from now on.
    * ``release``, ok: asserts that it was held; it is free from now on.

    Values do not matter.
    """

    refusals: ClassVar[frozenset[str]] = frozenset()

    def judges(self, f: str) -> bool:
        """Judge acquires and releases."""
        return f in {"acquire", "release"}

    def init(self) -> bool:
        """Start free: not held."""
        return False

    def step(self, state: bool, f: str, argument: Any, result: Any) -> Any:
        """Take it if it is free, or free it if it is held."""
        if state is not (f == "acquire"):
            return not state
        return state if result is UNKNOWN else REJECT

    def assignment(self, f: str, argument: Any, result: Any) -> Assignment:
        """Say the same without a state."""
        acquires = f == "acquire"
        return Assignment("equals", not acquires, acquires, possible=result is UNKNOWN)

    def explain(self, states: Sequence[bool], f: str, argument: Any, result: Any) -> tuple[str, str]:
        """Say that it was held already, or by nobody."""
        if f == "acquire":
            return "two-holders", "succeeded, but the lock was held already"
        return "wrong-release", "succeeded, but nobody held the lock"


class Hold(NamedTuple):
    """A state of a lock that knows its holder.

    Attributes:
        owner: who; any value if it is free.
        times: how many times; 0: it is free.
    """

    owner: Hashable = None
    times: int = 0


@dataclass(frozen=True)
class ReentrantLock:
    """A lock that its holder may acquire again.

    * ``acquire``, ok: asserts that it was free, or held by this client, and not too many times already.
    * ``release``, ok: asserts that it was held by this client. It is free after as many as there were
      acquires.

    Attributes:
        limit: how many times it can be held, if there is a limit.
    """

    limit: int | None = None
    refusals: ClassVar[frozenset[str]] = frozenset()

    def judges(self, f: str) -> bool:
        """Judge acquires and releases."""
        return f in {"acquire", "release"}

    def init(self) -> Hold:
        """Start free."""
        return Hold()

    def step(self, state: Hold, f: str, argument: Any, result: Any) -> Any:
        """Count up or down if this client may."""
        client, _ = _told(argument)
        if f == "release" and state.times and state.owner == client:
            return Hold(client, state.times - 1) if state.times > 1 else Hold()
        if f == "acquire" and _may(state.owner, state.times, client, self.limit):
            return Hold(client, state.times + 1)
        return state if result is UNKNOWN else REJECT

    def facts(self, f: str, argument: Any, result: Any) -> Fact:
        """What may have done nothing is always possible."""
        return Fact.TOTAL if result is UNKNOWN else Fact(0)

    def explain(self, states: Sequence[Hold], f: str, argument: Any, result: Any) -> tuple[str, str]:
        """Say who held it."""
        held = (
            f"held by {brief(state.owner)}" + (f" {state.times} times" if state.times > 1 else "")
            if state.times
            else "free"
            for state in states
        )
        words = f"of {brief(_told(argument)[0])} succeeded, but the lock was {' or '.join(held)}"
        return "two-holders" if f == "acquire" else "wrong-release", words


class FencedHold(NamedTuple):
    """A state of a lock with tokens.

    Attributes:
        owner: who; any value if it is free.
        times: how many times; 0: it is free.
        token: of this hold, if it was told.
        highest: of all tokens told so far.
    """

    owner: Hashable = None
    times: int = 0
    token: int | None = None
    highest: int = 0


@dataclass(frozen=True)
class FencedLock:
    """A lock whose every hold has a token, a whole number larger than all before.

    * ``acquire``, ok with ``{"client": name, "fence": token}``: asserts that it was free, and that the token
      is larger than every one told before, and than 0. If it was held by this client, and not too many times
      already: that the token is that of this hold. A token of null asserts nothing: it was not told.
    * ``release``, ok: asserts that it was held by this client. It is free after as many as there were
      acquires.

    Attributes:
        limit: how many times it can be held, if there is a limit.
    """

    limit: int | None = 1
    refusals: ClassVar[frozenset[str]] = frozenset()

    def judges(self, f: str) -> bool:
        """Judge acquires and releases."""
        return f in {"acquire", "release"}

    def init(self) -> FencedHold:
        """Start free."""
        return FencedHold()

    def step(self, state: FencedHold, f: str, argument: Any, result: Any) -> Any:
        """Count up or down if this client may; tokens grow from hold to hold."""
        client, _ = _told(argument)
        owner, count, token, highest = state
        if f == "release" and count and owner == client:
            return FencedHold(client, count - 1, token, highest) if count > 1 else FencedHold(highest=highest)
        if f == "acquire" and _may(owner, count, client, self.limit):
            _, told = (None, None) if result is UNKNOWN else _told(result)
            if told is None or told == token:
                return FencedHold(client, count + 1, token, highest)
            return FencedHold(client, count + 1, told, told) if token is None and told > highest else REJECT
        return state if result is UNKNOWN else REJECT

    def facts(self, f: str, argument: Any, result: Any) -> Fact:
        """What may have done nothing is always possible."""
        return Fact.TOTAL if result is UNKNOWN else Fact(0)


def _may(owner: Hashable, count: int, client: Hashable, limit: int | None) -> bool:
    return not count or (owner == client and (limit is None or count < limit))


def _told(value: Any) -> tuple[Hashable, int | None]:
    """Give the client and the token of a value."""
    if not isinstance(value, Mapping):
        return frozen(value), None
    token = value.get("fence")
    if token is not None and type(token) is not int:
        raise ValueError(f"the fence {token!r} is no whole number")
    return frozen(value.get("client")), token
