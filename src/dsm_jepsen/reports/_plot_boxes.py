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

    Events that would overlap a box already placed in their node's row get a small mark instead; what took
    effect goes first, since it moves the lines. Where no size has room for most, all but restarts are marks.
    """
    order = sorted(range(len(events)), key=lambda i: (_FIRST.index(events[i].outcome), events[i].time))
    for size in _SIZES_PT:
        taken: dict[str, list[tuple[float, float]]] = {}
        boxed = [False] * len(events)
        for i in order:
            half = _box_px(_text(events[i]), size) / 2
            middle = events[i].time * px_per_ns
            row = taken.setdefault(events[i].node, [])
            boxed[i] = all(right <= middle - half or middle + half <= left for left, right in row)
            if boxed[i]:
                row.append((middle - half, middle + half))
        if sum(boxed) >= (1 - _CROWDED) * len(events):
            return size, tuple(boxed)
    return _SIZES_PT[-1], tuple(event.outcome == "restart" for event in events)


def draw_events(axes: Axes, chart: Chart, legend: dict[str, Artist], px_per_ns: float) -> None:
    """Box every event's label in its node's row, or mark it where boxes would cover each other."""
    _explain(axes, chart, legend)
    size, boxed = place_boxes(chart.events, px_per_ns)
    for refused, ink in ((True, GREY), (False, BLACK)):
        small = [e for i, e in enumerate(chart.events) if not boxed[i] and (e.outcome == "fail") is refused]
        axes.plot(
            [event.time for event in small],
            [chart.nodes.index(event.node) + 1 for event in small],
            linestyle="none",
            marker="|",
            markersize=5,
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
