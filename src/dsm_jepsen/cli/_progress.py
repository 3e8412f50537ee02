"""Progress on stderr: a spinner for people at a terminal, plain lines for logs."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import rich_click as click


@contextmanager
def progress(title: str) -> Iterator[Callable[[str], None]]:
    """Give a function that is told each phase as it begins."""
    if not sys.stderr.isatty():
        yield lambda phase: click.echo(f"{title}: {phase}", err=True)
        return
    from rich.console import Console

    with Console(stderr=True).status(title) as status:
        yield lambda phase: status.update(f"{title}: {phase}")
