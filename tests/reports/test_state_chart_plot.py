"""The drawing: the paper's chart where nothing disturbs it, and the same bytes every time."""

import struct
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest

from dsm_jepsen.history import History
from dsm_jepsen.reports import RunInfo
from dsm_jepsen.reports._plot_boxes import place_boxes
from dsm_jepsen.reports._plot_style import COLOURS
from dsm_jepsen.reports.state_chart_plot import draw_chart, tick_step, tick_text
from dsm_jepsen.reports.states import Event, states_over_time

S = 1_000_000_000


def texts(svg: Path) -> list[str]:
    return [
        "".join(element.itertext())
        for element in ElementTree.parse(svg).iter()
        if element.tag.endswith("text")
    ]


def test_the_picture_has_the_papers_size(isolated: History, info: RunInfo, tmp_path: Path) -> None:
    png, _ = draw_chart(states_over_time(isolated, info), tmp_path)
    assert struct.unpack(">II", png.read_bytes()[16:24]) == (900, 450)


def test_an_undisturbed_run_has_the_papers_labels_and_no_others(
    isolated: History, info: RunInfo, tmp_path: Path
) -> None:
    _, svg = draw_chart(states_over_time(isolated, info), tmp_path)
    found = texts(svg)
    labels = [
        "elapsed time",
        "states in nodes",
        "events via nodes",
        "S11",
        "S12",
        "S211",
        "S212",
        *info.nodes,
    ]
    legend = [*(f"states {node}" for node in info.nodes), "events"]
    ticks = ["0", "5x10⁹", *(f"{n}x10¹⁰" for n in ("1", "1.5", "2", "2.5", "3", "3.5", "4", "4.5", "5"))]
    added = ["version", *map(str, range(1, 9)), *(f"{seconds} s" for seconds in range(0, 51, 5))]
    assert sorted(set(found)) == sorted({*labels, *legend, *ticks, "ns", "I", "C", "K", *added})
    assert [found.count(letter) for letter in "ICK"] == [4, 2, 2]


def test_lines_have_gnuplots_colours(isolated: History, info: RunInfo, tmp_path: Path) -> None:
    _, svg = draw_chart(states_over_time(isolated, info), tmp_path)
    drawing = svg.read_text()
    assert [colour for colour in COLOURS if f"stroke: {colour}" in drawing] == list(COLOURS[:5])


@pytest.mark.parametrize(
    "label", ["error", "read failed", "read unknown", "X crash", "I?", "halves", "halves n3 n4", "kill n5"]
)
def test_what_disturbed_a_run_is_drawn_and_named(
    disturbed: History, info: RunInfo, tmp_path: Path, label: str
) -> None:
    _, svg = draw_chart(states_over_time(disturbed, info), tmp_path)
    assert label in texts(svg)


