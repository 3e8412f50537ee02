"""How the documentation is built: Sphinx, MyST for Markdown, Furo; the reference is written from the code.

Before each build ``reference/api/`` is written anew: one page for every room from its docstrings, one for the
command line from its own help, one for the scenarios and faults from their registries, and one for the flaws
from the test that plants them. Nothing in that folder is edited by hand or committed.
"""

import ast
import inspect
import pkgutil
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from sphinx.application import Sphinx

from dsm_jepsen import __version__
from dsm_jepsen.cli import app
from dsm_jepsen.nemesis import describe
from dsm_jepsen.scenarios import scenarios

project = "dsm-jepsen"
author = "The dsm-jepsen authors"
project_copyright = author
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "dsm-jepsen"
html_static_path = ["_static"]
html_css_files = ["wrap.css"]
myst_enable_extensions = ["deflist", "colon_fence"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_typehints = "signature"
suppress_warnings = ["ref.python"]  # two rooms may use one name; annotations then link to neither
napoleon_use_ivar = True  # fields are told once, in the class's docstring

ROOMS = {
    "scenarios": "Scenarios: what is run, and how",
    "scenarios.generators": "Generators: what clients do, and when",
    "checkers": "Checkers: judges of histories",
    "checkers.linearizability": "Linearizability: verdicts and evidence",
    "checkers.models": "Models: what a system should do",
    "nemesis": "Nemeses: faults",
    "env": "The seams: what a program may know of the world",
    "history": "Histories: operations in memory and on disk",
    "cluster": "Clusters: where nodes live",
    "cluster.sim": "The simulated cluster",
    "cluster.local": "The local cluster",
    "dsm.chart": "State charts",
    "dsm.machines": "Machines that come with the house",
    "dsm.ensemble": "The ensemble",
    "dsm.stores": "Connections to real stores",
    "reports": "Reports",
}
"""Room to title, in the order of the reference."""

RED_BEFORE_GREEN = Path(__file__).parents[1] / "tests" / "scenarios" / "test_red_before_green.py"
"""The test whose ``TABLE`` says which checker finds which flaw in which scenario."""

_PUBLIC_BASES = ("_base",)
"""Private modules whose names their room gives out."""


def write_reference(sphinx: Sphinx) -> None:
    """Write the generated pages."""
    folder = Path(sphinx.srcdir) / "reference" / "api"
    folder.mkdir(parents=True, exist_ok=True)
    pages = {
        "command-line.md": _command_line(),
        "scenarios-and-faults.md": _scenarios_and_faults(),
        "checkers-and-flaws.md": _checkers_and_flaws(),
    }
    for number, (room, title) in enumerate(ROOMS.items()):
        pages[f"{number:02}-{room.replace('.', '-')}.rst"] = _room(room, title)
    for old in folder.iterdir():
        if old.name not in pages:
            old.unlink()
    for name, text in pages.items():
        page = folder / name
        if not page.exists() or page.read_text(encoding="utf-8") != text:  # else Sphinx reads it again
            page.write_text(text, encoding="utf-8")


def _room(room: str, title: str) -> str:
    package = import_module(f"dsm_jepsen.{room}")
    lines = [title, "=" * len(title), "", f".. automodule:: {package.__name__}", "   :no-members:", ""]
    for module in pkgutil.iter_modules(package.__path__):
        inner = f"{package.__name__}.{module.name}"
        if module.ispkg or (module.name.startswith("_") and module.name not in _PUBLIC_BASES):
            continue
        heading = f"``{inner.removeprefix('dsm_jepsen.')}``"
        lines += [heading, "-" * len(heading), "", f".. automodule:: {inner}", ""]
    return "\n".join(lines)


def _command_line() -> str:
    context = click.Context(app, info_name="dsm-jepsen")
    parts = ["# The command line", inspect.cleandoc(app.help or "")]
    for name in app.list_commands(context):
        command = app.get_command(context, name)
        assert command is not None
        inner = click.Context(command, info_name=name, parent=context)
        usage = " ".join([inner.command_path, *command.collect_usage_pieces(inner)])
        parts += [f"## {name}", f"```text\n{usage}\n```", inspect.cleandoc(command.help or "")]
        options = [option for option in command.params if isinstance(option, click.Option)]
        rows = [record for option in options if (record := option.get_help_record(inner))]
        if rows:
            parts.append(_table(("option", "meaning"), [(f"`{left}`", right) for left, right in rows]))
    return "\n\n".join(parts) + "\n"


def _scenarios_and_faults() -> str:
    runs = [
        (f"`{one.name}`", one.title, _names(one.nemeses), _choices(one.settings))
        for one in scenarios().values()
    ]
    faults = [(f"`{one.name}`", one.title, one.finds, _names(one.needs)) for one in describe()]
    return "\n\n".join(
        [
            "# Scenarios and faults",
            "## Scenarios",
            "What each claims and is known to catch stands in [its own docstring](00-scenarios.rst).",
            "The first value of a setting is its default. `--paper-timing` sets the timing `paper`.",
            _table(("scenario", "what happens", "faults", "settings"), runs),
            "## Faults",
            "Where a cluster can do what a fault needs is tried, not told: `dsm-jepsen doctor` shows it for "
            "the machine it runs on ([what decides](../../explanation/architecture.md#the-seams)).",
            _table(("fault", "what it does", "what it finds", "needs"), faults),
        ]
    )


def _checkers_and_flaws() -> str:
    tree = ast.parse(RED_BEFORE_GREEN.read_text(encoding="utf-8"))
    found = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "TABLE"
    )
    rows = [
        (f"`{checker}`", " ".join([f"`{scenario}", *_options(settings)]) + "`", f"`{_options(broken)[0]}`")
        for checker, scenario, settings, broken in found
    ]
    flaws = {name: wrong for one in scenarios().values() for name, wrong in one.variants.items()}
    return "\n\n".join(
        [
            "# Checkers and flaws",
            "A checker that has never found anything shows nothing. Each of these has: the tests plant the "
            "flaw, run the scenario on the simulated cluster, and expect this very checker to find it within "
            "50 seeds, and again with the same seed. Other checkers may find it as well.",
            _table(("checker", "in the scenario", "with"), rows),
            "`stats` and `adequacy` are not here. What they call wrong is a run that says too little.",
            "## Variants",
            "Flaws of the reference system, for `--variant`.",
            _table(("variant", "what is wrong"), [(f"`{name}`", flaws[name]) for name in sorted(flaws)]),
            "The lies of the simulated store, for `--lie`, are "
            "[explained with its axioms](../../explanation/simulated-store.md).",
        ]
    )


