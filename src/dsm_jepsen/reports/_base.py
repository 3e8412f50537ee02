"""What a report is told about a run, beside its history and verdicts; kept as ``run.json``."""

from collections.abc import Mapping
from typing import Any

import msgspec


class RunInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Where a history comes from: enough to judge it, draw it and run it again.

    Attributes:
        scenario: its name; ``check`` finds the checkers by it.
        scenario_file: the Python file it was loaded from, if it does not come with the package.
        title: one line that says what the scenario shows.
        seed: of every random choice.
        cluster: ``simulated``, ``local`` ...
        store: ``simulated``, ``etcd`` ...
        variant: name of the planted flaw, or ``None`` for the correct system.
        settings: what was chosen of the scenario's settings, such as ``{"leader": "minority"}``.
        lie: name of the broken axiom of the simulated store, or ``None``.
        nodes: names of the hosts; client process p talks to ``nodes[p % concurrency % len(nodes)]``.
        concurrency: number of client threads.
        levels: leaf states from bottom to top of the chart, or the variable's values.
        variable: name of the extended variable that the chart follows; ``None``: it follows the states.
        command: the command line that repeats the run.
        versions: component name to version.
        started: when, ISO 8601 in UTC.
    """

    scenario: str
    title: str
    seed: int
    cluster: str
    store: str
    nodes: tuple[str, ...]
    concurrency: int
    command: str
    started: str
    scenario_file: str | None = None
    variant: str | None = None
    lie: str | None = None
    settings: Mapping[str, str] = {}
    levels: tuple[str, ...] = ()
    variable: str | None = None
    versions: Mapping[str, Any] = {}

    def node_of(self, process: int) -> str:
        """The node a client process talks to (Jepsen's rule)."""
        return self.nodes[process % self.concurrency % len(self.nodes)]


class ReportError(Exception):
    """A report could not be drawn; never a reason to doubt the verdict, which is stored already."""
