"""The states of a chart as a tree: paths, defaults, and what makes a definition no tree."""

from collections.abc import Iterable, Sequence

from dsm_jepsen.dsm.chart.definition import ChartError, State


class Tree:
    """States by their place.

    Attributes:
        states: by name, in the order of the definition.
        paths: by name, the states from the top down to that state, itself included.
        leaves: the states without substates, in the order of the definition.

    Raises:
        ChartError: duplicates, unknown or final parents, a cycle of parents, or not one initial state each.
    """

    def __init__(self, states: Sequence[State]) -> None:
        self.states = {state.name: state for state in states}
        _check_parents(states, self.states)
        self.paths = {name: self._path(name) for name in self.states}
        self._initial = self._initials(states)
        self.leaves = tuple(name for name in self.states if name not in self._initial)

    def default(self, name: str | None) -> tuple[str, ...]:
        """Give the states entered below a state (``None``: in the chart) when it is entered by default."""
        below = []
        while name in self._initial:
            name = self._initial[name]
            below.append(name)
        return tuple(below)

    def contains(self, outer: str, inner: str) -> bool:
        """Whether ``inner`` is ``outer`` or lies inside it."""
        return outer in self.paths[inner]

    def _path(self, name: str) -> tuple[str, ...]:
        path: list[str] = []
        place: str | None = name
        while place is not None:
            if place in path:
                cycle = " in ".join(repr(name) for name in (*path[path.index(place) :], place))
                raise ChartError(
                    f"cycle of parents: {cycle}; a state must lead to the top through its parents"
                )
            path.append(place)
            place = self.states[place].parent
        return tuple(reversed(path))

    def _initials(self, states: Sequence[State]) -> dict[str | None, str]:
        initial: dict[str | None, str] = {}
        for parent in dict.fromkeys([None, *(state.parent for state in states)]):
            names = [state.name for state in states if state.parent == parent and state.initial]
            if len(names) != 1:
                place = "the top" if parent is None else f"composite state {parent!r}"
                raise ChartError(
                    f"{place} has {listed(names) or 'no state'} as initial; mark exactly one state as initial"
                )
            initial[parent] = names[0]
        return initial


def listed(names: Iterable[str]) -> str:
    """Name several things in a message."""
    return ", ".join(repr(name) for name in names)


def _check_parents(states: Sequence[State], by_name: dict[str, State]) -> None:
    seen: set[str] = set()
    for state in states:
        if state.name in seen:
            raise ChartError(f"state {state.name!r} is defined twice; a name stands for one state")
        seen.add(state.name)
        if state.parent is None:
            continue
        if state.parent not in by_name:
            raise ChartError(
                f"state {state.name!r}: unknown parent {state.parent!r}; expected one of {listed(by_name)}"
            )
        if by_name[state.parent].final:
            raise ChartError(
                f"state {state.name!r}: its parent {state.parent!r} is final; a final state has no substates"
            )
