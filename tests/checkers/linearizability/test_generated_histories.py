"""Histories that the bench measures are what their names say, and the same whenever they are made."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from dsm_jepsen.checkers._base import worst
from dsm_jepsen.checkers.linearizability.check import Budget, check_parts

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


def test_a_seed_gives_the_same_history_again_and_another_one_another(histories: ModuleType) -> None:
    name = "cas-c5-n200-v5-i0.1-t1-many"
    assert histories.history(name, 7) == histories.history(name, 7)
    assert histories.history(name, 7) != histories.history(name, 8)


def test_histories_are_such_as_clients_could_have_recorded(histories: ModuleType) -> None:
    history = histories.history("queue-c5-n200-v0-i0.3-t1-ok")
    assert type(history)(history) == history  # event by event, with all that is looked at there
