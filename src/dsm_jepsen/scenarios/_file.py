"""A scenario from a file of one's own: any Python file in which one value is a ``Scenario``."""

import sys
from dataclasses import replace
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from traceback import extract_tb

from dsm_jepsen.scenarios._base import Scenario, ScenarioError, find_scenario

_EXPECTED = "expected a Python file with one Scenario in it, or a name that `dsm-jepsen list` shows"


def open_scenario(name: str) -> Scenario:
    """Find a scenario by its name, or load it from a file if a path is given.

    A path ends in ``.py`` or has a slash in it. The file is run as a module that can import its neighbours.

    Raises:
        ScenarioError: there is none of this name, no such file, the file breaks when it is run, or it has not
            exactly one scenario.
    """
    if name.endswith(".py") or "/" in name:
        return _load(Path(name).absolute())
    return find_scenario(name)


@cache
def _load(path: Path) -> Scenario:
    # Once only: what a file registers, such as a nemesis, cannot be registered again.
    if not path.is_file() or path.suffix != ".py":
        seen = "it is no Python file" if path.exists() else "there is no such file"
        raise ScenarioError(f"{path}: {seen}; {_EXPECTED}")
    found = _scenarios_of(path)
    if not found:
        raise ScenarioError(f"{path}: no Scenario is in it; {_EXPECTED}, such as SCENARIO = Scenario(...)")
    if len(found) > 1:
        raise ScenarioError(
            f"{path}: {len(found)} scenarios are in it, {' and '.join(found)}; expected one: "
            "give each a file of its own"
        )
    return replace(next(iter(found.values())), file=path)


def _scenarios_of(path: Path) -> dict[str, Scenario]:
    """Run the file and give its scenarios by the names they are bound to."""
    name = f"scenario_file_{path.stem}"
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    # Dataclasses look up their module by name; and as with a script, what lies beside it can be imported.
    sys.modules[name] = module
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        lines = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == str(path)]
        where = f" at line {lines[-1]}" if lines else ""
        raise ScenarioError(
            f"{path} breaks when it is imported{where}: {type(error).__name__}: {error}; "
            "mend it, or install what it needs (--debug shows where)"
        ) from error
    distinct: dict[int, str] = {}
    for bound, value in vars(module).items():
        if isinstance(value, Scenario):
            distinct.setdefault(id(value), bound)
    return {bound: vars(module)[bound] for bound in distinct.values()}
