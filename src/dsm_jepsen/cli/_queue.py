"""The work queue's commands: a worker as a process of its own, and a person's hands on instances."""

import asyncio
import importlib
import json
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any

import rich_click as click

from dsm_jepsen.cli._commands import _debug as debug
from dsm_jepsen.cli._commands import _etcd_client as etcd_client_option
from dsm_jepsen.dsm.queue import AnyMachine, Queue, Record, Worker, registry
from dsm_jepsen.dsm.queue.flawed import VARIANTS
from dsm_jepsen.dsm.queue.machine import Machine
from dsm_jepsen.dsm.queue.receiver import Receiver
from dsm_jepsen.dsm.queue.retention import KEEP_MS
from dsm_jepsen.dsm.queue.worker import SLOTS
from dsm_jepsen.dsm.stores import open_store
from dsm_jepsen.env import DefiniteError, Env, OutcomeError, Rng
from dsm_jepsen.env.real import HttpNetwork, RealClock

DONE, FAILED, UNKNOWN = 0, 1, 2

HOUR_MS = 3_600_000

PATIENCE_S = 15.0
PAUSE_S = 1.0
"""How long ``submit --wait`` bears a store that does not answer, and how often it asks."""

EXAMPLES = ("dsm_jepsen.dsm.machines.steak", "dsm_jepsen.dsm.machines.order")
"""The modules whose machines are known unless others are named."""


