"""The options of commands about machines over SSH."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rich_click as click

from dsm_jepsen.scenarios import Machines

_LOGIN = (
    click.option(
        "--nodes-file",
        type=click.Path(path_type=Path),
        help="The machines over SSH, a line for each: [user@]host[:port] [address=IPv4].",
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
    click.option("--ask-sudo-password", is_flag=True, help="Ask for the password that sudo wants there."),
)
_INSTALL = click.option(
    "--install", is_flag=True, help="Install on the machines what a run needs and they lack."
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


def login_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add those that tell which machines, and how to get in."""
    for option in reversed(_LOGIN):
        command = option(command)
    return command


def machine_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add all of them to a command, which gets them for ``take_machines``."""
    return login_options(_INSTALL(command))


def take_login(options: dict[str, Any]) -> Machines | None:
    """Take the machines out of the options of a command that is about them only if the file is named.

    Raises:
        UsageError: it is not, and yet there is an option that is for it.
    """
    if options["nodes_file"] is None:
        _refuse(_chosen(options), "for machines: name them by --nodes-file, or leave it out")
        return None
    return _machines(_chosen(options))


def take_machines(options: dict[str, Any]) -> Machines | None:
    """Take them out of a command's options; ask for the password if told to.

    Raises:
        UsageError: they do not fit the cluster.
    """
    chosen = _chosen(options)
    if options["cluster"] != "ssh":
        _refuse(chosen, "for --cluster ssh: say that, or leave it out")
        return None
    if "nodes_file" not in chosen:
        raise click.UsageError(
            "--cluster ssh needs --nodes-file, a file with a line for each machine: [user@]host[:port]"
        )
    return _machines(chosen)


def doctor_for(machines: Machines | None) -> str:
    """The command that tells what can run here, or on these machines."""
    words = ["dsm-jepsen", "doctor"]
    if machines is not None:
        defaults = Machines(nodes_file=machines.nodes_file)
        words += ["--nodes-file", str(machines.nodes_file)]
        for name in ("username", "ssh_private_key", "known_hosts", "insecure_host_keys"):
            value = getattr(machines, name)
            if value != getattr(defaults, name):
                words += [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
    return shlex.join(words)


def _chosen(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name in _NAMES if (value := options.pop(name, None))}


def _refuse(chosen: dict[str, Any], because: str) -> None:
    for name in chosen:
        raise click.UsageError(f"--{name.replace('_', '-')} is {because}")


def _machines(chosen: dict[str, Any]) -> Machines:
    ask = chosen.pop("ask_sudo_password", False)
    password = click.prompt("sudo password", hide_input=True, err=True) if ask else None
    return Machines(sudo_password=password, **chosen)
