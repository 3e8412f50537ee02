"""The commands about clusters of containers, beside the runs that make their own."""

from contextlib import closing

import rich_click as click

from dsm_jepsen.cli._commands import _debug as debug
from dsm_jepsen.cli._progress import progress


@click.group("cluster")
def cluster() -> None:
    """Containers as hosts: build their image."""


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