def load_machines(modules: tuple[str, ...]) -> Mapping[str, AnyMachine]:
    """Give all machines that are names of the modules.

    Raises:
        UsageError: a module cannot be imported or has no machine.
    """
    # As with python -m: modules beside which one stands are found.
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    found: dict[int, AnyMachine] = {}
    for name in modules:
        try:
            module = importlib.import_module(name)
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
            raise click.UsageError(
                f"--machines {name}: {why}; expected a module that can be imported, such as {EXAMPLES[0]}"
            ) from error
        machines = [value for value in vars(module).values() if isinstance(value, Machine)]
        if not machines:
            raise click.UsageError(f"--machines {name}: the module has no Machine")
        found |= {id(machine): machine for machine in machines}
    try:
        return registry(list(found.values()))
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of all commands that need a queue."""
    for option in (
        click.option(
            "--store-url",
            default="etcd://127.0.0.1:2379",
            show_default=True,
            help="A member of the store: etcd://HOST:PORT or zookeeper://HOST:PORT.",
        ),
        click.option("--queue", "name", default="default", show_default=True, help="The queue's name."),
        debug,
    ):
        command = option(command)
    return command


_machines = click.option(
    "--machines",
    "modules",
    multiple=True,
    default=EXAMPLES,
    show_default=True,
    help="A module whose machines are known; may be given again.",
)


@asynccontextmanager
async def _open(store_url: str, name: str, machines: Mapping[str, AnyMachine]) -> AsyncIterator[Queue]:
    try:
        connection = await open_store(store_url)
        async with connection as store:
            rng = Rng(secrets.token_hex(8))
            by = f"client@{socket.gethostname()}"
            yield Queue(store, clock=RealClock(), rng=rng, machines=machines, name=name, by=by)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _outcomes(act: Callable[..., Awaitable[int]]) -> Callable[..., int]:
    """Run a command to its end; an error that carries an outcome becomes a line and an exit code."""

    @wraps(act)
    def command(**options: Any) -> int:
        async def run() -> int:
            return await act(**options)

        try:
            return asyncio.run(run())
        except OutcomeError as error:
            definite = isinstance(error, DefiniteError)
            words = "not done" if definite else "unknown whether it was done"
            click.echo(f"dsm-jepsen: {words}: {error}", err=True)
            return FAILED if definite else UNKNOWN

    return command


@click.command("worker")
@_options
@_machines
@click.option("--name", "node", default=socket.gethostname, help="The worker's name [default: the host's].")
@click.option(
    "--slots", type=click.IntRange(min=1), default=SLOTS, show_default=True, help="Instances at once."
)
@click.option(
    "--keep-hours",
    type=click.FloatRange(min=0.02),
    default=KEEP_MS / HOUR_MS,
    show_default=True,
    help="How long instances are kept after their end.",
)
@click.option("--listen", help="Where GET /status is answered: 127.0.0.1:8081.")
@etcd_client_option
@click.option("--receiver", is_flag=True, hidden=True, help="Deliver effects to one kept in the store.")
@click.option("--variant", type=click.Choice([*VARIANTS]), hidden=True, help="A planted flaw.")
@_outcomes
async def worker(
    *,
    store_url: str,
    name: str,
    modules: tuple[str, ...],
    node: str,
    slots: int,
    keep_hours: float,
    listen: str | None,
    etcd_client: str,
    receiver: bool,
    variant: str | None,
) -> int:
    """Work for a queue until told to stop; SIGTERM lets ticks finish or gives them back."""
    clock = RealClock()

    def log(line: str) -> None:
        moment = datetime.fromtimestamp(clock.wall_ns() / 1e9, UTC)
        print(f"{moment:%H:%M:%S.%f} {node} {line}", file=sys.stderr, flush=True)

    machines = load_machines(modules)
    network = HttpNetwork({}, listen=listen, log=log)
    try:
        connection = await open_store(store_url, client=etcd_client, log=log)
        async with connection as store:
            env = Env(
                node=node,
                clock=clock,
                rng=Rng(secrets.token_hex(8)),
                store=store,
                network=network,
                log=log,
            )
            kind = Worker if variant is None else VARIANTS[variant]
            apply = Receiver(store, name=name).take if receiver else None
            one = kind(env, machines, name=name, slots=slots, keep_ms=int(keep_hours * HOUR_MS), apply=apply)
            loop = asyncio.get_running_loop()
            for end in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(end, one.stop)
            log(f"starting with {', '.join(machines)}, store {store_url}")
            status = asyncio.create_task(network.serve(one.handle)) if listen else None
            try:
                await _run_beside(one.run(), status)
            finally:
                if status is not None:
                    status.cancel()
            log("stopped")
    except (OSError, ValueError) as error:
        raise click.UsageError(str(error)) from error
    return DONE


@click.command("submit")
@click.argument("machine")
@click.option("--payload", default="{}", show_default=True, help="What the instance begins with, as JSON.")
@click.option("--wait", is_flag=True, help="Follow it to its end.")
@_options
@_machines
@_outcomes
async def submit(
    *, machine: str, payload: str, wait: bool, store_url: str, name: str, modules: tuple[str, ...]
) -> int:
    """Begin an instance of MACHINE and print its id.

    Exit code: 0 submitted, with --wait done; 1 failed, cancelled or in dead-letter; 2 unknown.
    """
    try:
        value = json.loads(payload)
    except ValueError as error:
        raise click.UsageError(f"--payload {payload!r} is no JSON: {error}") from error
    machines = load_machines(modules)
    if machine not in machines:
        raise click.UsageError(
            f"no machine {machine!r}; those of {', '.join(modules)} are {', '.join(machines)}, "
            "and --machines MODULE names others"
        )
    try:
        machines[machine].encode(value)
    except ValueError as error:
        raise click.UsageError(f"--payload {payload!r}: {error}") from error
    async with _open(store_url, name, machines) as queue:
        instance = queue.new_id()
        # Told before it is sent: whatever comes of it, it can be looked for.
        click.echo(instance)
        await queue.submit(machine, value, instance=instance)
        if not wait:
            return DONE
        return await _follow(queue, instance)


@click.command("instances")
@click.option(
    "--state",
    type=click.Choice(["running", "done", "dead"]),
    help="Those that go on, have ended, or are dead.",
)
@_options
@_outcomes
async def instances(state: str | None, store_url: str, name: str) -> int:
    """List instances and branches, one a line."""
    places = {"running": ("live",), "done": ("ended",), "dead": ("dead",)}
    async with _open(store_url, name, {}) as queue:
        for place in places.get(state or "", ("live", "ended")):
            async for record in queue.instances(place):
                if state != "running" or record.status != "dead":
                    click.echo(_line(record))
    return DONE


@click.command("instance")
@click.argument("instance")
@_options
@_outcomes
async def instance_of(instance: str, store_url: str, name: str) -> int:
    """Show INSTANCE: its payload, its history with who ticked it under which token, and its branches."""
    async with _open(store_url, name, {}) as queue:
        record = await queue.get(instance)
        if record is None:
            click.echo(f"dsm-jepsen: there is no instance {instance} in the queue {name}", err=True)
            return FAILED
        for each in (record, *await queue.branches(instance)):
            _show(each)
            for refused in await queue.undelivered(each.id):
                value = bytes(refused.value).decode()
                click.echo(
                    f"  effect {refused.key} was refused {refused.attempt} times: {value}  {refused.error}"
                )
    return DONE


@click.command("redrive")
@click.argument("instance")
@_options
@_outcomes
async def redrive(instance: str, store_url: str, name: str) -> int:
    """Take INSTANCE out of dead-letter, and have its effects delivered again that were refused too often."""
    async with _open(store_url, name, {}) as queue:
        again = await queue.redeliver(instance)
        if again:
            click.echo(f"{again} effects will be delivered again")
        try:
            click.echo(_line(await queue.redrive(instance)))
        except DefiniteError as error:
            if not again or error.kind != "not-dead":
                raise
    return DONE


@click.command("cancel")
@click.argument("instance")
@_options
@_outcomes
async def cancel(instance: str, store_url: str, name: str) -> int:
    """End INSTANCE wherever it is; a worker that has it drops its result."""
    async with _open(store_url, name, {}) as queue:
        click.echo(_line(await queue.cancel(instance)))
    return DONE


async def _run_beside(work: Coroutine[Any, Any, None], status: "asyncio.Task[None] | None") -> None:
    """Work to the end, unless the status cannot be served."""
    working = asyncio.create_task(work)
    if status is not None:
        await asyncio.wait([working, status], return_when=asyncio.FIRST_COMPLETED)
        if status.done():
            working.cancel()
            await asyncio.wait([working])
            await status
    await working


async def _follow(queue: Queue, instance: str) -> int:
    """Show an instance's progress to its end; a store that is away for a while is waited for."""
    last, silent_s = "", 0.0
    while True:
        try:
            async for record in queue.follow(instance):
                silent_s = 0.0
                if (line := _line(record)) != last:
                    click.echo(line, err=True)
                last = line
        except OutcomeError as error:
            if silent_s >= PATIENCE_S:
                click.echo(f"dsm-jepsen: it was submitted; what became of it is unknown: {error}", err=True)
                return UNKNOWN
            await asyncio.sleep(PAUSE_S)
            silent_s += PAUSE_S
        else:
            return DONE if record.status == "done" else FAILED


def _line(record: Record) -> str:
    status = f"ending: {record.ending}" if record.ending and not record.ended else record.status
    words = [record.id, record.type or "?", status, record.state or "?", f"seq {record.seq}"]
    if record.attempt:
        words.append(f"failed {record.attempt} times")
    if record.error:
        words.append(record.error)
    return "  ".join(words)


def _show(record: Record) -> None:
    click.echo(_line(record))
    click.echo(f"  payload  {bytes(record.payload).decode()}")
    for note in record.history:
        moment = datetime.fromtimestamp(note.at_ms / 1000, UTC)
        step = f"{note.source} -> {note.state}" if note.source else note.state
        error = f"  {note.error}" if note.error else ""
        click.echo(
            f"  {note.number:>3}  {moment:%Y-%m-%d %H:%M:%S.%f}"[:-3]
            + f"  token {note.token}  seq {note.seq}  {note.what:<12}  {step}  by {note.by}{error}"
        )


COMMANDS = (worker, submit, instances, instance_of, redrive, cancel)
