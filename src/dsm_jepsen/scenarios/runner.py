"""Running scenarios: ``simulate`` in memory, ``run`` with a folder of results, ``judge`` a stored run.

``simulate`` is a plain function that touches no file, so that Hypothesis can drive it; ``run`` puts
folders and progress around it, and knows the real clusters.
"""

import asyncio
import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from dsm_jepsen import __version__
from dsm_jepsen.checkers import COMPARISON, Checker, Verdict, check_all, members_agree, worst
from dsm_jepsen.cluster import Cluster
from dsm_jepsen.cluster.sim import LIES, SimCluster
from dsm_jepsen.env import Clock
from dsm_jepsen.env.real import RealClock
from dsm_jepsen.history import History, HistoryError, Op, jsonl
from dsm_jepsen.reports import RunInfo, read_info, write_info, write_results
from dsm_jepsen.scenarios._base import Scenario, ScenarioError, Settings, Workload, unknown
from dsm_jepsen.scenarios._clusters import check_clients, open_cluster
from dsm_jepsen.scenarios._file import open_scenario
from dsm_jepsen.scenarios._folder import make_folder, plan_folder
from dsm_jepsen.scenarios._machines import Machines
from dsm_jepsen.scenarios._phases import Observer, carry_out, refuse_impossible, warning_of

CLUSTERS = ("simulated", "local", "docker", "ssh")

STORES = ("etcd", "zookeeper")

ETCD_CLIENTS = ("aetcd", "etcd3")

OF_EVERY_RUN: Mapping[str, Checker] = {"members-agree": members_agree}
"""Checkers that no scenario has to name."""

NETWORKS = ("auto", "namespaces", "loopback")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to run a scenario.

    Attributes:
        seed: of every random choice.
        cluster: one of ``CLUSTERS``.
        store: one of ``STORES``; the simulated cluster has a model of it.
        etcd_client: the client library of the nodes on a real cluster.
        variant: a planted flaw of the system.
        lie: a broken axiom of the simulated store.
        settings: what was chosen of the scenario's settings; the others are the defaults.
        zookeeper_home: an unpacked ZooKeeper, where it is not Debian's package.
        network: of ``NETWORKS``: where a local cluster's processes live; ``auto``: namespaces if possible.
        keep_stale_connections: whether the local cluster leaves the connections that crossed a cut to TCP.
        machines: those of the cluster ``ssh``.
        out: the runs folder.
        command: the command line that repeats the run.
    """

    seed: int
    cluster: str = "simulated"
    store: str = "etcd"
    etcd_client: str = "aetcd"
    variant: str | None = None
    lie: str | None = None
    settings: Settings = field(default_factory=dict)
    zookeeper_home: Path | None = None
    network: str = "auto"
    keep_stale_connections: bool = False
    machines: Machines | None = None
    out: Path = Path("store")
    command: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A run that has been judged; ``folder`` and ``info`` are ``None`` if it was only simulated."""

    history: History
    verdicts: Mapping[str, Verdict]
    folder: Path | None = None
    info: RunInfo | None = None
    truncated: str | None = field(default=None)

    @property
    def valid(self) -> bool | None:
        """The worst of all verdicts."""
        return worst(verdict.valid for verdict in self.verdicts.values())


def simulate(
    scenario: Scenario,
    *,
    seed: int,
    store: str = "etcd",
    variant: str | None = None,
    lie: str | None = None,
    settings: Settings | None = None,
) -> Result:
    """Run a scenario on the simulated cluster, in memory, and judge it.

    Raises:
        ScenarioError: no such variant, lie or setting.
    """
    _check(scenario, Options(seed=seed, variant=variant, lie=lie))
    chosen = scenario.choose(settings or {})
    history = History()
    observer = Observer(record=history.append, log=_ignore, phase=_ignore)
    with SimCluster(seed=seed, lie=lie, store=store) as cluster:
        workload = scenario.workload(chosen)
        cluster.run(
            carry_out(scenario, workload, scenario.system(variant), cluster, seed=seed, observer=observer)
        )
    return Result(history=history, verdicts=_verdicts(workload, history))


def run(scenario: Scenario, options: Options, *, phase: Callable[[str], None]) -> Result:
    """Run a scenario once, with its folder, and judge it; the report is drawn by the caller.

    Args:
        scenario: what.
        options: where and how.
        phase: hears of each phase as it begins.

    Raises:
        ScenarioError: it cannot run as asked.
        RefusedError: the cluster cannot do it, or something needed is not installed.
        ClusterError: the cluster did not come up.
        OSError: the disk failed during the run.
    """
    _check(scenario, options)
    chosen = scenario.choose(options.settings)
    clock = RealClock()
    started_ns = clock.wall_ns()
    folder = plan_folder(options.out, scenario.name, started_ns)
    system = scenario.system(options.variant)
    if system.program is None:  # its clients talk to the store themselves
        check_clients(options)
    fits = partial(refuse_impossible, scenario)
    with open_cluster(options, folder, phase, needs=scenario.needs(), fits=fits) as cluster:
        refuse_impossible(scenario, cluster)
        try:
            make_folder(folder)
        except OSError as error:
            raise ScenarioError(
                f"{error.filename}: {error.strerror}; choose another folder with --out, or see to its rights"
            ) from error
        info = _info(scenario, options, chosen, cluster, started_ns)
        write_info(folder, info)
        history = History()
        workload = scenario.workload(chosen)
        with _observe(folder, clock, history, phase) as observer:
            observer.log(f"dsm-jepsen {__version__}: {options.command}")
            if warning := warning_of(info.versions):
                observer.log(f"warning: {warning}")
            act = carry_out(scenario, workload, system, cluster, seed=options.seed, observer=observer)
            if isinstance(cluster, SimCluster):
                try:
                    cluster.run(act)
                finally:
                    _write_node_logs(folder, cluster.logs)
            else:
                asyncio.run(act)
    phase("checking")
    verdicts = _verdicts(workload, history)
    write_results(folder, history, info, verdicts)
    return Result(history=history, verdicts=verdicts, folder=folder, info=info)