@pytest.mark.parametrize(
    ("story", "left", "right", "series", "boxes"),
    [
        ("parallel", "states in nodes", "events via nodes", "events", {"I": 20, "C": 10, "K": 10}),
        (
            "variables",
            "variable in nodes",
            "variable via nodes",
            "variables",
            {f"v{number}": 2 for number in range(1, 9)},  # once in a box, once at the left axis
        ),
        ("stop_start", "states in nodes", "crash/start in nodes", "X crash", {"X": 8, "C": 5, "K": 5}),
        ("half_1", "states in nodes", "events via nodes", "events", {"C": 5, "K": 5, "error": 1}),
        ("half_2", "states in nodes", "events via nodes", "events", {"C": 5, "K": 5, "error": 1}),
    ],
)
def test_the_published_runs_have_the_published_labels_and_boxes(
    *,
    story: str,
    left: str,
    right: str,
    series: str,
    boxes: dict[str, int],
    info: RunInfo,
    variables_info: RunInfo,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    about = variables_info if story == "variables" else info
    _, svg = draw_chart(states_over_time(request.getfixturevalue(story), about), tmp_path)
    found = texts(svg)
    assert {left, right, series} <= set(found)
    assert {label: found.count(label) for label in boxes} == boxes


def test_a_cut_is_named_with_its_sides_and_how_long_it_lasted(
    half_1: History, info: RunInfo, tmp_path: Path
) -> None:
    _, svg = draw_chart(states_over_time(half_1, info), tmp_path)
    assert "halves: n1 n3 | n2 n4 n5, healed after 15 s" in texts(svg)


def test_faults_that_are_too_close_for_their_names_are_told_apart_by_their_nodes(
    stop_start: History, info: RunInfo, tmp_path: Path
) -> None:
    _, svg = draw_chart(states_over_time(stop_start, info), tmp_path)
    above = texts(svg)
    assert [above.count(node) for node in info.nodes] == [2, 2, 3, 3, 3]  # each once at the right axis


@pytest.mark.parametrize(
    ("outcome", "label"), [("indeterminate", "fault unseen"), ("skipped", "fault skipped")]
)
def test_faults_that_were_not_seen_to_act_are_told_from_those_that_were(
    outcome: str, label: str, story: Any, info: RunInfo, tmp_path: Path
) -> None:
    story.fault(1000, "start-kill", {"outcome": outcome, "nodes": ["n1"]}).reads(1000, 3, "a", 0)
    _, svg = draw_chart(states_over_time(story.history(), info), tmp_path)
    assert label in texts(svg)


@pytest.mark.parametrize("story", ["isolated", "parallel", "half_1", "disturbed", "crowded"])
def test_the_same_history_gives_the_same_bytes(
    story: str, info: RunInfo, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    chart = states_over_time(request.getfixturevalue(story), info)
    first = [path.read_bytes() for path in draw_chart(chart, tmp_path)]
    assert [path.read_bytes() for path in draw_chart(chart, tmp_path)] == first


def test_a_users_settings_of_matplotlib_change_nothing_and_are_left_alone(
    isolated: History, info: RunInfo, tmp_path: Path
) -> None:
    import matplotlib as mpl

    chart = states_over_time(isolated, info)
    first = [path.read_bytes() for path in draw_chart(chart, tmp_path)]
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red"}):
        assert [path.read_bytes() for path in draw_chart(chart, tmp_path)] == first
        assert mpl.rcParams["font.size"] == 30


def test_a_label_is_text_and_neither_formula_nor_markup(info: RunInfo, tmp_path: Path) -> None:
    odd = msgspec.structs.replace(info, levels=("$x^2", "<b>&"))
    _, svg = draw_chart(states_over_time(History(), odd), tmp_path)
    assert {"$x^2", "<b>&"} <= set(texts(svg))


@pytest.mark.parametrize(
    ("end", "step"), [(1, 1), (10, 1), (11, 2), (46 * S, 5 * S), (50 * S, 5 * S), (51 * S, 10 * S)]
)
def test_at_most_ten_round_steps_reach_the_end(end: int, step: int) -> None:
    assert tick_step(end) == step


@pytest.mark.parametrize(
    ("time", "text"),
    [(0, "0\nns"), (500, "500\nns"), (5 * S, "5x10⁹\nns"), (15 * S, "1.5x10¹⁰\nns"), (100 * S, "1x10¹¹\nns")],
)
def test_a_tick_is_a_value_over_its_unit(time: int, text: str) -> None:
    assert tick_text(time) == text


def row_of(count: int, every_px: int, outcome: str = "ok") -> list[Event]:
    return [Event(number * every_px, "n1", "I", outcome) for number in range(count)]


def test_boxes_with_room_have_the_papers_size() -> None:
    assert place_boxes(row_of(20, 30), 1.0) == (15.0, (True,) * 20)


def test_boxes_get_smaller_before_they_disappear() -> None:
    assert place_boxes(row_of(20, 20), 1.0) == (12.0, (True,) * 20)


def test_no_box_stands_where_most_would_cover_each_other() -> None:
    assert place_boxes(row_of(200, 3), 1.0)[1] == (False,) * 200


def test_in_a_crowd_an_event_that_stands_apart_keeps_its_box() -> None:
    crowd, apart = row_of(200, 3), Event(2000, "n1", "C", "ok")
    _, boxed = place_boxes([*crowd, apart], 1.0)
    assert boxed == (False,) * 200 + (True,)


def test_where_two_boxes_collide_what_took_effect_keeps_its_box() -> None:
    alone = row_of(20, 100)
    refused = Event(-5, "n1", "I", "fail")
    _, boxed = place_boxes([refused, *alone], 1.0)
    assert boxed == (False,) + (True,) * 20


def test_restarts_keep_their_boxes_in_any_crowd() -> None:
    _, boxed = place_boxes([*row_of(200, 3), Event(300, "n1", "X", "restart")], 1.0)
    assert boxed == (False,) * 200 + (True,)
