"""The chart of the work queue, as PNG and SVG: instances by status, and who held which claim when.

Faults in force are shaded in both. A claim's bar has its worker's colour and is as long as the record says.
Where another worker took the instance over and the first one went on, not knowing, a hatched bar goes on
below the other's, up to the result that was refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dsm_jepsen.reports._plot_style import (
    BLACK,
    BOTTOM,
    COLOURS,
    DPI,
    GREY,
    RED,
    RIGHT,
    SMALL_PT,
    WHITE,
    WIDTH_PX,
    fault_colour,
)
from dsm_jepsen.reports.state_chart_plot import save, settings, tick_step

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from dsm_jepsen.reports.instances import QueueChart

_HEIGHT_PX = 700
_LEFT, _TOP, _MIDDLE = 0.1, 0.965, 0.6
"""Left edge of both panels, top of the upper one, and where they meet, as parts of the figure."""

_POINTS_MAX = 700
"""Moments drawn of the upper panel: about one for each pixel."""

_STATUS_COLOURS = {
    "done": "#009e73",
    "cancelled": GREY,
    "failed": RED,
    "dead": BLACK,
    "waiting": "#f0e442",
    "running": "#0072b2",
    "ready": "#e69f00",
}

_LABEL_MAX = 12
"""Of longer ids the end is shown."""

_BAR, _FENCED = 0.62, 0.24
"""Heights of bars, of a row's."""


def draw_queue(chart: QueueChart, folder: Path) -> list[Path]:
    """Write ``chart.png`` (900 x 700 px) and ``chart.svg`` into a folder and name them."""
    with settings():
        return save(_figure(chart), folder)


def _figure(chart: QueueChart) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_PX / DPI, _HEIGHT_PX / DPI), dpi=DPI)
    bottom = BOTTOM * 0.6
    above = figure.add_axes((_LEFT, _MIDDLE + 0.015, RIGHT - _LEFT, _TOP - _MIDDLE - 0.015))
    below = figure.add_axes((_LEFT, bottom, RIGHT - _LEFT, _MIDDLE - 0.015 - bottom))
    step = tick_step(max(chart.end, 1))
    end = -(-max(chart.end, 1) // step) * step
    ticks = range(0, end + 1, step)
    for axes in (above, below):
        axes.set_xlim(0, end)
        axes.set_xticks(ticks, [])
        axes.tick_params(direction="in")
        axes.yaxis.set_label_coords(-0.12, 0.5)
    below.set_xticks(ticks, [f"{time / 1e9:g} s" for time in ticks])
    below.set_xlabel("elapsed time")
    stack: dict[str, Artist] = {}
    _draw_statuses(above, chart, end, stack)
    faults: dict[str, Artist] = {}
    for axes in (above, below):
        _shade(axes, chart, faults)
    bars: dict[str, Artist] = {}
    _draw_claims(below, chart, bars)
    for axes, legend in ((above, stack), (below, {**bars, **faults})):
        axes.legend(
            legend.values(),
            legend.keys(),
            loc="upper left",
            bbox_to_anchor=(1.01, 1.02),
            frameon=False,
            handlelength=1.6,
            labelspacing=0.35,
        )
    return figure


def _draw_statuses(axes: Axes, chart: QueueChart, end: int, legend: dict[str, Artist]) -> None:
    """Stack the statuses, each from one moment to the next."""
    from matplotlib.patches import Patch

    px_ns = max(end / _POINTS_MAX, 1)
    # Of the moments that share a pixel the last one.
    places = list({int(time / px_ns): place for place, time in enumerate(chart.times)}.values())
    times = [0, *(chart.times[place] for place in places), chart.end]
    base = [0] * len(times)
    for status, colour in _STATUS_COLOURS.items():
        of = chart.counts[status]
        if not any(of):
            continue
        top = [here + more for here, more in zip(base, [0, *(of[p] for p in places), of[-1]], strict=True)]
        axes.fill_between(times, base, top, step="post", facecolor=colour, linewidth=0, zorder=1)
        legend[status] = Patch(facecolor=colour, linewidth=0)
        base = top
    axes.set_ylim(0, max(chart.total, 1) * 1.02)
    axes.set_ylabel("instances and branches")


def _shade(axes: Axes, chart: QueueChart, legend: dict[str, Artist]) -> None:
    """Shade the faults, over the statuses and behind the claims."""
    from matplotlib.patches import Patch

    for window in chart.windows:
        colour = fault_colour(window.name)
        until = chart.end if window.end is None else window.end
        axes.axvspan(
            window.start,
            until,
            facecolor=colour if window.seen else "none",
            edgecolor=colour,
            hatch=None if window.seen else "////",
            alpha=0.4,
            linewidth=0,
            zorder=2,
        )
        legend[window.name] = Patch(facecolor=colour, linewidth=0)


def _draw_claims(axes: Axes, chart: QueueChart, legend: dict[str, Artist]) -> None:
    """Draw the claims, each instance a row."""
    from matplotlib.patches import Patch

    colours = {node: COLOURS[number % len(COLOURS)] for number, node in enumerate(chart.nodes)}
    rows = {instance: len(chart.rows) - number for number, instance in enumerate(chart.rows)}
    for claim in chart.claims:
        row, colour = rows[claim.id], colours.get(claim.node, GREY)
        until = chart.end if claim.end is None else claim.end
        axes.barh(row, until - claim.start, _BAR, claim.start, color=colour, linewidth=0, zorder=3)
        if claim.taken_over:
            axes.vlines(until, row - 0.4, row + 0.4, color=RED, linewidth=1.2, zorder=5)
        if claim.dropped is not None:
            _draw_fenced(axes, (until, claim.dropped), row - (_BAR - _FENCED) / 2, colour)
    for node in chart.nodes:
        legend[node] = Patch(facecolor=colours[node], linewidth=0)
    if any(claim.taken_over for claim in chart.claims):
        (legend["taken over"],) = axes.plot([], [], linestyle="none", marker="|", color=RED, markersize=9)
    if any(claim.dropped is not None for claim in chart.claims):
        legend["goes on, fenced"] = Patch(facecolor=WHITE, edgecolor=GREY, hatch="//////", linewidth=0.8)
        (legend["result refused"],) = axes.plot([], [], linestyle="none", marker="x", color=RED)
    axes.set_ylim(0.4, len(chart.rows) + 0.6)
    labels = [one if len(one) <= _LABEL_MAX else f"…{one[1 - _LABEL_MAX :]}" for one in chart.rows[::-1]]
    axes.set_yticks(range(1, len(labels) + 1), labels, fontsize=SMALL_PT)
    axes.set_ylabel("who held which claim")


def _draw_fenced(axes: Axes, span: tuple[int, int], height: float, colour: str) -> None:
    start, end = span
    axes.barh(
        height,
        end - start,
        _FENCED,
        start,
        facecolor=WHITE,
        edgecolor=colour,
        hatch="//////",
        linewidth=0.8,
        zorder=4,
    )
    axes.plot([end], [height], linestyle="none", marker="x", markersize=5, color=RED, zorder=6)
