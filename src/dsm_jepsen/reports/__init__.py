"""What people and programs get to see of a run: charts, a page, results, and a few lines of text."""

from collections.abc import Mapping
from pathlib import Path

from dsm_jepsen.checkers import Verdict
from dsm_jepsen.history import History
from dsm_jepsen.reports._base import ReportError as ReportError
from dsm_jepsen.reports._base import RunInfo as RunInfo
from dsm_jepsen.reports.files import read_info as read_info
from dsm_jepsen.reports.files import write_info as write_info
from dsm_jepsen.reports.files import write_results as write_results
from dsm_jepsen.reports.summary import overall as overall
from dsm_jepsen.reports.summary import verdict_lines as verdict_lines


def draw(folder: Path, history: History, info: RunInfo, verdicts: Mapping[str, Verdict]) -> list[Path]:
    """Draw ``chart.png``, ``chart.svg`` and ``report.html`` into a run's folder and name them.

    What is charted follows from the history: the records of a work queue, or what nodes were seen to be and
    the events sent to them. With none of these there is nothing to chart, and the page says so.

    Raises:
        ReportError: whatever went wrong in drawing; the run's verdict and files are untouched.
    """
    # Heavy libraries stay away from who only writes results.
    from dsm_jepsen.reports.html import write_report
    from dsm_jepsen.reports.instances import instances_over_time
    from dsm_jepsen.reports.instances_plot import draw_queue
    from dsm_jepsen.reports.state_chart_plot import draw_chart
    from dsm_jepsen.reports.states import states_over_time

    try:
        queue = instances_over_time(history, info, folder)
        if queue is not None:
            charts = draw_queue(queue, folder)
        else:
            chart = states_over_time(history, info)
            charts = draw_chart(chart, folder) if chart.levels or chart.events else []
        svg = charts[1].read_text(encoding="utf-8") if charts else None
        of_queue = queue is not None
        return [*charts, write_report(folder, history, info, verdicts, chart=svg, of_queue=of_queue)]
    except Exception as error:
        raise ReportError(f"{folder}: {type(error).__name__}: {error}") from error
