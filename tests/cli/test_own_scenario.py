"""A scenario from a file of one's own, run and judged from the command line."""

import json
import sys
from pathlib import Path

import pytest

from dsm_jepsen.cli import run_command

REGISTER = Path(__file__).parent.parent / "scenarios" / "test_any_system.py"


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the tutorial's file, in a folder with a blank in its name."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    path = tmp_path / "my own" / "my_scenario.py"
    path.parent.mkdir()
    path.write_text(REGISTER.read_text())
    return path


def run_of(path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Run it and give the folder of its run."""
    out = path.parent / "store"
    assert run_command(["run", str(path), "--seed", "5", "--out", str(out)]) == 0
    assert f"dsm-jepsen run '{path}' --seed 5" in capsys.readouterr().out
    return (out / "register" / "latest").resolve()


def test_a_scenario_in_a_file_is_run_judged_and_drawn(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = run_of(mine, capsys)
    assert json.loads((folder / "run.json").read_text())["scenario_file"] == str(mine)
    assert run_command(["check", str(folder)]) == 0
    assert "VALID  linearizable, stats" in capsys.readouterr().out
    assert run_command(["report", str(folder)]) == 0


def test_a_path_is_taken_from_where_one_stands(
    mine: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(mine.parent)
    assert run_command(["run", "my_scenario.py", "--seed", "5"]) == 0
    monkeypatch.chdir(mine.parent.parent)
    assert run_command(["check", str(mine.parent / "store" / "latest")]) == 0


def test_a_file_may_import_what_lies_beside_it(mine: Path) -> None:
    (mine.parent / "beside_my_scenario.py").write_text(REGISTER.read_text())
    mine.write_text("from beside_my_scenario import REGISTER")
    assert run_command(["run", str(mine), "--seed", "5", "--out", str(mine.parent / "store")]) == 0


def test_without_its_file_a_run_cannot_be_judged_and_says_so(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run_of(mine, capsys)
    moved = mine.with_name("moved.py")
    mine.rename(moved)
    info = json.loads((folder / "run.json").read_text())
    # In a new process the file would not be known any more: here another name stands for that.
    (folder / "run.json").write_text(json.dumps({**info, "scenario_file": str(mine.with_name("gone.py"))}))
    assert run_command(["check", str(folder)]) == 254
    said = capsys.readouterr().err
    assert f"{folder}: the scenario of this run is needed" in said
    assert "gone.py: there is no such file" in said


def test_a_file_that_has_another_scenario_now_judges_nothing(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run_of(mine, capsys)
    other = mine.with_name("other.py")
    other.write_text(mine.read_text().replace('name="register"', 'name="another"'))
    info = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**info, "scenario_file": str(other)}))
    assert run_command(["check", str(folder)]) == 254
    assert "has another now" in capsys.readouterr().err


SCENARIO = """
from dsm_jepsen.scenarios import Scenario
FIRST = Scenario(name="first", title="", system=None, workload=None)
"""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(None, "there is no such file", id="no file"),
        pytest.param("import math", "no Scenario is in it", id="no scenario"),
        pytest.param(
            SCENARIO
            + "ALIAS = FIRST\nSECOND = Scenario(name='second', title='', system=None, workload=None)",
            "2 scenarios are in it, FIRST and SECOND",
            id="two scenarios",
        ),
        pytest.param(
            "import math\nimport no_such_module",
            "breaks when it is imported at line 2: ModuleNotFoundError: No module named 'no_such_module'",
            id="import error",
        ),
        pytest.param("def broken(:", "SyntaxError: invalid syntax (own.py, line 1)", id="syntax error"),
        pytest.param("raise SystemExit(3)", "at line 1: SystemExit: 3", id="it ends the program"),
        pytest.param(
            SCENARIO.replace("first", "../out"), "a folder of this name", id="a name that is a path"
        ),
        pytest.param(
            SCENARIO.replace("title", "nemeses=('kill-nod',), title"),
            "unknown fault 'kill-nod' of first; did you mean kill-node",
            id="no such fault",
        ),
    ],
)
def test_a_bad_file_is_refused_with_one_clear_message(
    text: str | None,
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    path = tmp_path / "own.py"
    if text is not None:
        path.write_text(text)
    assert run_command(["run", str(path), "--out", str(tmp_path / "store")]) == 254
    printed = capsys.readouterr().err
    assert f"{path}" in printed
    assert words in printed
    assert "Traceback" not in printed
    assert not (tmp_path / "store").exists()
    if text is not None:
        assert run_command(["run", str(path), "--debug"]) == 254
        assert "Traceback" in capsys.readouterr().err


def test_a_folder_is_no_scenario(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["run", f"{tmp_path}/"]) == 254
    assert "it is no Python file" in capsys.readouterr().err


def test_the_help_lists_flaws_and_lies(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["run", "--help"]) == 0
    said = capsys.readouterr().out
    assert "no-version-check" in said
    assert "stale-reads" in said
