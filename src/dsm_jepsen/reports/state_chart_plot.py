"""The chart of states over time, as PNG and SVG: what every node was seen to be, and what was sent to it.

An undisturbed run shows five parallel staircases: each node's line is moved by a tenth of a level, so
that coinciding lines stay visible. Boxes on the right axis' rows are events at the node that took them.
Added to that where there is something to add: faults in force (shaded, with a bar in the rows of the
nodes they hit), reads that told nothing, events refused (grey, dashed) or of unknown fate (``?``).

The same chart gives the same bytes. matplotlib takes a second to import, so that happens on use.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from dsm_jepsen.reports.states import Chart, Event, Window

COLOURS = ("#9400d3", "#009e73", "#56b4e9", "#e69f00", "#f0e442", "#0072b2", "#e51e10")
"""gnuplot's order of line colours, from the first node on."""

FAULT_COLOURS = {"kill": "#e9a4a0", "pause": "#a0b1e9"}
PARTITION_COLOUR = "#e9dca0"
"""Jepsen's colours of faults."""

BLACK, GREY, WHITE, RED = "#000000", "#9a9a9a", "#ffffff", "#d1004f"
"""Ink, faint ink, paper, and the colour of what went wrong."""

_WIDTH_PX, _HEIGHT_PX, _DPI = 900, 450, 100
_LEFT, _BOTTOM, _RIGHT, _TOP = 0.076, 0.145, 0.775, 0.955
_PLOT_PX = _WIDTH_PX * (_RIGHT - _LEFT)
_LINE_PX = 3
_BOX_SIZES_PT = (15.0, 9.0)
_CROWDED = 0.1
"""Boxes get smaller when more than this part of the events would find no room."""

_FIRST = ("restart", "ok", "info", "fail")
"""Whose boxes are placed first."""

_STEPS_MAX = 60
"""With more points than this on a line, its full width would leave no room between its steps."""

_TICKS_MAX = 10


def draw_chart(chart: Chart, folder: Path) -> list[Path]:
    """Write ``chart.png`` (900 x 450 px) and ``chart.svg`` into a folder and name them."""
    with _settings():
        figure = _figure(chart)
        png, svg = folder / "chart.png", folder / "chart.svg"
        figure.savefig(png, format="png", metadata={"Software": None})
        # Without the rest a renderer's name and the time of day would stand in the file.
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(svg, format="svg", metadata=nothing)
    return [png, svg]


def tick_step(end: int) -> int:
    """Choose 1, 2 or 5 times a power of ten (ns), so that at most ten steps reach the end."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if end <= factor * step * _TICKS_MAX:
                return factor * step
        step *= 10


def tick_text(time: int) -> str:
    """Write a time as gnuplot does, ``5x10^9`` over its unit."""
    digits = str(time).rstrip("0") or "0"
    if len(str(time)) <= 4:
        return f"{time}\nns"
    power = str(len(str(time)) - 1).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{digits[0]}{'.' if digits[1:] else ''}{digits[1:]}x10{power}\nns"


def place_boxes(events: Sequence[Event], px_per_ns: float) -> tuple[float, tuple[bool, ...]]:
    """Choose the size of the boxes' text (pt), and for each event whether it gets a box.

    Events that would overlap a box already placed in their node's row get a small mark instead; what took
    effect goes first, since it moves the lines. Where no size has room for most, all but restarts are marks.
    """
    order = sorted(range(len(events)), key=lambda i: (_FIRST.index(events[i].outcome), events[i].time))
    for size in _BOX_SIZES_PT:
        taken: dict[str, list[tuple[float, float]]] = {}
        boxed = [False] * len(events)
        for i in order:
            half = _box_px(events[i].label, size) / 2
            middle = events[i].time * px_per_ns
            row = taken.setdefault(events[i].node, [])
            boxed[i] = all(right <= middle - half or middle + half <= left for left, right in row)
            if boxed[i]:
                row.append((middle - half, middle + half))
        if sum(boxed) >= (1 - _CROWDED) * len(events):
            return size, tuple(boxed)
    return _BOX_SIZES_PT[-1], tuple(event.outcome == "restart" for event in events)


def _box_px(label: str, size_pt: float) -> float:
    return (0.65 * len(label) + 0.7) * size_pt * _DPI / 72


@contextmanager
def _settings() -> Iterator[None]:
    """Give matplotlib its own defaults and ours, whatever the user's are, and put those back."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(
            {
                "font.size": 9,
                "legend.fontsize": 9,
                "svg.fonttype": "none",  # text stays text: it can be searched and read out
                "svg.hashsalt": "dsm-jepsen",
                "text.parse_math": False,  # a label is not a formula
            }
        )
        yield


def _figure(chart: Chart) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH_PX / _DPI, _HEIGHT_PX / _DPI), dpi=_DPI)
    left = figure.add_axes((_LEFT, _BOTTOM, _RIGHT - _LEFT, _TOP - _BOTTOM))
    right = left.twinx()
    end = _axes(left, right, chart)
    legend: dict[str, Artist] = {}
    _draw_lines(left, chart, legend)
    _draw_events(right, chart, legend, _PLOT_PX / end)
    _draw_marks(left, chart, legend)
    _draw_windows(left, chart, legend, _PLOT_PX / end)
    figure.legend(
        legend.values(),
        legend.keys(),
        loc="upper right",
        bbox_to_anchor=(0.998, _TOP + 0.02),
        frameon=False,
        markerfirst=False,  # the sample stands right of its text, as in gnuplot
        handlelength=1.6,
        labelspacing=0.35,
    )
    return figure


