"""What a system should do, told as a sequential machine: one operation after another, no concurrency.

A model is a step function over hashable states. A checker asks it whether an operation with this
argument may give this result in this state. Three results are not what a client was told as ``ok``:

* ``UNKNOWN``: the operation ended ``info``, or never returned; any result will do;
* ``Refused(kind, detail)``: it failed with one of the model's ``refusals``, errors that assert something
  of the state (such as "not applicable here");
* every other ``fail`` is never shown to a model: it certainly did not happen, and asserts nothing.
"""

from collections.abc import Hashable, Iterable, Sequence
from enum import Enum, IntEnum, IntFlag
from typing import Any, Final, Literal, NamedTuple, Protocol, runtime_checkable

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
    """Read the error of a completion; see ``refusal_of``."""
    return refusal_of(completion.error)


def refusal_of(error: Any) -> Refused:
    """Read an error, ``[kind, detail]``; any other value is its own kind."""
    match error:
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
        """Kinds of ``fail`` errors that assert something and are passed to ``step`` as ``Refused``."""
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
class NonDeterministic(Protocol):
    """A model in which an operation may end in several states: ``steps`` instead of ``step``."""

    @property
    def refusals(self) -> frozenset[str]:
        """See ``Model``."""
        ...

    def judges(self, f: str) -> bool:
        """See ``Model``."""
        ...

    def init(self) -> Hashable:
        """See ``Model``."""
        ...

    def steps(self, state: Any, f: str, argument: Any, result: Any) -> Iterable[Hashable]:
        """Give all states that the operation may end in; none if it cannot end like this in this state."""
        ...


class Plain(Protocol):
    """The least that a model has: it judges every operation, and knows no refusals."""

    def init(self) -> Hashable:
        """See ``Model``."""
        ...

    def step(self, state: Any, f: str, argument: Any, result: Any) -> Hashable:
        """See ``Model``."""
        ...


AnyModel = Plain | NonDeterministic
"""What checkers of linearizability take; a ``Model`` is a ``Plain`` one that says more."""


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


class Fact(IntFlag):
    """What holds of an operation in every state that its model can be in."""

    OBSERVES = 1
    """It changes no state."""
    TOTAL = 2
    """It is possible in every state."""
    RESETS = 4
    """It is possible in every state, and ends in the same one wherever it begins."""


@runtime_checkable
class Declares(Protocol):
    """A model that says what holds of its operations everywhere: it need not be found out by trying."""

    def facts(self, f: str, argument: Any, result: Any) -> Fact:
        """Say what holds of an operation with this argument and result; nothing is always safe."""
        ...


KEEP: Final = NotImplemented
"""Instead of a value: the state stays as it is."""


class Assignment(NamedTuple):
    """What an operation does to a state that is one value.

    Attributes:
        test: whether the state has to be this ``value``, must not be, or does not matter.
        value: what it is compared with.
        then: the state if the test is passed.
        possible: whether it can end like this, and change nothing, if the test is not passed.
    """

    test: Literal["always", "equals", "differs"]
    value: Any
    then: Any
    possible: bool


@runtime_checkable
class OneValue(Protocol):
    """A model whose state is one JSON value, and whose operations are assignments: it need not be asked."""

    def assignment(self, f: str, argument: Any, result: Any) -> Assignment:
        """Say the same as ``step``, for all states at once."""
        ...


class Verb(IntEnum):
    """What an operation plainly does, for models that say so by ``verbs``, by names of operations.

    It has to be just what ``assignment`` or ``edit`` say of it where these say it of every model like theirs:
    that the result is the state, that the argument replaces it, that ``[expected, new]`` swaps, or that
    the argument, a string, is appended. If the model is ``Keyed`` its values are ``[key, value]``.
    """

    READS = 1
    WRITES = 2
    SWAPS = 3
    APPENDS = 4


class Edit(NamedTuple):
    """What an operation does to a state that is a string or a tuple of JSON values.

    Attributes:
        kind: it ``appends`` or ``replaces`` by the operand, ``reads`` just the operand, or ``looks``,
            whatever it finds.
        operand: a string, or a sequence of JSON values.
    """

    kind: Literal["appends", "replaces", "reads", "looks"]
    operand: Any


@runtime_checkable
class OneSequence(Protocol):
    """A model whose state is one string or tuple, and whose operations are edits: it need not be asked."""

    def edit(self, f: str, argument: Any, result: Any) -> Edit:
        """Say the same as ``step``, for all states at once."""
        ...


@runtime_checkable
class Keyed(Protocol):
    """A model of many things of the same kind that know nothing of each other: judged one by one."""

    def part(self, f: str, argument: Any, result: Any) -> tuple[Hashable, Any, Any]:
        """Give which thing an operation is about, and the argument and result without it."""
        ...
