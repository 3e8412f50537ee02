"""The values a state chart works on: events, configurations, variables, and what a step gives.

All are immutable and hashable, so that a checker can put them into sets, and have one JSON form, so
that a store can keep them. The same content has one representation: states in document order,
variables and parameters sorted by name.
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, NamedTuple, Self

import msgspec

Scalar = str | int | float | bool | None
"""The value of a variable or of an event's parameter."""

Variables = tuple[tuple[str, Scalar], ...]
"""The extended variables: pairs of name and value, sorted by name."""


class Event(msgspec.Struct, frozen=True):
    """What happens to a chart: a name, and parameters that actions and guards may read.

    Attributes:
        name: as in the chart's transitions; a name the chart does not know is refused by ``step``.
        parameters: pairs of name and value, sorted by name; ``Event.of`` sorts them.
    """

    name: str
    parameters: Variables = ()

    def __post_init__(self) -> None:
        """Reject parameters that are not sorted: equal events must be equal values."""
        if len(self.parameters) > 1 and not is_sorted(self.parameters):
            raise ValueError(
                f"event {self.name!r}: parameters {[name for name, _ in self.parameters]} are not sorted by "
                "name, each once; build the event with Event.of(name, {...})"
            )

    @classmethod
    def of(cls, name: str, parameters: Mapping[str, Scalar]) -> Self:
        """Build an event from a mapping of parameters."""
        return cls(name, variables_from_json(parameters))


class Configuration(msgspec.Struct, frozen=True, omit_defaults=True, cache_hash=True):
    """Where a chart is: everything beside the variables that decides what it does next.

    Attributes:
        states: all active states, in document order, so that a state comes before its substates.
        history: pairs of a history state's name and the states it remembers, in document order.
        deferred: events kept for later, oldest first.

    No chart has history states or defers events as yet; the fields stand so that the stored form will
    stay as it is.
    """

    states: tuple[str, ...]
    history: tuple[tuple[str, tuple[str, ...]], ...] = ()
    deferred: tuple[Event, ...] = ()


class Step(NamedTuple):
    """What one event did.

    Attributes:
        configuration: the configuration after it; the one before, if nothing fired.
        variables: the variables after it.
        accepted: whether the event counts as handled. Without a transition only ever under Spring
            semantics, when guards refused it.
        transition: place in the chart's definition of the transition that fired, from 0; or ``None``.
        exited: states left, innermost first.
        entered: states entered, outermost first.
        actions: names of the actions run, in order.
        reason: why no transition fired, for people; ``None`` when one did.
    """

    configuration: Configuration
    variables: Variables
    accepted: bool
    transition: int | None = None
    exited: tuple[str, ...] = ()
    entered: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    reason: str | None = None


def is_sorted(pairs: Iterable[tuple[str, Scalar]]) -> bool:
    """Whether the pairs' names ascend, each once."""
    return all(left < right for (left, _), (right, _) in pairwise(pairs))


def configuration_to_json(configuration: Configuration) -> dict[str, Any]:
    """Give ``{"states": [...]}``, with ``history`` and ``deferred`` where there are any."""
    # By way of text, since plain conversion would leave tuples, which no JSON reader gives.
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(configuration))
    return plain


def configuration_from_json(plain: Any) -> Configuration:
    """Read what ``configuration_to_json`` gave.

    Raises:
        msgspec.ValidationError: it has another shape; whether a chart can be there is for ``step`` to say.
    """
    return msgspec.convert(plain, Configuration)


def variables_to_json(variables: Variables) -> dict[str, Scalar]:
    """Give ``{name: value, ...}``."""
    return dict(variables)


def variables_from_json(plain: Mapping[str, Any]) -> Variables:
    """Read variables, or an event's parameters, from a mapping.

    Raises:
        msgspec.ValidationError: a name is not text, or a value not a JSON scalar.
    """
    return tuple(sorted(msgspec.convert(plain, dict[str, Scalar]).items(), key=_name))


def _name(pair: tuple[str, Scalar]) -> str:
    return pair[0]
