"""The house stays tidy: files say what they are, none grows too long, plug-ins tell what they find."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "src").rglob("*.py"))
CODE = [*SOURCES, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "bench").rglob("*.py"))]


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", CODE, ids=named)
def test_a_module_says_in_its_first_line_what_it_is(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    assert docstring, "no docstring"
    assert len(docstring.splitlines()[0].split()) >= 3, "too short to tell anything"


@pytest.mark.parametrize("path", CODE, ids=named)
def test_a_file_is_short_enough_to_read(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


def plugins(room: str) -> list[Path]:
    return [path for path in (ROOT / "src/dsm_jepsen" / room).glob("*.py") if not path.name.startswith("_")]


@pytest.mark.parametrize("path", plugins("nemesis"), ids=named)
def test_a_nemesis_tells_what_it_finds_and_needs(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
    assert "Finds:" in docstring
    assert "Needs:" in docstring


@pytest.mark.parametrize(
    "path", [path for path in plugins("checkers") if path.name != "models.py"], ids=named
)
def test_a_checker_tells_what_it_catches_misses_and_costs(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
    for word in ("Catches:", "Misses:", "Cost:"):
        assert word in docstring


def test_the_command_line_starts_without_heavy_libraries() -> None:
    program = "import sys, dsm_jepsen.cli; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    loaded = ran.stdout.split()
    assert "dsm_jepsen.cli" in loaded
    assert not {"aetcd", "etcd3", "grpc", "matplotlib", "aiohttp", "rich.console"}.intersection(loaded)
