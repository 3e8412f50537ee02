"""Sizes and colours of the drawing, those of the published charts where they have them.

The page replaces the colours by its own, dark or light: see ``html``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dsm_jepsen.reports.states import Chart

COLOURS = ("#9400d3", "#009e73", "#56b4e9", "#e69f00", "#f0e442", "#0072b2", "#e51e10")
"""gnuplot's order of line colours, from the first node on."""

FAULT_COLOURS = {
    "kill": "#e9a4a0",
    "pause": "#a0b1e9",
    "slow": "#d3b8e0",
    "session": "#a0e9db",
    "partition": "#e9dca0",
}
"""Colours of faults by kind; of those that Jepsen has, Jepsen's."""

_WORDS = {"crash": "kill", "restart": "kill", "flaky": "slow"}
"""Further words in a fault's name that tell its kind."""

BLACK, GREY, WHITE, RED = "#000000", "#767676", "#ffffff", "#d1004f"
"""Ink, faint ink, paper, and the colour of what went wrong."""

WIDTH_PX, HEIGHT_PX, DPI = 900, 450, 100
LEFT, BOTTOM, RIGHT, TOP = 0.076, 0.165, 0.768, 0.91
PLOT_PX = WIDTH_PX * (RIGHT - LEFT)

LINE_PT = 3 * 72 / DPI
SMALL_PT = 6.5


def fault_colour(name: str) -> str:
    """Choose the colour of a fault's kind; what is of no other kind is a partition."""
    kinds = (_WORDS.get(word, word) for word in name.split("-"))
    return next((FAULT_COLOURS[kind] for kind in kinds if kind in FAULT_COLOURS), FAULT_COLOURS["partition"])


def offset(chart: Chart, node: str) -> float:
    """Tell how far a node's line stands from its level: a tenth per node, less where that would not fit."""
    return (chart.nodes.index(node) - (len(chart.nodes) - 1) / 2) * min(0.1, 0.6 / len(chart.nodes))


def small_px(text: str) -> float:
    """Estimate the width of a small text."""
    return 0.58 * SMALL_PT * DPI / 72 * len(text)
