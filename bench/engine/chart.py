"""Draws how the cost of a verdict grows with the length of a history."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

Points = Sequence[tuple[int, float, float]]
"""Operations, seconds of the processor, MiB."""


def exponent(points: Points) -> float:
    """Exponent of the power of the length that fits the seconds best (least squares of the logarithms)."""
    xs = [math.log(length) for length, _, _ in points]
    ys = [math.log(seconds) for _, seconds, _ in points]
    mx, my = sum(xs) / len(xs), sum(ys) / len(ys)
    across = sum((x - mx) * (y - my) for x, y in zip(xs, ys, strict=True))
    return across / sum((x - mx) ** 2 for x in xs)


def draw(lines: Mapping[str, Points], path: Path) -> None:
    """Draw seconds over operations, both in powers of ten, and a line of slope 1 for comparison."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    colours = ("#1f5fa8", "#c2571a", "#3b7f4a")
    figure, axes = plt.subplots(figsize=(7.5, 4.4), layout="constrained")
    for (name, points), colour in zip(lines.items(), colours, strict=False):
        lengths, seconds = [p[0] for p in points], [p[1] for p in points]
        model, clients = name.split("-")[:2]
        label = f"{model}, {clients[1:]} clients: exponent {exponent(points):.2f}"
        axes.plot(lengths, seconds, "o-", color=colour, label=label, linewidth=1.8, markersize=5)
    first = min(points[0][1] for points in lines.values())
    lengths = [p[0] for p in next(iter(lines.values()))]
    axes.plot(
        lengths,
        [first * 0.5 * length / lengths[0] for length in lengths],
        "--",
        color="#888888",
        label="slope 1",
        linewidth=1.2,
    )
    axes.set(
        xscale="log", yscale="log", xlabel="operations in the history", ylabel="seconds of the processor"
    )
    axes.set_title("A valid history costs in proportion to its length", loc="left", fontsize=11)
    axes.grid(visible=True, which="major", color="#dddddd", linewidth=0.7)
    axes.legend(frameon=False, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    plt.close(figure)
