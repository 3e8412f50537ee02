"""Every operation seems to happen at once, at one moment between its call and its return.

Catches: whatever breaks the order of real time or the model's rules: stale reads, lost updates, effects
of refused operations, effects that vanish. Operations of unknown outcome may happen at any later time.
Misses: nothing among the operations the model judges; says nothing of the others.
Cost: about 20 us per operation with few clients; exponential in the operations open at once, so there is a
budget. Undecided operations of one kind count as one; clocks are not looked at, only the order of events.

The search goes forward over the events (just-in-time linearization, Lowe 2017). A configuration is one
explanation so far: which open operations have taken effect already, and the state. At each return, every
configuration where the operation has not taken effect yet is extended by open operations until it has.
The first return that no configuration survives is the first that cannot be explained.
"""

from collections import deque
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from dsm_jepsen.checkers._base import Checker, Verdict
from dsm_jepsen.checkers._calls import Call, calls_of
from dsm_jepsen.checkers._words import brief, naming
from dsm_jepsen.checkers.models import REJECT, Explains, Model
from dsm_jepsen.history import History, Op

_SHOWN = 10
"""States shown of an operation that cannot be explained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much may be searched before the verdict is unknown; no clock, so that it is the same everywhere."""

    configurations: int = 1_000_000

    def __post_init__(self) -> None:
        if self.configurations < 1:
            raise ValueError(f"a budget of {self.configurations} configurations; it must be at least 1")


_Trail = tuple[Any, Any] | None
"""What took effect, last first: ``(call, earlier trail)``."""


class _Configuration(NamedTuple):
    done: int
    """Bits of the open operations' slots: which have taken effect."""
    state: Hashable


_Layer = dict[_Configuration, _Trail]
"""Every explanation of the history so far, with the order by which it came about."""


class _Best:
    """Lets a configuration through unless an equal one has used up no optional call that it has not used.

    Whatever can follow it can follow that one too. An optional call without effect is never used, therefore.
    """

    def __init__(self, optional: int) -> None:
        self.optional = optional
        self.kept: dict[tuple[int, Hashable], list[int]] = {}

    def admits(self, configuration: _Configuration) -> bool:
        done, state = configuration
        used = done & self.optional
        rivals = self.kept.setdefault((done ^ used, state), [])
        for rival in rivals:
            if rival & used == rival:
                return False
        rivals.append(used)
        return True


class _OverBudgetError(Exception):
    """More configurations than the budget allows."""


def linearizable(model: Model, *, budget: Budget | None = None) -> Checker:
    """Make a checker that searches for an order that explains what all clients saw.

    Returns:
        a checker. Valid: ``details["order"]`` lists the invocations in an order that ``explains`` the
        history. Invalid: ``culprits`` are the first return that cannot be explained and, if there is
        one, the last effect that was acknowledged before its invocation.
    """
    limit = budget or Budget()

    def check(history: History) -> Verdict:
        return _Search(model, history, limit.configurations).run()

    return check


def explains(model: Model, history: History, order: Sequence[int]) -> bool:
    """Check a witness on its own: complete, in keeping with real time, and legal for the model."""
    calls = {call.invoke.index: call for call in calls_of(model, history)}
    required = {index for index, call in calls.items() if call.returned is not None}
    if len(set(order)) != len(order) or not required <= set(order) <= calls.keys():
        return False
    earliest_return = len(history)
    for index in reversed(order):
        if index > earliest_return:
            return False
        returned = calls[index].returned
        earliest_return = min(earliest_return, returned.index if returned else len(history))
    state: Any = model.init()
    for call in map(calls.__getitem__, order):
        state = model.step(state, call.invoke.f, call.invoke.value, call.result)
        if state is REJECT:
            return False
    return True


