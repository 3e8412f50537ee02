"""The chart of states over time, as PNG and SVG: what every node was seen to be, and what was sent to it.

An undisturbed run shows five parallel staircases: each node's line is moved by a tenth of a level, so
that coinciding lines stay visible. Boxes on the right axis' rows are events at the node that took them, and
the numbers above the frame the versions they made. Added to that where there is something to add: faults in
force (shaded, with a bar in the rows of the nodes they hit), reads that told nothing, events refused (faded,
dashed) or of unknown fate (``?``).

The same chart gives the same bytes. matplotlib takes a second to import, so that happens on use.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dsm_jepsen.reports._plot_boxes import draw_events
from dsm_jepsen.reports._plot_lines import draw_lines, draw_marks
from dsm_jepsen.reports._plot_shading import draw_skips, draw_versions, draw_windows
from dsm_jepsen.reports._plot_style import (
    BOTTOM,
    DPI,
    GREY,
    HEIGHT_PX,
    LEFT,
    PLOT_PX,
    RIGHT,
    SMALL_PT,
    TOP,
    WIDTH_PX,
)

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from dsm_jepsen.reports.states import Chart

_TICKS_MAX = 10


def draw_chart(chart: Chart, folder: Path) -> list[Path]:
    """Write ``chart.png`` (900 x 450 px) and ``chart.svg`` into a folder and name them."""
    with settings():
        return save(_figure(chart), folder)


def save(figure: Figure, folder: Path) -> list[Path]:
    """Write a figure as ``chart.png`` and ``chart.svg`` into a folder and name them."""
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


@contextmanager
def settings() -> Iterator[None]:
    """Give matplotlib its own defaults and ours, whatever the user's are, and put those back."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(
            {
                "font.size": 9,
                "legend.fontsize": 9,
                "hatch.linewidth": 0.8,
                "svg.fonttype": "none",  # text stays text: it can be searched and read out
                "svg.hashsalt": "dsm-jepsen",
                "text.parse_math": False,  # a label is not a formula
            }
        )
        yield


def _figure(chart: Chart) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_PX / DPI, HEIGHT_PX / DPI), dpi=DPI)
    left = figure.add_axes((LEFT, BOTTOM, RIGHT - LEFT, TOP - BOTTOM))
    right = left.twinx()
    px_per_ns = PLOT_PX / _axes(left, right, chart)
    legend: dict[str, Artist] = {}
    draw_lines(left, chart, legend)
    draw_events(right, chart, legend, px_per_ns)
    draw_marks(left, chart, legend)
    draw_windows(left, chart, legend, px_per_ns)
    draw_skips(left, chart, legend)
    draw_versions(left, chart, px_per_ns)
    figure.legend(
        legend.values(),
        legend.keys(),
        loc="upper right",
        bbox_to_anchor=(0.998, TOP + 0.02),
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
    left.set_xlabel("elapsed time", labelpad=13)
    for time in ticks:
        seconds = f"{time / 1e9:g} s"
        left.annotate(
            seconds,
            (time, 0),
            (0, -29),
            xycoords=left.get_xaxis_transform(),
            textcoords="offset points",
            fontsize=SMALL_PT,
            color=GREY,
            horizontalalignment="center",
            verticalalignment="top",
        )
    variable = chart.subject == "variable"
    crashes = any(event.outcome == "restart" for event in chart.events)
    left.set_ylim(0.5, max(len(chart.levels), 1) + 0.5)
    left.set_yticks(range(1, len(chart.levels) + 1), chart.levels)
    left.set_ylabel("variable in nodes" if variable else "states in nodes")
    right.set_ylim(0.5, len(chart.nodes) + 0.5)
    right.set_yticks(range(1, len(chart.nodes) + 1), chart.nodes)
    sent = "variable via nodes" if variable else "events via nodes"
    right.set_ylabel("crash/start in nodes" if crashes else sent)
    for axes in (left, right):
        axes.tick_params(direction="in")
    left.tick_params(top=True)
    return end
