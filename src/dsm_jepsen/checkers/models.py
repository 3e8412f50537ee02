"""What a system should do, told as a sequential machine: one operation after another, no concurrency.

A model is a step function over hashable states. A checker asks it whether an operation with this
argument may give this result in this state. Three results are not what a client was told as ``ok``:

* ``UNKNOWN``: the operation ended ``info``, or never returned; any result will do;
* ``Refused(kind, detail)``: it failed with one of the model's ``refusals``, errors that assert something
  of the state (such as "not applicable here");
* every other ``fail`` is never shown to a model: it certainly did not happen, and asserts nothing.
"""

from collections.abc import Hashable, Sequence
from enum import Enum
from typing import Any, Final, NamedTuple, Protocol, runtime_checkable

from dsm_jepsen.history import Op


class _Sign(Enum):
    """Two values that no history can contain."""

    REJECT = "reject"
    UNKNOWN = "unknown"


REJECT: Final = _Sign.REJECT
"""Instead of a state: the operation is impossible here."""

UNKNOWN: Final = _Sign.UNKNOWN
"""Instead of a result: nobody was told."""


class Refused(NamedTuple):
    """Instead of a result: a failure that asserts something; ``detail`` is any JSON value."""

    kind: str
    detail: Any = None


def refusal(completion: Op) -> Refused:
    """Read the error of a completion, ``[kind, detail]``; any other value is its own kind."""
    match completion.error:
        case [kind, detail]:
            return Refused(str(kind), detail)
        case [kind]:
            return Refused(str(kind))
        case other:
            return Refused(str(other))


class Model(Protocol):
    """A sequential machine. Its shape is enough: nothing needs to be inherited."""

    @property
    def refusals(self) -> frozenset[str]:
        """Kinds of ``fail`` errors that assert something and are passed to ``step`` as ``Refused``.

        An operation that was refused changes no state.
        """
        ...

    @property
    def observers(self) -> frozenset[str]:
        """Names of operations that change no state."""
        ...

    def judges(self, f: str) -> bool:
        """Whether operations of this name are the model's business."""
        ...

    def init(self) -> Hashable:
        """Give the state before the first operation."""
        ...

    def step(self, state: Any, f: str, argument: Any, result: Any) -> Hashable:
        """Give the state after the operation, or ``REJECT`` if it cannot end like this in this state."""
        ...


@runtime_checkable
class Explains(Protocol):
    """A model that can also say what is wrong."""

    def explain(self, states: Sequence[Any], f: str, argument: Any, result: Any) -> tuple[str, str]:
        """Put in words why none of the states accepts the operation.

        Args:
            states: all that the machine could have been in when it took effect.
            f: the operation's name.
            argument: what it was invoked with.
            result: what it returned, or ``Refused``.

        Returns:
            the anomaly's name (``stale-read``), and a phrase to follow "process 3's read at 12.3 s"
            ("returned version 4, but the machine was at version 7").
        """
        ...


def _same(one: object, other: object) -> bool:
    """Compare as JSON does: 1, 1.0 and true are three values."""
    return type(one) is type(other) and one == other


class Register:
    """One value: ``read`` returns it, ``write`` replaces it. Values are hashable."""

    refusals: frozenset[str] = frozenset()
    observers = frozenset({"read"})

    def __init__(self, initial: Hashable = None) -> None:
        self.initial = initial

    def judges(self, f: str) -> bool:
        """Judge reads and writes."""
        return f in {"read", "write"}

    def init(self) -> Hashable:
        """Start with the initial value."""
        return self.initial

    def step(self, state: Any, f: str, argument: Any, result: Any) -> Any:
        """Replace the value, or compare it with what was read."""
        if f == "write":
            return argument
        return state if result is UNKNOWN or _same(result, state) else REJECT


class CasRegister:
    """A register with ``cas`` of ``[expected, new]``; one that compared unequal fails as ``unequal``."""

    refusals = frozenset({"unequal"})
    observers = frozenset({"read"})

    def __init__(self, initial: Hashable = None) -> None:
        self.register = Register(initial)

    def judges(self, f: str) -> bool:
        """Judge reads, writes and compare-and-sets."""
        return f == "cas" or self.register.judges(f)

    def init(self) -> Hashable:
        """Start with the initial value."""
        return self.register.init()

    def step(self, state: Any, f: str, argument: Any, result: Any) -> Any:
        """Replace the value if it is the expected one; a refusal asserts that it is not."""
        if f != "cas":
            return self.register.step(state, f, argument, result)
        expected, new = argument
        equal = _same(expected, state)
        if isinstance(result, Refused):
            return REJECT if equal else state
        if result is UNKNOWN:
            return new if equal else state
        return new if equal else REJECT
