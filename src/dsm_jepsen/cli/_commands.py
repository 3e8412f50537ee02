"""The commands and their options; what they do is elsewhere."""

import asyncio
import secrets
import shlex
from contextlib import suppress
from pathlib import Path
from typing import Any

import rich_click as click

from dsm_jepsen import __version__
from dsm_jepsen.cli._machines import doctor_for, login_options, machine_options, take_login, take_machines
from dsm_jepsen.cli._progress import interrupts_last, progress
from dsm_jepsen.cluster.sim import LIES
from dsm_jepsen.dsm.ensemble import VARIANTS
from dsm_jepsen.dsm.machines import MACHINES
from dsm_jepsen.env import RefusedError
from dsm_jepsen.nemesis import describe
from dsm_jepsen.scenarios import Options, Result, Scenario, judge, open_scenario, run, scenarios, simulate
from dsm_jepsen.scenarios.runner import CLUSTERS, ETCD_CLIENTS, NETWORKS, STORES

_ALIASES = {"test": "run", "analyze": "check"}
"""Jepsen's words for our commands."""

BAD_ARGUMENTS = 254
HARNESS_FAILED = 255

_EXIT_CODES = {True: 0, False: 1, None: 2}


class _Group(click.RichGroup):
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, _ALIASES.get(cmd_name, cmd_name))


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def app() -> None:
    """Test whether a distributed state machine stays correct when nodes crash and networks split.

    Start with: dsm-jepsen run isolated-events
    """


_debug = click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks of errors.")
_etcd_client = click.option(
    "--etcd-client", type=click.Choice(ETCD_CLIENTS), default="aetcd", help="The nodes' client library."
)
_zookeeper_home = click.option(
    "--zookeeper-home",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="An unpacked ZooKeeper, if it is not Debian's package.",
)


@app.command("run")
@click.argument("scenario")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of every random choice; drawn if not given.")
@click.option("--cluster", type=click.Choice(CLUSTERS), default="simulated", help="Where the nodes live.")
@click.option("--store", type=click.Choice(STORES), default="etcd", help="The coordination store.")
@_etcd_client
@_zookeeper_home
@click.option(
    "--network",
    type=click.Choice(NETWORKS),
    default="auto",
    help="What a local cluster's processes share: nothing, or the loopback, where links cannot be cut.",
)
@click.option(
    "--keep-stale-connections",
    is_flag=True,
    help="On a real cluster, leave connections that crossed a cut to TCP: slower to heal, and more real.",
)
@click.option(
    "--leader",
    type=click.Choice(["majority", "minority"]),
    help="The side of a partition where the store's leader is.",
)
@click.option("--paper-timing", is_flag=True, help="Keep the paper's waits in its five scenarios.")
@click.option("--variant", help=f"Plant a flaw in the system: {', '.join(VARIANTS)}.")
@click.option("--lie", help=f"Break an axiom of the simulated store: {', '.join(LIES)}.")
@click.option(
    "--test-count",
    type=click.IntRange(min=1),
    default=1,
    help="Run so many times, with seeds counting up, until one is not valid.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("store"),
    show_default=True,
    help="The runs folder.",
)
@machine_options
@_debug
def run_scenario(
    scenario: str,
    seed: int | None,
    test_count: int,
    leader: str | None,
    paper_timing: bool,
    **options: Any,
) -> int:
    """Run a SCENARIO, judge it and draw its report. Exit code: 0 valid, 1 invalid, 2 unknown.

    SCENARIO is a name that `dsm-jepsen list` shows, or the path of a Python file with one Scenario in it.
    """
    chosen = open_scenario(scenario)
    if options["cluster"] == "local" and options["network"] != "loopback":
        _become_root()
    settings = ({"leader": leader} if leader else {}) | ({"timing": "paper"} if paper_timing else {})
    said = {**options, "leader": leader, "paper_timing": paper_timing}
    machines = take_machines(options)
    first = secrets.randbelow(1_000_000) if seed is None else seed
    for number in range(first, first + test_count):
        command = _command(scenario, number, said)
        asked = Options(seed=number, command=command, settings=settings, machines=machines, **options)
        if test_count > 1 and asked.cluster == "simulated":
            simulated = simulate(
                chosen,
                seed=number,
                store=asked.store,
                variant=asked.variant,
                lie=asked.lie,
                settings=settings,
            )
            click.echo(f"seed {number}: {_word(simulated.valid)}", err=True)
            if simulated.valid and number + 1 < first + test_count:
                continue
        result = _run_once(chosen, asked)
        if not result.valid:
            return _EXIT_CODES[result.valid]
    return 0


@app.command("report")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@_debug
def report(folder: Path) -> int:
    """Draw the report of a stored run in FOLDER again."""
    return 0 if _draw(judge(folder)) else HARNESS_FAILED


