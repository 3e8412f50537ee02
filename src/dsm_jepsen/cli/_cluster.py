"""The commands about clusters of containers, beside the runs that make their own."""

import sys
from contextlib import closing
from typing import TYPE_CHECKING

import rich_click as click

from dsm_jepsen.cli._commands import _debug as debug
from dsm_jepsen.cli._progress import progress
from dsm_jepsen.scenarios.runner import STORES

if TYPE_CHECKING:
    from dsm_jepsen.cluster.docker.by_hand import NodeStatus, Status


@click.group("cluster")
def cluster() -> None:
    """Containers as hosts: build their image, and play with five of them by hand."""


@cluster.command("build")
@debug
def build() -> int:
    """Build the image that containers start from, if what goes into it has changed."""
    from dsm_jepsen.cluster.docker.engine import connect
    from dsm_jepsen.cluster.docker.image import build_image, find_image

    with closing(connect()) as client:
        found = find_image(client)
        with progress("cluster build") as say:
            image = build_image(client, say)
    click.echo(f"{image.tag} {'is up to date' if found else 'was built'}, {image.size / 1e6:.0f} MB")
    return 0


_name = click.option("--name", default="default", show_default=True, help="Tells several clusters apart.")


@cluster.command("up")
@click.option("--store", type=click.Choice(STORES), default="etcd", show_default=True, help="What it runs.")
@_name
@debug
def up(store: str, name: str) -> int:
    """Make a cluster that stays until `down`: five containers, each with a store's member and a program."""
    from dsm_jepsen.cluster.docker import by_hand
    from dsm_jepsen.cluster.docker.engine import connect
    from dsm_jepsen.cluster.docker.fleet import ready_image

    with closing(connect()) as client:
        with progress("cluster up") as say:
            image = ready_image(say)
            say(f"starting {name}")
            seen = by_hand.up(client, name, store=store, image=image)
        _show(name, seen)
        click.echo(f"try: curl -X POST 'http://{seen.nodes[0].rest}/event?id=I'")
    return 0


@cluster.command("status")
@_name
@debug
def status(name: str) -> int:
    """Show how the nodes are, who leads, and where they are reached. Exit code: 0 all is up, 1 not all."""
    from dsm_jepsen.cluster.docker import by_hand
    from dsm_jepsen.cluster.docker.engine import connect

    with closing(connect()) as client:
        seen = by_hand.status(client, name)
    _show(name, seen)
    return 0 if seen.up else 1


@cluster.command("logs")
@click.argument("node")
@_name
@debug
def logs(node: str, name: str) -> int:
    """Print what the member and the program of NODE wrote so far."""
    from dsm_jepsen.cluster.docker import by_hand
    from dsm_jepsen.cluster.docker.engine import connect

    with closing(connect()) as client:
        for piece in by_hand.logs(client, name, node):
            sys.stdout.buffer.write(piece)
    return 0


@cluster.command("exec", context_settings={"ignore_unknown_options": True})
@click.argument("node")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@_name
@debug
def execute(node: str, command: tuple[str, ...], name: str) -> int:
    """Run a COMMAND as root on NODE, as in `exec n3 -- ss -tn`. Exit code: the command's."""
    from dsm_jepsen.cluster.docker import by_hand, host
    from dsm_jepsen.cluster.docker.engine import connect

    streams = {host.STDOUT: sys.stdout.buffer, host.STDERR: sys.stderr.buffer}

    def hear(stream: int, data: bytes) -> None:
        streams[stream].write(data)
        streams[stream].flush()

    with closing(connect()) as client:
        return by_hand.execute(client, name, node, command, hear=hear)


@cluster.command("down")
@_name
@debug
def down(name: str) -> int:
    """Remove a cluster that `up` made, with its data."""
    from dsm_jepsen.cluster.docker import by_hand
    from dsm_jepsen.cluster.docker.engine import connect

    with closing(connect()) as client:
        by_hand.down(client, name)
    click.echo(f"removed {name}")
    return 0


def _show(name: str, seen: "Status") -> None:
    click.echo(f"{name}: {seen.store}, {seen.leader or 'nobody'} leads")
    row = "{:<5} {:<12} {:<12} {:<24} {}".format
    click.echo(row("node", "store", "program", "REST API", "store's clients"))
    for node in seen.nodes:
        click.echo(row(*_cells(node)).rstrip())


def _cells(node: "NodeStatus") -> tuple[str, ...]:
    if node.container != "running":
        return node.name, node.container, node.container, "", ""
    return (
        node.name,
        "up" if node.commits else "not ready",
        "up" if node.answers else "not ready",
        f"http://{node.rest}",
        node.store,
    )
