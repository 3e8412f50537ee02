"""A run on one page: verdicts, the chart, all operations, statistics, and how to run it again.

The page holds all it needs: no network, no fonts, no libraries; it can be mailed. Whatever comes from a
history is escaped. The same run gives the same bytes.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from dsm_jepsen.checkers import Verdict
from dsm_jepsen.history import History
from dsm_jepsen.reports._base import RunInfo
from dsm_jepsen.reports._plot_style import BLACK, COLOURS, FAULT_COLOURS, GREY, RED, WHITE
from dsm_jepsen.reports.counterexample import SHOWN, Counterexample, counterexample
from dsm_jepsen.reports.details import Detail, details
from dsm_jepsen.reports.faults import fault_rows
from dsm_jepsen.reports.operations import counts, faults, row_index, rows
from dsm_jepsen.reports.summary import overall, word_of

_ROWS_MAX = 10_000
"""A browser shows so many rows without trouble; more are in the history's files."""

_FAULTS_MAX = 500
"""So many steps of faults are listed apart; the rest are among the operations."""

_CULPRITS_MAX = 20
"""So many culprits of one checker are linked; the rest are in ``results.json``."""

_SENTENCES = {
    "VALID": "Every checker is content, and enough happened for that to mean something.",
    "INVALID": "The system did something that a correct one cannot do.",
    "UNKNOWN": "Nobody can say: not every checker came to an end.",
    "INADEQUATE": "Nothing wrong was seen, but too little happened for that to mean anything.",
}

_THEMED = {
    BLACK: "ink",
    WHITE: "card",
    GREY: "faint",
    RED: "invalid",
    COLOURS[0]: "purple",
    **{colour: kind for kind, colour in FAULT_COLOURS.items()},
}
"""Colours of the drawing that the page has its own for, dark or light."""

_SVG = re.compile(r"<svg.*</svg>", re.DOTALL)


class _Finding(NamedTuple):
    """A checker's verdict as the page shows it; culprits are pairs of an event and its row, each row once."""

    name: str
    word: str
    because: str
    anomaly: str | None
    culprits: tuple[tuple[int, int], ...]
    more: int
    details: list[Detail]
    counterexample: Counterexample | None


def write_report(
    folder: Path,
    history: History,
    info: RunInfo,
    verdicts: Mapping[str, Verdict],
    *,
    chart: str | None,
    of_queue: bool = False,
    rows_max: int = _ROWS_MAX,
) -> Path:
    """Write ``report.html`` into a run's folder and return its path.

    Args:
        folder: the run's.
        history: of the run.
        info: where it comes from.
        verdicts: by checker.
        chart: SVG of our own making: it stands in the page as it is.
        of_queue: whether it is that of a work queue, and not of states.
        rows_max: how many operations to show, besides the culprits.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("dsm_jepsen.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    findings = [_finding(name, verdict, history) for name, verdict in verdicts.items()]
    culprits = {row for finding in findings for _, row in finding.culprits}
    shown = rows(history, info, only=culprits, limit=rows_max)
    word, _ = overall(verdicts)
    page = environment.get_template("report.html.j2").render(
        word=word,
        sentence=_SENTENCES[word] if verdicts else "No checker was asked.",
        info=info,
        findings=sorted(findings, key=lambda finding: finding.word == "VALID"),
        chart=None if chart is None else Markup(_inline(chart)),  # noqa: S704 - our own drawing
        of_queue=of_queue,
        rows=shown,
        culprits=culprits,
        left_out=sum(1 for _ in history.operations()) + sum(1 for _ in faults(history)) - len(shown),
        tones={"ok": "valid", "fail": "invalid", "info": "unknown", "open": "unknown"},
        counts=counts(history),
        faults=fault_rows(history, info.nodes, limit=_FAULTS_MAX),
        faults_left_out=max(sum(1 for _ in faults(history)) - _FAULTS_MAX, 0),
        fault_tones={"installed": "invalid", "indeterminate": "unknown", "ended": "valid"},
        seconds=_seconds(history),
        events=len(history),
    )
    path = folder / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


def _finding(name: str, verdict: Verdict, history: History) -> _Finding:
    places: dict[int, int] = {}
    for index in verdict.culprits:
        if 0 <= index < len(history):
            places.setdefault(row_index(history, index), index)
    shown = counterexample(verdict.details)
    hidden = SHOWN if shown else ()
    culprits = tuple((index, row) for row, index in places.items())
    return _Finding(
        name=name,
        word=word_of(name, verdict),
        because=verdict.because,
        anomaly=verdict.anomaly,
        culprits=culprits[:_CULPRITS_MAX],
        more=len(culprits[_CULPRITS_MAX:]),
        details=details({key: value for key, value in verdict.details.items() if key not in hidden}),
        counterexample=shown,
    )


def _seconds(history: History) -> str:
    """Say how long it took; nothing where nobody took the time."""
    last = history[len(history) - 1].time if len(history) else 0
    return f"{last / 1e9:.1f}" if last >= 0 else ""


def _inline(svg: str) -> str:
    """Take the drawing out of its file, with ink and paper in the page's colours, dark or light."""
    found = _SVG.search(svg)
    if found is None:
        raise ValueError("the chart is no SVG; draw it again")
    drawing = found.group()
    for colour, name in _THEMED.items():
        drawing = drawing.replace(colour, f"var(--{name})")
    return drawing