class _Search:
    """One run over one history."""

    def __init__(self, model: Model, history: History, limit: int) -> None:
        self.model = model
        self.history = history
        self.calls = list(calls_of(model, history))
        self.limit = limit
        self.explored = 0
        self.known: dict[tuple[Hashable, bytes], Hashable] = {}
        self.open: list[tuple[Call, int]] = []
        """Open calls with their bits; first to return first, so that of twins that one is tried first."""
        self.bits: dict[int, int] = {}
        """Index of an open call's invocation to its bit."""
        self.optional = 0
        """The bits of the operations that never return."""

    def run(self) -> Verdict:
        events = {call.invoke.index: call for call in self.calls}
        events |= {call.returned.index: call for call in self.calls if call.returned is not None}
        layer: _Layer = {_Configuration(0, self.model.init()): None}
        for index, call in sorted(events.items()):
            if index == call.invoke.index:
                self._begin(call)
                continue
            try:
                survivors = self._return(layer, call)
            except _OverBudgetError:
                return self._unknown(call, len(layer))
            if not survivors:
                return self._invalid(layer, call)
            self._end(call)
            layer = survivors
        return self._valid(next(iter(layer.values())))

    def _begin(self, call: Call) -> None:
        taken = sum(self.bits.values())
        bit = ~taken & (taken + 1)  # the lowest that is free
        self.bits[call.invoke.index] = bit
        if call.returned is None:
            self.optional |= bit
        self.open.append((call, bit))
        self.open.sort(key=self._returns)

    def _end(self, call: Call) -> None:
        self.open.remove((call, self.bits.pop(call.invoke.index)))

    def _returns(self, entry: tuple[Call, int]) -> int:
        returned = entry[0].returned
        return returned.index if returned else len(self.history)

    def _return(self, layer: _Layer, call: Call) -> _Layer:
        """Keep what explains this return; the call's bit is free again."""
        bit = self.bits[call.invoke.index]
        survivors: _Layer = {}
        waiting: _Layer = {}
        for configuration, trail in layer.items():
            if configuration.done & bit:
                survivors[_Configuration(configuration.done ^ bit, configuration.state)] = trail
            else:
                waiting[configuration] = trail
        for (done, state), trail in self._reach(waiting, call):
            if (after := self._step(state, call)) is not REJECT:
                survivors.setdefault(_Configuration(done, after), (call, trail))
        return survivors

    def _reach(self, layer: _Layer, until: Call) -> Iterator[tuple[_Configuration, _Trail]]:
        """Give the configurations, and all that follow from them by open calls other than this one."""
        best = _Best(self.optional)
        frontier = deque(self._by_cost(layer))
        while frontier:
            configuration, trail = self._observed(*frontier.popleft(), until)
            if not best.admits(configuration):
                continue
            yield configuration, trail
            done, state = configuration
            tried = {until.symbol}  # of twins, the first to return goes first: no order is lost by that
            for call, bit in self.open:
                if done & bit or call.observes or call.symbol in tried:
                    continue
                tried.add(call.symbol)
                after = self._step(state, call)
                if after is REJECT:
                    continue
                reached = (_Configuration(done | bit, after), (call, trail))
                if call.returned is None:
                    frontier.append(reached)
                else:
                    frontier.appendleft(reached)  # costs nothing: before all that use an optional call

    def _observed(
        self, configuration: _Configuration, trail: _Trail, until: Call
    ) -> tuple[_Configuration, _Trail]:
        """Let what changes no state take effect where it can: to leave it for later can only forbid more."""
        done, state = configuration
        seeing = [one for one in self.open if one[0].observes and one[0] is not until and not done & one[1]]
        for call, bit in seeing:
            if self._step(state, call) is not REJECT:
                done |= bit
                trail = (call, trail)
        return _Configuration(done, state), trail

    def _step(self, state: Hashable, call: Call) -> Hashable:
        self.explored += 1
        if self.explored > self.limit:
            raise _OverBudgetError
        key = (state, call.symbol)
        try:
            return self.known[key]
        except KeyError:
            after = self.model.step(state, call.invoke.f, call.invoke.value, call.result)
            return self.known.setdefault(key, after)

    def _by_cost(self, layer: _Layer) -> list[tuple[_Configuration, _Trail]]:
        """Sort by the number of optional calls used up, so that what is better comes first."""
        if not self.optional:
            return list(layer.items())
        return sorted(layer.items(), key=lambda item: (item[0].done & self.optional).bit_count())

    def _valid(self, trail: _Trail) -> Verdict:
        order = [call.invoke.index for call in _forward(trail)]
        return Verdict(
            valid=True,
            because=f"{len(self.calls)} operations, explained by an order of {len(order)} that took effect",
            details={"order": order, "explored": self.explored},
        )

    def _unknown(self, call: Call, width: int) -> Verdict:
        assert call.returned is not None
        index = call.returned.index
        return Verdict(
            valid=None,
            because=f"undecided: {self.limit} configurations were explored by event {index} of "
            f"{len(self.history)}, and all before it is valid; allow more, or judge a shorter history",
            details={"reached": index, "explored": self.explored, "configurations": width},
        )

    def _invalid(self, layer: _Layer, call: Call) -> Verdict:
        assert call.returned is not None
        explored, self.explored = self.explored, 0  # the same steps again, this time for their states
        states = list({configuration.state: None for configuration, _ in self._reach(layer, call)})
        told = (call.invoke.f, call.invoke.value, call.result)
        if isinstance(self.model, Explains):
            anomaly, words = self.model.explain(states, *told)
        else:
            anomaly = "not-linearizable"
            words = f"ended as {brief(call.result)}, impossible in every state it could meet: " + " or ".join(
                brief(state) for state in states[:_SHOWN]
            )
        because = f"{anomaly}: {naming(call.returned)} {words}"
        culprits = [call.returned.index]
        if before := self._last_effect(next(iter(layer.values())), call.invoke.index):
            because += f"; the last effect acknowledged before it began was {naming(before)}"
            culprits.append(before.index)
        return Verdict(
            valid=False,
            because=because,
            anomaly=anomaly,
            culprits=tuple(culprits),
            details={
                "reached": call.returned.index,
                "explored": explored,
                "states": msgspec.to_builtins(states[:_SHOWN], enc_hook=repr),
                "order": [one.invoke.index for one in _forward(next(iter(layer.values())))],
            },
        )

    def _last_effect(self, trail: _Trail, before: int) -> Op | None:
        """Find the last return before this event of a call that changed the state, in one explanation."""
        state, last = self.model.init(), None
        for call in _forward(trail):
            after = self.known[state, call.symbol]
            if after != state and call.returned and call.returned.index < before:
                last = call.returned
            state = after
        return last


def _forward(trail: _Trail) -> list[Call]:
    calls: list[Call] = []
    while trail is not None:
        call, trail = trail
        calls.append(call)
    return calls[::-1]
