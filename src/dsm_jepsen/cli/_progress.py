"""What stands between a person and a run: progress on stderr, and Ctrl-C that is not lost."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import rich_click as click


@contextmanager
def progress(title: str) -> Iterator[Callable[[str], None]]:
    """Give a function that is told each phase as it begins: a spinner at a terminal, else plain lines."""
    if not sys.stderr.isatty():
        yield lambda phase: click.echo(f"{title}: {phase}", err=True)
        return
    with spinner(title) as show:
        yield show


@contextmanager
def spinner(title: str) -> Iterator[Callable[[str], None]]:
    """Give a function that shows each phase as it begins: at a terminal only, and nothing of it stays."""
    if not sys.stderr.isatty():
        yield lambda _phase: None
        return
    from rich.console import Console

    with Console(stderr=True).status(title) as status:
        yield lambda phase: status.update(f"{title}: {phase}")


@contextmanager
def interrupts_last() -> Iterator[None]:
    """Interrupt at the end of a block that may swallow Ctrl-C, as the import of a C extension does."""
    seen = False

    def note(*_: Any) -> None:
        nonlocal seen
        seen = True

    before = signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if seen:
            raise KeyboardInterrupt
