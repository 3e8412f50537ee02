"""What can run here: each cluster is tried, none is started, and a page tells what was found and what to do.

What is tried is what a run tries before it starts, so a run that the page promises is not refused.
"""

import os
import platform
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import replace
from importlib import import_module, metadata
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import rich_click as click

from dsm_jepsen import __version__
from dsm_jepsen.cli._commands import BAD_ARGUMENTS
from dsm_jepsen.cli._commands import _become_root as become_root
from dsm_jepsen.cli._commands import _debug as debug
from dsm_jepsen.cli._commands import _own_process as own_process
from dsm_jepsen.cli._commands import _zookeeper_home as zookeeper_home
from dsm_jepsen.cli._machines import machine_options, take_machines
from dsm_jepsen.cli._progress import spinner
from dsm_jepsen.nemesis import describe
from dsm_jepsen.scenarios import Findings, Options, probe, scenarios, warning_of
from dsm_jepsen.scenarios.runner import CLUSTERS, STORES

_WIDTH = 100
_FIRST, _CELL = 18, 12
"""Of which the columns take so much; the first one more, if what stands there is longer."""
_LIBRARIES = ("aetcd", "etcd3", "kazoo", "docker", "paramiko")
_PROGRAMS = {"etcd-binary": "{}", "java": "{}", "docker": "Docker Engine {}"}
"""What a cluster may tell among its versions, and how it is shown."""

Found = Mapping[str, Mapping[str, Findings]]
"""What was found out, by cluster and store."""


@click.command("doctor")
@click.option("--cluster", type=click.Choice(CLUSTERS), help="Try only this one.")
@click.option("--store", type=click.Choice(STORES), help="Try only this one.")
@zookeeper_home
@machine_options
@debug
def doctor(cluster: str | None, store: str | None, zookeeper_home: Path | None, **options: Any) -> int:
    """Show what can run here: which clusters, stores, faults and scenarios, and what to do for the rest.

    No cluster is started; one container is, for a moment. Machines over SSH are tried if --nodes-file names
    them. Exit code: 0, or 254 if what --cluster and --store ask for cannot be used.
    """
    asked = "ssh" if cluster is None and options["nodes_file"] is not None else cluster
    machines = take_machines(options | {"cluster": asked})
    clusters = (cluster,) if cluster else tuple(name for name in CLUSTERS if name != "ssh" or machines)
    stores = (store,) if store else STORES
    found = {}
    for name in clusters:
        trial = Options(
            seed=0,
            cluster=name,
            zookeeper_home=zookeeper_home,
            machines=machines if name == "ssh" else None,
        )
        found[name] = {one: _try(replace(trial, store=one)) for one in stores}
    for line in _page(found):
        click.echo(line)
    if len(clusters) == len(CLUSTERS) - 1:
        click.echo("\nMachines over SSH are tried with --nodes-file FILE.")
    able = any(one.unusable is None for findings in found.values() for one in findings.values())
    return 0 if able else BAD_ARGUMENTS


def _try(options: Options) -> Findings:
    if options.cluster in {"docker", "ssh"}:
        with spinner("doctor") as show:
            show(f"trying {options.cluster} with {options.store}")
            return probe(options)
    if options.cluster == "local" and os.geteuid() != 0 and own_process():
        # In a process of its own: who becomes root of a user namespace is cut off from the other clusters.
        with ProcessPoolExecutor(1, mp_context=get_context("fork"), initializer=become_root) as child:
            return child.submit(probe, options).result()
    return probe(options)


def _page(found: Found) -> Iterator[str]:
    notes = _Notes()
    best = {cluster: _best(by_store) for cluster, by_store in found.items()}
    yield from _versions(found)

    yield from _head("store", found)
    for store in next(iter(found.values())):
        cells = []
        for cluster, by_store in found.items():
            one = by_store[store]
            cells.append(notes.cell(cluster, one.unusable, yes=one.versions.get(store, "yes")))
        yield from _row(store, cells)

    faults: dict[tuple[str, ...], list[str]] = {}
    for fault in describe():
        cells = [
            notes.cell(cluster, one.why_no_fault(fault.needs), no=_no(one)) for cluster, one in best.items()
        ]
        faults.setdefault((", ".join(fault.needs), *cells), []).append(fault.name)
    yield from _groups("faults", found, faults)

    whole: dict[tuple[str, ...], list[str]] = {}
    for scenario in scenarios().values():
        cells = [notes.cell(cluster, one.why_not(scenario), no=_no(one)) for cluster, one in best.items()]
        whole.setdefault((", ".join(sorted(scenario.needs())), *cells), []).append(scenario.name)
    yield from _groups("scenarios", found, whole)
    yield from notes.lines()


