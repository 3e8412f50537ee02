"""Why a history cannot be linearized, as a small chart: a row for each operation, a bar from call to return.

Made of what ``linearizable`` says of an invalid history in its verdict's details.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from dsm_jepsen.reports.details import in_words

_ROWS_MAX = 60
"""So many operations are drawn, the last ones; the rest are in ``results.json``."""

_WORDS_MAX = 60

_LEFT, _WIDTH, _STEP_MAX, _ROW, _LETTER = 96, 960, 40, 26, 7.5
"""Pixels: before the first event, in all, between two events at most, from row to row, and about a letter."""

SHOWN = frozenset({"core", "states", "operation", "exact", "complete", "minimal", "firm", "judged", "start"})
"""Details that are not listed beside the chart."""


class Bar(NamedTuple):
    """An operation as it is drawn; sizes in pixels.

    Attributes:
        x: of its call.
        y: of its row's top.
        width: up to its return, or to the end of the chart.
        words: what it was and how it ended.
        tone: ``wrong`` for the one that cannot be, ``loose`` for what may have happened, else ``firm``.
        process: whose.
        words_x: where its words begin, or end: within it if there is room, else beside it.
        anchor: ``start`` or ``end``: which of the two.
        title: where it stands in the history.
    """

    x: int
    y: int
    width: int
    words: str
    tone: str
    process: int
    words_x: int
    anchor: str
    title: str


class Counterexample(NamedTuple):
    """What the page shows; sizes in pixels.

    Attributes:
        states: pairs of a state that the machine could have been in, and why it is not possible there.
        more_states: whether there are others.
        bars: the smallest part of the history that cannot be.
        left_out: how many operations of it are not drawn.
        width: of the drawing.
        height: of the drawing.
        firm: how many operations show it.
        loose: how many may have happened.
        judged: of how many.
    """

    states: Sequence[tuple[str, str]]
    more_states: bool
    bars: Sequence[Bar]
    left_out: int
    width: int
    height: int
    firm: int
    loose: int
    judged: int


def counterexample(details: Mapping[str, Any]) -> Counterexample | None:
    """Lay out a counterexample, if the details of a verdict have one."""
    if not details.keys() >= SHOWN or not details["core"]:
        return None
    core = details["core"][-_ROWS_MAX:]
    bars = _bars(core, wrong=details["operation"]["invoke"])
    return Counterexample(
        states=[(in_words("state", one["state"]), one["because"]) for one in details["states"]],
        more_states=not details["complete"],
        bars=bars,
        left_out=len(details["core"]) - len(core),
        width=_WIDTH,
        height=len(bars) * _ROW + 8,
        firm=details["firm"],
        loose=sum(not one["firm"] for one in details["core"]),
        judged=details["judged"],
    )


def _bars(core: Sequence[Mapping[str, Any]], *, wrong: int) -> list[Bar]:
    moments = sorted({index for one in core for index in _ends(one)})
    step = min((_WIDTH - _LEFT - 8) // (len(moments) + 1), _STEP_MAX)
    place = {index: _LEFT + at * step for at, index in enumerate(moments)}
    bars = []
    for row, one in enumerate(core):
        start, *returned = _ends(one)
        end = place[returned[0]] if returned else _LEFT + len(moments) * step
        words = one["says"] if len(one["says"]) <= _WORDS_MAX else f"{one['says'][: _WORDS_MAX - 1]}…"
        x, anchor = place[start] + 6, "start"
        if (len(words) + 1) * _LETTER > end - place[start]:
            x, anchor = (end + 6, "start") if end < _WIDTH // 2 else (place[start] - 6, "end")
        bars.append(
            Bar(
                x=place[start],
                y=4 + row * _ROW,
                width=end - place[start],
                words=words,
                tone="wrong" if start == wrong else "firm" if one["firm"] else "loose",
                process=one["process"],
                words_x=x,
                anchor=anchor,
                title=f"{one['says']}: {_where(one)}",
            )
        )
    return bars


def _ends(one: Mapping[str, Any]) -> list[int]:
    """Give the events where a bar begins and, if it does, ends."""
    return [one["invoke"], *([one["completion"]] if one["firm"] and one["completion"] is not None else [])]


def _where(one: Mapping[str, Any]) -> str:
    start, *returned = _ends(one)
    when = f" at {one['time'] / 1e9:.3f} s" if one["time"] >= 0 else ""
    return f"called in event {start}{when}, " + (
        f"returned in event {returned[0]}" if returned else "may have happened at any time since, or never"
    )