@app.command("list")
@_debug
def list_scenarios() -> int:
    """List the scenarios with one line each."""
    width = max(len(name) for name in scenarios())
    for name, scenario in scenarios().items():
        click.echo(f"{name:<{width}}  {scenario.title}")
    return 0


@app.command("nemeses")
@_debug
def list_nemeses() -> int:
    """List the faults: what each does and finds, and what a cluster must be able to do for it."""
    for fault in describe():
        click.echo(f"{fault.name}\n  {fault.title}\n  finds: {fault.finds}")
        click.echo(f"  needs: {', '.join(fault.needs)}\n")
    click.echo("dsm-jepsen doctor tells which clusters can do it here.")
    return 0


@app.command("clean")
@login_options
@_debug
def clean(**options: Any) -> int:
    """Remove what killed runs left on this machine: processes, namespaces, data, containers.

    With --nodes-file, remove it on the machines of that file, too. Runs that are alive are left alone.
    """
    from dsm_jepsen.cluster.docker.leftovers import clean_engine
    from dsm_jepsen.cluster.local import clean_leftovers

    def say(line: str) -> None:
        click.echo(line, err=True)

    machines = take_login(options)
    removed = clean_leftovers(say) + clean_engine(say)
    if machines is not None:
        removed += machines.clean(say)
    click.echo(f"{len(removed)} removed" if removed else "nothing to clean")
    return 0


@app.command("node")
@click.option("--name", required=True, help="The node's name, such as n1.")
@click.option("--store-url", required=True, help="The store's member beside it: etcd://127.0.0.1:2379.")
@click.option("--listen", required=True, help="Where the REST API is served: 127.0.0.1:8081.")
@click.option("--machine", type=click.Choice(list(MACHINES)), default="web", help="The state chart.")
@click.option("--ensemble", default="default", show_default=True, help="Nodes of one name share one machine.")
@_etcd_client
@click.option("--variant", type=click.Choice(list(VARIANTS)), help="Run with this planted flaw.")
@_debug
def node(**options: Any) -> int:
    """Run one node of the reference system with its REST API, until interrupted."""
    from dsm_jepsen.cli._node import serve

    asyncio.run(serve(**options))
    return 0


def _own_process() -> bool:
    """Whether this process is there for the command alone."""
    context = click.get_current_context(silent=True)
    return context is not None and context.obj is True


def _become_root() -> None:
    """Let an ordinary user's local cluster have networks of its own, if this process may be changed."""
    from dsm_jepsen.cluster.local import enter_user_namespace

    if _own_process():
        # Where it cannot be done the cluster says why, if that matters.
        with suppress(RefusedError):
            enter_user_namespace()


def _run_once(scenario: Scenario, options: Options) -> Result:
    with progress(f"{scenario.name} (seed {options.seed}, {options.cluster})") as phase:
        try:
            result = run(scenario, options, phase=phase)
        except RefusedError as error:
            where = "here" if options.machines is None else "there"
            raise RefusedError(
                f"{error}\n`{doctor_for(options.machines)}` shows what can run {where}"
            ) from error
    _show(result)
    _draw(result)
    return result


def _command(scenario: str, seed: int, options: dict[str, Any]) -> str:
    words = ["dsm-jepsen", "run", scenario, "--seed", str(seed)]
    defaults = Options(seed=seed)
    for name, value in options.items():
        if value and value != getattr(defaults, name, None):
            words += [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
    return shlex.join(words)


def _word(valid: bool | None) -> str:
    return {True: "valid", False: "INVALID", None: "unknown"}[valid]


def _show(result: Result) -> None:
    from dsm_jepsen.reports import verdict_lines

    assert result.info is not None
    if result.truncated is not None:
        click.echo(f"dsm-jepsen: {result.truncated}", err=True)
    for line in verdict_lines(result.verdicts, result.info):
        click.echo(line)


def _store(result: Result) -> None:
    from dsm_jepsen.reports import write_results

    assert result.info is not None
    assert result.folder is not None
    try:
        write_results(result.folder, result.history, result.info, result.verdicts)
    except OSError as error:
        # An archive that cannot be written can be judged all the same.
        click.echo(f"dsm-jepsen: the verdict could not be stored: {error}", err=True)


def _draw(result: Result) -> bool:
    from dsm_jepsen.reports import ReportError, draw

    assert result.info is not None
    assert result.folder is not None
    try:
        with interrupts_last():
            drawn = draw(result.folder, result.history, result.info, result.verdicts)
    except ReportError as error:
        # Drawing never alters a verdict.
        click.echo(f"dsm-jepsen: the report could not be drawn: {error}", err=True)
        return False
    click.echo(f"  report   {drawn[-1]}")
    return True