def judge(folder: Path) -> Result:
    """Judge a stored run again by its scenario's checkers; nothing is written (see ``write_results``).

    Raises:
        HistoryError: its history cannot be read, or is malformed.
        ScenarioError: its scenario does not exist here, or not any more.
    """
    info = read_info(folder)
    try:
        loaded = jsonl.read(folder / "history.jsonl")
    except OSError as error:
        raise HistoryError(f"{error.filename}: {error.strerror}; expected the history of a run") from error
    workload = _scenario_of(info, folder).workload(info.settings)
    verdicts = _verdicts(workload, loaded.history)
    return Result(
        history=loaded.history, verdicts=verdicts, folder=folder, info=info, truncated=loaded.truncated
    )


def _verdicts(workload: Workload, history: History) -> dict[str, Verdict]:
    """Ask the scenario's checkers, and those of every run that compared the store's members."""
    compared = any(op.f == COMPARISON for op in history.nemesis())
    return check_all({**workload.checkers, **(OF_EVERY_RUN if compared else {})}, history)


def _scenario_of(info: RunInfo, folder: Path) -> Scenario:
    try:
        scenario = open_scenario(info.scenario_file or info.scenario)
    except ScenarioError as error:
        raise ScenarioError(f"{folder}: the scenario of this run is needed to judge it: {error}") from error
    if scenario.name != info.scenario:
        raise ScenarioError(
            f"{folder} is a run of {info.scenario}, but {info.scenario_file} has {scenario.name} now; "
            "put back the file as it was"
        )
    return scenario


def _check(scenario: Scenario, options: Options) -> None:
    scenario.check_variant(options.variant)
    only = {
        "--network": (options.network != "auto", ("local",)),
        "--zookeeper-home": (options.zookeeper_home is not None, ("local",)),
        "--keep-stale-connections": (options.keep_stale_connections, ("local", "docker", "ssh")),
        f"--etcd-client {options.etcd_client}": (
            options.etcd_client != "aetcd",
            ("simulated", "local", "ssh"),
        ),
    }
    for option, (chosen, clusters) in only.items():
        if chosen and options.cluster not in clusters:
            raise ScenarioError(
                f"{option} is for a {' or '.join(clusters)} cluster, not the {options.cluster} one: leave it "
                f"out, or say --cluster {clusters[-1]}"
            )
    if (options.cluster == "ssh") != (options.machines is not None):
        raise ScenarioError("the ssh cluster, and no other, needs the machines: say both or none")
    if options.lie is None:
        return
    if options.cluster != "simulated":
        raise ScenarioError(f"a lie breaks the simulated store; the {options.cluster} cluster has a real one")
    if options.lie not in LIES:
        raise ScenarioError(unknown("lie", options.lie, LIES))


def _info(
    scenario: Scenario, options: Options, settings: Settings, cluster: Cluster, started_ns: int
) -> RunInfo:
    return RunInfo(
        scenario=scenario.name,
        scenario_file=None if scenario.file is None else str(scenario.file),
        title=scenario.title,
        seed=options.seed,
        cluster=options.cluster,
        store=options.store,
        variant=options.variant,
        lie=options.lie,
        settings=settings,
        nodes=tuple(cluster.nodes),
        concurrency=scenario.concurrency,
        levels=scenario.levels,
        variable=scenario.variable,
        command=options.command,
        versions={
            "dsm-jepsen": __version__,
            "python": platform.python_version(),
            **cluster.versions(),
        },
        started=f"{datetime.fromtimestamp(started_ns / 1e9, UTC):%Y-%m-%dT%H:%M:%S}Z",
    )


@contextmanager
def _observe(
    folder: Path, clock: Clock, history: History, phase: Callable[[str], None]
) -> Iterator[Observer]:
    """Keep the history on disk and in memory, and the harness' log, as they come."""
    with (
        jsonl.Writer(folder / "history.jsonl") as writer,
        (folder / "jepsen.log").open("w", encoding="utf-8") as log_file,
    ):

        def record(op: Op) -> None:
            writer.append(op)
            history.append(op)

        def log(line: str) -> None:
            moment = datetime.fromtimestamp(clock.wall_ns() / 1e9, UTC)
            print(f"{moment:%Y-%m-%d %H:%M:%S,%f}Z {line}", file=log_file, flush=True)

        def enter(name: str) -> None:
            log(name)
            phase(name)

        yield Observer(record=record, log=log, phase=enter)


def _write_node_logs(folder: Path, logs: Mapping[str, list[str]]) -> None:
    for node, lines in logs.items():
        (folder / node).mkdir(exist_ok=True)
        (folder / node / "node.log").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _ignore(_: str) -> None:
    pass
