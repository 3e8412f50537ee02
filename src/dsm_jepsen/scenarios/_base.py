"""What a scenario is: a system, a workload, faults and checkers, as one value in one file.

A module of this package with a value ``SCENARIO`` is a scenario; its name is the module's in
kebab-case. Nothing else needs to be told of it.
"""

import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from pathlib import Path
from re import fullmatch

from dsm_jepsen.checkers import Checker
from dsm_jepsen.env import Capability, System
from dsm_jepsen.nemesis import NEMESES
from dsm_jepsen.scenarios.generators import NOTHING, Generator


class ScenarioError(ValueError):
    """A scenario was asked for that does not exist, or cannot run as asked; says what would do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What clients do and how it is judged.

    Attributes:
        generator: the main phase, clients and nemesis.
        final_generator: after all faults were ended and the system had ``settle_s`` to recover.
        settle_s: seconds between the two.
        checkers: by name.
    """

    generator: Generator
    checkers: Mapping[str, Checker]
    final_generator: Generator = NOTHING
    settle_s: float = 0.0


Settings = Mapping[str, str]
"""What a run chose of a scenario's settings, such as ``{"leader": "minority"}``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Everything about a run but its seed and the cluster.

    Attributes:
        name: as on the command line.
        title: one line that says what it shows.
        system: gives the system under test, with a planted flaw if one is named.
        variants: names of the flaws it knows, each with a line that says what is wrong.
        workload: gives the workload for the chosen settings.
        settings: what can be chosen, each with its values; the first is the default.
        nemeses: names of the faults its generator uses.
        concurrency: number of client threads; thread t talks to node t mod 5.
        levels: leaf states, or values of ``variable``, in the order of the report's chart.
        variable: the extended variable that the chart shows instead of states.
        file: the Python file it was loaded from, if it does not come with the package; ``check`` looks there.

    Raises:
        ScenarioError: the name cannot be that of a folder, or there is no such fault.
    """

    name: str
    title: str
    system: Callable[[str | None], System]
    workload: Callable[[Settings], Workload]
    settings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    variants: Mapping[str, str] = field(default_factory=dict)
    nemeses: tuple[str, ...] = ()
    concurrency: int = 5
    levels: tuple[str, ...] = ()
    variable: str | None = None
    file: Path | None = None

    def __post_init__(self) -> None:
        """See that it can be run."""
        if not fullmatch("[a-z0-9][a-z0-9_-]*", self.name):
            raise ScenarioError(
                f"a scenario is called {self.name!r}; expected small letters, digits and hyphens: "
                "its runs are kept in a folder of this name"
            )
        for name in self.nemeses:
            if name not in NEMESES:
                raise ScenarioError(unknown("fault", name, NEMESES, f"of {self.name}"))

    def needs(self) -> frozenset[Capability]:
        """What a cluster must be able to do."""
        return frozenset().union(*(NEMESES[name].needs for name in self.nemeses))

    def choose(self, wanted: Settings) -> Settings:
        """Complete the wanted settings by the defaults.

        Raises:
            ScenarioError: there is no such setting here, or it has no such value.
        """
        for name, value in wanted.items():
            if name not in self.settings:
                raise ScenarioError(unknown("setting", name, self.settings, f"of {self.name}"))
            if value not in self.settings[name]:
                raise ScenarioError(f"{name} is {value!r}; it can be {' or '.join(self.settings[name])}")
        return {name: wanted.get(name, values[0]) for name, values in self.settings.items()}

    def check_variant(self, variant: str | None) -> None:
        """See that the flaw exists.

        Raises:
            ScenarioError: it does not.
        """
        if variant is not None and variant not in self.variants:
            raise ScenarioError(unknown("variant", variant, self.variants, f"of {self.name}"))


def unknown(kind: str, name: str, known: Mapping[str, object], whose: str = "") -> str:
    """Say that a name is not known, and which it might have been: all that contain it, else those like it."""
    near = [one for one in known if name and name.lower() in one]
    near = near or get_close_matches(name, known, n=2, cutoff=0.5)
    hint = (
        f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(sorted(known)) or 'none'}"
    )
    return f"unknown {kind} {name!r}{' ' if whose else ''}{whose}; {hint}"


@cache
def scenarios() -> Mapping[str, Scenario]:
    """All scenarios by name, in alphabetical order."""
    package = import_module(__package__)
    found: dict[str, Scenario] = {}
    for module in pkgutil.iter_modules(package.__path__):
        if not module.name.startswith("_"):
            scenario = getattr(import_module(f"{__package__}.{module.name}"), "SCENARIO", None)
            if isinstance(scenario, Scenario):
                found[scenario.name] = scenario
    return found


def find_scenario(name: str) -> Scenario:
    """Find a scenario by its name.

    Raises:
        ScenarioError: there is none; near names are suggested.
    """
    try:
        return scenarios()[name]
    except KeyError:
        raise ScenarioError(unknown("scenario", name, scenarios())) from None