def _options(values: Mapping[str, str]) -> list[str]:
    return [f"--{name} {value}" for name, value in values.items()]


def _choices(settings: Mapping[str, tuple[str, ...]]) -> str:
    return "; ".join(f"{name}: {', '.join(values)}" for name, values in settings.items())


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def show_as_written(_app: Sphinx, _what: str, _name: str, _obj: Any, _options: Any, lines: list[str]) -> None:
    """Let a docstring's drawings, tables and code (indented, or between bars) be shown as written."""
    result: list[str] = []
    inside = False
    for number, line in enumerate(lines):
        before = lines[number - 1] if number else ""
        starts = bool(re.match(r"( {4}\S|\| )", line)) and not before.strip()
        if starts and not inside and _is_figure(result):
            result += ["::", ""]
            inside = True
        if inside and line.strip() and not re.match(r"( {4}|\|)", line):
            inside = False
        result.append(f"    {line}" if inside and line.startswith("|") else line)
    # "``expect``s" is how people write, but reStructuredText wants a mark after the quotes.
    lines[:] = [re.sub(r"``(?=[a-z])(?<=\w``)", r"``\\ ", line) for line in result]


def _is_figure(above: list[str]) -> bool:
    """Whether what follows is no continuation of a list or of a field."""
    last = next((line for line in reversed(above) if line.strip()), "")
    return not re.match(r"(\*|\d+\.|:|\.\.|\s)", last)


def setup(sphinx: Sphinx) -> None:
    """Connect both to the build."""
    sphinx.connect("builder-inited", write_reference)
    sphinx.connect("autodoc-process-docstring", show_as_written)
