"""What the drawing puts behind and above the lines: faults in force, faults skipped, and the versions.

None of it stands in the way of the lines and boxes: shades lie behind, words and numbers above the frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dsm_jepsen.reports._plot_style import BLACK, GREY, PLOT_PX, SMALL_PT, fault_colour, small_px

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from dsm_jepsen.reports.faults import Window
    from dsm_jepsen.reports.states import Chart

_VERSIONS_AT, _WORDS_AT = 1.018, 1.058
"""Heights of the two rows above the frame, in its own."""

_GAP_PX = 4.0


def draw_windows(axes: Axes, chart: Chart, legend: dict[str, Artist], px_per_ns: float) -> None:
    """Shade the faults in force, hatched where nobody saw them act; a bar in a node's row says it was hit."""
    from matplotlib.patches import Patch

    across = axes.get_xaxis_transform()
    for window in chart.windows:
        end = chart.end if window.end is None else window.end
        colour = fault_colour(window.name)
        hatch = None if window.seen else "////"
        axes.axvspan(
            window.start,
            end,
            facecolor=colour if window.seen else "none",
            edgecolor=colour,
            hatch=hatch,
            alpha=0.35 if window.seen else 0.7,
            linewidth=0,
            zorder=0,
        )
        for moment in (window.start, window.end):
            if moment is not None:
                axes.axvline(moment, color=colour, linewidth=0.8, linestyle="--", zorder=0.4)
        legend[window.name] = Patch(facecolor=colour, linewidth=0)
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
    if not all(window.seen for window in chart.windows):
        legend["fault unseen"] = Patch(facecolor="none", edgecolor=GREY, hatch="////", linewidth=0.8)
    _name_windows(axes, chart, px_per_ns)


def _name_windows(axes: Axes, chart: Chart, px_per_ns: float) -> None:
    """Write above each shade what it is: all in full if all have room up to the next, else in short."""
    starts = [window.start * px_per_ns for window in chart.windows]
    rooms = [end - start for start, end in zip(starts, [*starts[1:], PLOT_PX], strict=False)]
    full, short = ([name(window) for window in chart.windows] for name in (_in_full, _in_short))
    fits = all(small_px(text) + _GAP_PX <= room for text, room in zip(full, rooms, strict=True))
    for window, text, room in zip(chart.windows, full if fits else short, rooms, strict=True):
        if small_px(text) + _GAP_PX <= room:
            _write(axes, window.start, _WORDS_AT, text, BLACK)


def _in_full(window: Window) -> str:
    if not window.sides:
        return f"{window.name} {_in_short(window)}"
    healed = "never healed"
    if window.end is not None:
        healed = f"healed after {(window.end - window.start) / 1e9:.3g} s"
    return f"{window.name}: {_in_short(window)}, {healed}"


def _in_short(window: Window) -> str:
    return " | ".join(" ".join(side) for side in window.sides or (window.nodes,))


def draw_skips(axes: Axes, chart: Chart, legend: dict[str, Artist]) -> None:
    """Put a small tick where a fault would have begun that was skipped."""
    if chart.skips:
        (legend["fault skipped"],) = axes.plot(
            [skip.time for skip in chart.skips],
            [0.0] * len(chart.skips),
            transform=axes.get_xaxis_transform(),
            linestyle="none",
            marker="^",
            markersize=5,
            color=GREY,
            clip_on=False,
            zorder=5,
        )


def draw_versions(axes: Axes, chart: Chart, px_per_ns: float) -> None:
    """Tick every commit above the frame, with its version where there is room for the number."""
    if not chart.commits:
        return
    across = axes.get_xaxis_transform()
    axes.vlines(
        [commit.time for commit in chart.commits],
        1.0,
        1.014,
        transform=across,
        colors=GREY,
        linewidth=0.8,
        clip_on=False,
    )
    axes.text(
        -0.008,
        _VERSIONS_AT,
        "version",
        transform=axes.transAxes,
        fontsize=SMALL_PT,
        color=GREY,
        horizontalalignment="right",
    )
    free_from = 0.0
    for commit in chart.commits:
        half = small_px(str(commit.version)) / 2
        middle = commit.time * px_per_ns
        if middle - half >= free_from:
            free_from = middle + half + _GAP_PX
            _write(axes, commit.time, _VERSIONS_AT, str(commit.version), GREY, align="center")


def _write(axes: Axes, time: int, height: float, text: str, ink: str, *, align: str = "left") -> None:
    axes.text(
        time,
        height,
        text,
        transform=axes.get_xaxis_transform(),
        fontsize=SMALL_PT,
        color=ink,
        horizontalalignment=align,
    )
