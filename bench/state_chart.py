"""How fast ``step`` is on the web chart, against sismic on the same chart and the same events.

Run with ``python bench/state_chart.py``. Both walk the same random events, one after another; the best
of several rounds counts, since a busy machine only ever makes a round slower.
"""

from collections.abc import Callable
from time import perf_counter

from sismic.interpreter import Interpreter
from sismic.model import CompoundState, Statechart
from sismic.model import Transition as TheirTransition

from dsm_jepsen.dsm.chart import Chart, Event, step
from dsm_jepsen.dsm.machines import machine
from dsm_jepsen.env import Rng

_OUR_EVENTS = 200_000
_THEIR_EVENTS = 3_000
_ROUNDS = 5
_CODE = {
    "foo-is-0": "foo == 0",
    "foo-is-1": "foo == 1",
    "toggle-foo": "foo = 1 - foo",
    "set-variable": "pass",
}


def main() -> None:
    chart = machine("web")
    rng = Rng("bench")
    names = [rng.choice(chart.events, purpose="events") for _ in range(_OUR_EVENTS)]
    ours = _best(lambda: _walk(chart, names), _OUR_EVENTS)
    theirs = _best(lambda: _walk_sismic(chart, names[:_THEIR_EVENTS]), _THEIR_EVENTS)
    print(f"step    {ours:>12,.0f} steps/s")
    print(f"sismic  {theirs:>12,.0f} steps/s")
    print(f"ratio   {ours / theirs:>12,.0f}")


def _best(walk: Callable[[], None], events: int) -> float:
    """Give the steps per second of the fastest round."""
    fastest_s = float("inf")
    for _ in range(_ROUNDS):
        begun_s = perf_counter()
        walk()
        fastest_s = min(fastest_s, perf_counter() - begun_s)
    return events / fastest_s


def _walk(chart: Chart, names: list[str]) -> None:
    taken = chart.start()
    events = {name: Event(name) for name in chart.events}
    for name in names:
        taken = step(chart, taken.configuration, taken.variables, events[name])


def _walk_sismic(chart: Chart, names: list[str]) -> None:
    initial = {state.parent: state.name for state in chart.states if state.initial}
    theirs = Statechart(chart.name, preamble="foo = 0")
    for state in chart.states:
        theirs.add_state(CompoundState(state.name, initial=initial.get(state.name)), state.parent)
    for transition in chart.transitions:
        theirs.add_transition(
            TheirTransition(
                transition.source,
                transition.target,
                transition.event,
                guard=" and ".join(_CODE[name] for name in transition.guards) or None,
                action="\n".join(_CODE[name] for name in transition.actions) or None,
            )
        )
    interpreter = Interpreter(theirs)
    interpreter.execute_once()
    for name in names:
        interpreter.queue(name).execute_once()


if __name__ == "__main__":
    main()
