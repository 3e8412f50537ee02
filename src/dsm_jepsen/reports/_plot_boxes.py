"""The drawing's boxes: each event's label in the row of the node that took it, on top of the lines.

What took effect is clear. What was refused, as by all but one of five nodes that send at once, is faded
and dashed; what nobody knows the fate of is dashed and has a question mark.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dsm_jepsen.reports._plot_style import BLACK, DPI, GREY, WHITE

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from dsm_jepsen.reports.states import Chart, Event

_SIZES_PT = (15.0, 12.0, 9.0)

_CROWDED = 0.1
"""Boxes get smaller when more than this part of the events would find no room."""

_FIRST = ("restart", "ok", "info", "fail")
"""Whose boxes are placed first."""


def place_boxes(events: Sequence[Event], px_per_ns: float) -> tuple[float, tuple[bool, ...]]:
    """Choose the size of the boxes' text (pt), and for each event whether it gets a box.

    Events that would overlap a box already placed in their node's row get a stroke instead; what took effect
    goes first, since it moves the lines. Where no size has room for most, whatever is crowded is a stroke,
    save restarts: there a few boxes among many strokes would seem to mean something.
    """
    for size in _SIZES_PT:
        spans = [_span(event, px_per_ns, size) for event in events]
        taken: dict[str, list[tuple[float, float]]] = {}
        boxed = [False] * len(events)
        for i in sorted(range(len(events)), key=lambda i: (_FIRST.index(events[i].outcome), events[i].time)):
            row = taken.setdefault(events[i].node, [])
            boxed[i] = not any(_overlap(spans[i], span) for span in row)
            if boxed[i]:
                row.append(spans[i])
        if sum(boxed) >= (1 - _CROWDED) * len(events):
            return size, tuple(boxed)
    alone = _alone(events, px_per_ns)
    return _SIZES_PT[-1], tuple(event.outcome == "restart" or i in alone for i, event in enumerate(events))


def _alone(events: Sequence[Event], px_per_ns: float) -> set[int]:
    """Find the events whose smallest box would touch no other's in their row."""
    touched: set[int] = set()
    before: dict[str, int] = {}
    for i in sorted(range(len(events)), key=lambda i: events[i].time):
        event = events[i]
        if event.node in before:
            other = before[event.node]
            one, two = (_span(events[n], px_per_ns, _SIZES_PT[-1]) for n in (other, i))
            if _overlap(one, two):
                touched |= {other, i}
        before[event.node] = i
    return set(range(len(events))) - touched


def _span(event: Event, px_per_ns: float, size_pt: float) -> tuple[float, float]:
    middle, half = event.time * px_per_ns, _box_px(_text(event), size_pt) / 2
    return middle - half, middle + half


def _overlap(one: tuple[float, float], two: tuple[float, float]) -> bool:
    return one[0] < two[1] and two[0] < one[1]


def draw_events(axes: Axes, chart: Chart, legend: dict[str, Artist], px_per_ns: float) -> None:
    """Box every event's label in its node's row, or put a stroke where boxes would cover each other."""
    _explain(axes, chart, legend)
    size, boxed = place_boxes(chart.events, px_per_ns)
    for refused, ink, height in ((True, GREY, 5), (False, BLACK, 8)):
        small = [e for i, e in enumerate(chart.events) if not boxed[i] and (e.outcome == "fail") is refused]
        axes.plot(
            [event.time for event in small],
            [chart.nodes.index(event.node) + 1 for event in small],
            linestyle="none",
            marker="|",
            markersize=height,
            markeredgewidth=1.2,
            color=ink,
        )
    for event in (event for i, event in enumerate(chart.events) if boxed[i]):
        look = _look(event.outcome)
        axes.text(
            event.time,
            chart.nodes.index(event.node) + 1,
            _text(event),
            fontsize=size,
            color=look["edgecolor"],
            horizontalalignment="center",
            verticalalignment="center",
            zorder=6 if event.outcome == "fail" else 7,
            bbox={**look, "boxstyle": "square,pad=0.18"},
        )


def _explain(axes: Axes, chart: Chart, legend: dict[str, Artist]) -> None:
    """Name the boxes: the published charts' one series without a sample, and what else there is."""
    from matplotlib.patches import Patch

    outcomes = {event.outcome for event in chart.events}
    series = "variables" if chart.subject == "variable" else "events"
    words = {"restart": "X crash", "fail": "refused", "info": "unknown?"}
    (legend[series],) = axes.plot([], [], linestyle="none")
    for outcome, word in words.items():
        if outcome in outcomes:
            legend[word] = Patch(**_look(outcome))


def _text(event: Event) -> str:
    return f"{event.label}?" if event.outcome == "info" else event.label


def _look(outcome: str) -> dict[str, Any]:
    return {
        "facecolor": WHITE,
        "edgecolor": GREY if outcome == "fail" else BLACK,
        "linewidth": 0.8,
        "linestyle": "solid" if outcome in {"ok", "restart"} else "dashed",
    }


def _box_px(label: str, size_pt: float) -> float:
    return (0.69 * len(label) + 0.4) * size_pt * DPI / 72
