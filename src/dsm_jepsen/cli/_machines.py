"""The options of runs on machines over SSH."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import rich_click as click

from dsm_jepsen.scenarios import Machines

_OPTIONS = (
    click.option(
        "--nodes-file",
        type=click.Path(path_type=Path),
        help="The machines of --cluster ssh, a line for each: [user@]host[:port] [address=IPv4].",
    ),
    click.option("--username", help="Who logs in there; by default the user who runs this."),
    click.option(
        "--ssh-private-key",
        type=click.Path(path_type=Path),
        help="A key's file; by default the agent's keys and those of ~/.ssh.",
    ),
    click.option(
        "--known-hosts",
        type=click.Path(path_type=Path),
        help="The file of known host keys; by default ~/.ssh/known_hosts.",
    ),
    click.option("--insecure-host-keys", is_flag=True, help="Do not check host keys."),
    click.option("--install", is_flag=True, help="Install on the machines what a run needs and they lack."),
    click.option("--ask-sudo-password", is_flag=True, help="Ask for the password that sudo wants there."),
)

_NAMES = (
    "nodes_file",
    "username",
    "ssh_private_key",
    "known_hosts",
    "insecure_host_keys",
    "install",
    "ask_sudo_password",
)


def machine_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add them to a command, which gets them for ``take_machines``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def take_machines(options: dict[str, Any]) -> Machines | None:
    """Take them out of a command's options; ask for the password if told to.

    Raises:
        UsageError: they do not fit the cluster.
    """
    chosen = {name: value for name in _NAMES if (value := options.pop(name))}
    if options["cluster"] != "ssh":
        if chosen:
            option = f"--{next(iter(chosen)).replace('_', '-')}"
            raise click.UsageError(f"{option} is for --cluster ssh: say that, or leave it out")
        return None
    if "nodes_file" not in chosen:
        raise click.UsageError(
            "--cluster ssh needs --nodes-file, a file with a line for each machine: [user@]host[:port]"
        )
    ask = chosen.pop("ask_sudo_password", False)
    password = click.prompt("sudo password", hide_input=True, err=True) if ask else None
    return Machines(sudo_password=password, **chosen)