def _axes(left: Axes, right: Axes, chart: Chart) -> int:
    """Set up both axes and give the time (ns) at which they end."""
    step = tick_step(max(chart.end, 1))
    end = -(-max(chart.end, 1) // step) * step
    ticks = range(0, end + 1, step)
    left.set_xlim(0, end)
    left.set_xticks(ticks, [tick_text(time) for time in ticks])
    left.set_xlabel("elapsed time")
    variable = chart.subject == "variable"
    crashes = any(event.outcome == "restart" for event in chart.events)
    left.set_ylim(0.5, max(len(chart.levels), 1) + 0.5)
    left.set_yticks(range(1, len(chart.levels) + 1), chart.levels)
    left.set_ylabel("variable in nodes" if variable else "states in nodes")
    right.set_ylim(0.5, len(chart.nodes) + 0.5)
    right.set_yticks(range(1, len(chart.nodes) + 1), chart.nodes)
    sent = "variable via nodes" if variable else "events via nodes"
    right.set_ylabel(f"{sent}, crash/start in nodes" if crashes else sent)
    for axes in (left, right):
        axes.tick_params(direction="in")
    left.tick_params(top=True)
    return end


def _jitter(chart: Chart, node: str) -> float:
    """Tell how far a node's line stands from its level: a tenth per node, less where that would not fit."""
    return (chart.nodes.index(node) - (len(chart.nodes) - 1) / 2) * min(0.1, 0.6 / len(chart.nodes))


def _draw_lines(axes: Axes, chart: Chart, legend: dict[str, Artist]) -> None:
    """Draw every node's steps; where they come thick, only the levels keep their width."""
    width = _LINE_PX * 72 / _DPI
    crowded = max((len(points) for points in chart.lines.values()), default=0) > _STEPS_MAX
    for number, node in enumerate(chart.nodes):
        colour = COLOURS[number % len(COLOURS)]
        times = [point.time for point in chart.lines[node]]
        places = [point.level + 1 + _jitter(chart, node) for point in chart.lines[node]]
        (line,) = axes.plot(
            times,
            places,
            drawstyle="steps-post",
            linewidth=0.4 if crowded else width,
            color=colour,
            solid_capstyle="butt",
        )
        if crowded:
            axes.hlines(places[:-1], times[:-1], times[1:], colors=colour, linewidth=width, zorder=2.5)
            (line,) = axes.plot([], [], color=colour, linewidth=width)
        legend[f"{chart.subject} {node}"] = line


def _draw_marks(axes: Axes, chart: Chart, legend: dict[str, Artist]) -> None:
    """Mark the reads that told nothing, one per node, kind and pixel."""
    looks = {"fail": ("x", "read failed"), "info": ("o", "read unknown")}
    px_ns = max(chart.end / _PLOT_PX, 1)
    for kind, (marker, text) in looks.items():
        seen = {(int(m.time / px_ns), m.node): m for m in chart.marks if m.type == kind}
        if not seen:
            continue
        (legend[text],) = axes.plot(
            [mark.time for mark in seen.values()],
            [
                0.62 if mark.level is None else mark.level + 1 + _jitter(chart, mark.node)
                for mark in seen.values()
            ],
            linestyle="none",
            marker=marker,
            markersize=5,
            markeredgewidth=1.3,
            markeredgecolor=RED,
            markerfacecolor=WHITE,
            zorder=4,
        )


def _draw_windows(axes: Axes, chart: Chart, legend: dict[str, Artist], px_per_ns: float) -> None:
    """Shade the faults in force; a bar in a node's row says that it was hit."""
    across = axes.get_xaxis_transform()
    free_from = 0.0
    for window in chart.windows:
        end = chart.end if window.end is None else window.end
        colour = _fault_colour(window)
        legend[window.name] = axes.axvspan(window.start, end, color=colour, alpha=0.35, linewidth=0, zorder=0)
        for node in window.nodes:
            row = (chart.nodes.index(node) + 0.5) / len(chart.nodes)
            axes.plot(
                [window.start, end],
                [row, row],
                transform=across,
                color=colour,
                linewidth=7,
                solid_capstyle="butt",
                zorder=0.5,
            )
        text = " ".join([window.name, *window.nodes])
        start, width = window.start * px_per_ns, 5.2 * len(text)
        if start >= free_from and start + width <= _PLOT_PX:
            axes.text(window.start, 1.01, text, transform=across, fontsize=6.5)
            free_from = start + width


def _fault_colour(window: Window) -> str:
    return next((c for name, c in FAULT_COLOURS.items() if name in window.name), PARTITION_COLOUR)


def _draw_events(axes: Axes, chart: Chart, legend: dict[str, Artist], px_per_ns: float) -> None:
    """Box every event's label in its node's row, or mark it where boxes would cover each other."""
    (legend["variables" if chart.subject == "variable" else "events"],) = axes.plot([], [], linestyle="none")
    if any(event.outcome == "restart" for event in chart.events):
        (legend["X crash"],) = axes.plot([], [], linestyle="none")
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
        ink = GREY if event.outcome == "fail" else BLACK
        axes.text(
            event.time,
            chart.nodes.index(event.node) + 1,
            f"{event.label}?" if event.outcome == "info" else event.label,
            fontsize=size,
            color=ink,
            horizontalalignment="center",
            verticalalignment="center",
            zorder=6 if event.outcome == "fail" else 7,
            bbox={
                "facecolor": WHITE,
                "edgecolor": ink,
                "linewidth": 0.8,
                "linestyle": "solid" if event.outcome in {"ok", "restart"} else "dashed",
                "boxstyle": "square,pad=0.18",
            },
        )
