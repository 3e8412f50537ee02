"""The drawing's lines: one per node, and a mark on it for each read that told nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dsm_jepsen.reports._plot_style import COLOURS, LINE_PT, PLOT_PX, RED, WHITE, offset

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from dsm_jepsen.reports.states import Chart

_STEPS_MAX = 60
"""With more points than this on a line, its full width would leave no room between its steps."""

_BELOW_ALL = 0.62
"""Where the reads of a node stand that has no line yet."""


def draw_lines(axes: Axes, chart: Chart, legend: dict[str, Artist]) -> None:
    """Draw every node's steps; where they come thick, only the levels keep their width."""
    crowded = max((len(points) for points in chart.lines.values()), default=0) > _STEPS_MAX
    for number, node in enumerate(chart.nodes):
        colour = COLOURS[number % len(COLOURS)]
        times = [point.time for point in chart.lines[node]]
        places = [point.level + 1 + offset(chart, node) for point in chart.lines[node]]
        (line,) = axes.plot(
            times,
            places,
            drawstyle="steps-post",
            linewidth=0.4 if crowded else LINE_PT,
            color=colour,
            solid_capstyle="butt",
        )
        if crowded:
            axes.hlines(places[:-1], times[:-1], times[1:], colors=colour, linewidth=LINE_PT, zorder=2.5)
            (line,) = axes.plot([], [], color=colour, linewidth=LINE_PT)
        legend[f"{chart.subject} {node}"] = line


def draw_marks(axes: Axes, chart: Chart, legend: dict[str, Artist]) -> None:
    """Mark the reads that told nothing, one per node, kind and pixel."""
    looks = {"fail": ("x", "read failed"), "info": ("o", "read unknown")}
    px_ns = max(chart.end / PLOT_PX, 1)
    for kind, (marker, text) in looks.items():
        seen = {(int(m.time / px_ns), m.node): m for m in chart.marks if m.type == kind}
        if not seen:
            continue
        (legend[text],) = axes.plot(
            [mark.time for mark in seen.values()],
            [
                _BELOW_ALL if mark.level is None else mark.level + 1 + offset(chart, mark.node)
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