def _best(by_store: Mapping[str, Findings]) -> Findings:
    """What is said of a cluster's faults: of the first store that it can have."""
    findings = tuple(by_store.values())
    return next((one for one in findings if one.unusable is None), findings[0])


def _no(findings: Findings) -> str:
    return "no" if findings.tried else "?"


def _versions(found: Found) -> Iterator[str]:
    yield (
        f"dsm-jepsen {__version__}, Python {platform.python_version()}, "
        f"{platform.system()} {platform.release()} ({platform.machine()})"
    )
    libraries = []
    for name in _LIBRARIES:
        try:
            libraries.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            libraries.append(f"no {name}")
    yield f"libraries: {', '.join(libraries)}"
    yield from _kernel()
    seen = {
        _PROGRAMS[name].format(version)
        for by_store in found.values()
        for one in by_store.values()
        for name, version in one.versions.items()
        if name in _PROGRAMS
    }
    if seen:
        yield f"programs: {', '.join(sorted(seen))}"
    known = {warning_of(one.versions) for by_store in found.values() for one in by_store.values()}
    for warning in sorted(filter(None, known)):
        yield from textwrap.wrap(f"warning: {warning}", _WIDTH, break_on_hyphens=False)


def _kernel() -> Iterator[str]:
    with suppress(ImportError):
        import_module("dsm_jepsen._native")
        yield "linearizability: native kernel"
        return
    yield from textwrap.wrap(
        "linearizability: no native kernel, so histories are judged in Python: the verdicts are the same, "
        "but take some 30 times as long. Install a C++ compiler and Python's headers (Debian: g++ and "
        "python3-dev), then dsm-jepsen again",
        _WIDTH,
        subsequent_indent="    ",
        break_on_hyphens=False,
    )


def _head(title: str, clusters: Iterable[str], last: str = "", *, first: int = _FIRST) -> Iterator[str]:
    yield ""
    yield from _row(title, clusters, [last], width=first)


def _groups(
    what: str, clusters: Iterable[str], groups: Mapping[tuple[str, ...], Sequence[str]]
) -> Iterator[str]:
    first = max(_FIRST, *(len(needs) + 2 for needs, *_ in groups))
    yield from _head("needs", clusters, what, first=first)
    for (needs, *cells), names in sorted(groups.items()):
        yield from _row(needs or "no fault", cells, names, width=first)


def _row(
    title: str, cells: Iterable[str], names: Sequence[str] = (), *, width: int = _FIRST
) -> Iterator[str]:
    start = f"{title:<{width}}" + "".join(f"{cell:<{_CELL}}" for cell in cells)
    yield from textwrap.wrap(
        start + ", ".join(names),
        _WIDTH,
        subsequent_indent=" " * len(start),
        drop_whitespace=True,
        break_on_hyphens=False,
    )


class _Notes:
    """Reasons, numbered as they come; clusters that share one share its number."""

    def __init__(self) -> None:
        self._clusters: dict[str, list[str]] = {}

    def cell(self, cluster: str, why_not: str | None, *, yes: str = "yes", no: str = "no") -> str:
        """What a table says."""
        if why_not is None:
            return yes
        clusters = self._clusters.setdefault(why_not, [])
        if cluster not in clusters:
            clusters.append(cluster)
        return f"{no} [{list(self._clusters).index(why_not) + 1}]"

    def lines(self) -> Iterator[str]:
        """What stands below."""
        if self._clusters:
            yield ""
        for number, (why, clusters) in enumerate(self._clusters.items(), start=1):
            for part in f"[{number}] {', '.join(clusters)}: {why}".splitlines():
                yield from textwrap.wrap(part, _WIDTH, subsequent_indent="    ", break_on_hyphens=False)
