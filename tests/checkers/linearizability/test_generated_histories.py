"""Histories that the bench measures are what their names say, and the same whenever they are made."""

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsm_jepsen.checkers._base import worst
from dsm_jepsen.checkers.linearizability.check import Budget, check_columns, check_parts
from dsm_jepsen.checkers.linearizability.descent import PATIENCE
from dsm_jepsen.checkers.linearizability.meaning import Meaning
from dsm_jepsen.checkers.linearizability.search import Search
from dsm_jepsen.checkers.linearizability.table import Table

BENCH = Path(__file__).parents[3] / "bench" / "engine" / "histories.py"

KINDS = (
    *(f"cas-c5-n200-v5-i{lost}-t1" for lost in (0, 0.1, 0.3)),
    *(f"{model}-c5-n200-v4-i{lost}-t1" for model in ("reg", "kv") for lost in (0, 0.05)),
    "cas-c20-n200-v5-i0-t0",
    "uniq-c5-n200-v0-i0-t1",
    "set-c5-n200-v0-i0-t1",
    "set-c5-n200-v5-i0.1-t1",
    "queue-c3-n100-v0-i0-t1",
    "stack-c2-n60-v0-i0-t1",
)
HARD = tuple(f"cas-c5-n200-v5-i0-t1-{how}" for how in ("dom", "near", "scarce"))
SPOILED = tuple(f"cas-c5-n200-v5-i0.1-t1-{how}" for how in ("mid", "late", "many", "flip"))


@pytest.fixture(scope="module")
def histories() -> ModuleType:
    """The generator, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("bench_histories", BENCH)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look for it there
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("name", [*(f"{kind}-{how}" for kind in KINDS for how in ("ok", "bad")), *HARD])
def test_a_history_is_right_or_wrong_as_its_name_says(
    histories: ModuleType, name: str, *, native: bool
) -> None:
    known = histories.Name.of(name).valid
    assert known is not None
    parts = check_parts(
        histories.history(name), histories.model_of(name), budget=Budget(seconds=30), native=native
    )
    assert worst(part.valid for part in parts) is known


@pytest.mark.parametrize("name", SPOILED)
def test_kernel_and_twin_agree_where_it_is_not_known(histories: ModuleType, name: str) -> None:
    history, model = histories.history(name), histories.model_of(name)
    kernel, twin = (check_parts(history, model, native=native) for native in (True, False))
    assert [(part.valid, part.event) for part in kernel] == [(part.valid, part.event) for part in twin]


def registers(*endings: str) -> st.SearchStrategy[str]:
    """Names of histories longer than what is looked back at first."""
    return st.builds(
        "{}-c{}-n{}-v{}-i{}-t{}-{}".format,
        st.sampled_from(["cas", "reg"]),
        st.integers(2, 12),
        st.sampled_from([50, 100, 200]),
        st.integers(2, 5),
        st.sampled_from([0, 0, 0.03, 0.1]),
        st.integers(0, 1),
        st.sampled_from(endings),
    )


tried = settings(max_examples=int(os.environ.get("DSM_JEPSEN_FUZZ", "100")), deadline=None)


@tried
@given(
    name=registers("ok", "bad", "dom"),
    seed=st.integers(0, 1 << 32),
    patience=st.sampled_from([0, 4, 40, PATIENCE]),
)
def test_what_is_shown_by_looking_back_is_shown_by_sweeping_the_whole(
    histories: ModuleType, name: str, seed: int, patience: int
) -> None:
    columns, model = histories.history(name, seed).columns, histories.model_of(name)
    (swept,) = check_columns(columns, model, patience=-1)
    for native in (True, False):
        (part,) = check_columns(columns, model, native=native, patience=patience)
        assert part.valid is swept.valid
        assert part.event == swept.event or part.valid


@tried
@given(
    name=registers("ok"),
    seed=st.integers(0, 1 << 32),
    back=st.integers(1, 6) | st.integers(7, 80),
    width=st.sampled_from([3, 64]),
)
def test_of_a_right_history_nothing_is_impossible_however_little_is_looked_back_at(
    histories: ModuleType, name: str, seed: int, back: int, width: int
) -> None:
    table = Table(Meaning(histories.model_of(name)))
    (part,) = table.parts(histories.history(name, seed).columns)
    search = Search(table.machine(part.problem), part.problem, table.initial, lambda: False, PATIENCE)
    returns = [place for place, event in enumerate(part.problem.events) if event < 0]
    assert not any(search.impossible(place, back, width) for place in returns[-40:])


def test_a_seed_gives_the_same_history_again_and_another_one_another(histories: ModuleType) -> None:
    name = "cas-c5-n200-v5-i0.1-t1-many"
    assert histories.history(name, 7) == histories.history(name, 7)
    assert histories.history(name, 7) != histories.history(name, 8)


def test_histories_are_such_as_clients_could_have_recorded(histories: ModuleType) -> None:
    history = histories.history("queue-c5-n200-v0-i0.3-t1-ok")
    assert type(history)(history) == history  # event by event, with all that is looked at there
