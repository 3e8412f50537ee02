"""What a chart is made of: states and transitions as data, guards and actions as pure functions by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from dsm_jepsen.dsm.chart.values import Event, Scalar

Guard = Callable[[Mapping[str, Scalar], Event], bool]
"""Says from the variables and the event whether a transition may fire; pure."""

Action = Callable[[Mapping[str, Scalar], Event], Mapping[str, Scalar]]
"""Gives from the variables and the event the variables that change, with their new values; pure."""

Kind = Literal["external", "internal", "local"]
"""What a transition leaves and enters (see ``Transition``)."""

Semantics = Literal["uml", "spring"]
"""How a chart is read: as UML says, or with two quirks of Spring Statemachine (see ``Chart``)."""


class ChartError(ValueError):
    """A definition that is no state chart: names the culprit and what was expected."""


@dataclass(frozen=True, slots=True)
class State:
    """One state.

    Attributes:
        name: unique in the chart.
        parent: the state it is inside of; ``None`` at the top.
        initial: whether it is entered when its parent (at the top: the chart) is entered by default.
        final: whether nothing leaves it; a chart in a final state at the top is complete.
        entry: names of the actions run when it is entered.
        exit: names of the actions run when it is left.
    """

    name: str
    parent: str | None = None
    initial: bool = False
    final: bool = False
    entry: tuple[str, ...] = ()
    exit: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """What an event does in a state.

    Attributes:
        source: the state that must be active.
        event: name of the event.
        target: the state to go to; a composite one is entered down to its initial states. ``None`` exactly
            for an internal transition.
        kind: ``external`` leaves the source, even to a target inside or around it; ``local`` does not leave
            whichever of source and target contains the other; ``internal`` leaves and enters nothing.
        guards: names of guards that must all pass.
        actions: names of actions, run in this order between the exit and the entry actions.
    """

    source: str
    event: str
    target: str | None = None
    kind: Kind = "external"
    guards: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()

    def arrow(self) -> str:
        """Give a short form for messages, such as ``S1 -A-> S0``."""
        return f"{self.source} -{self.event}-> {self.target or '(internal)'}"
