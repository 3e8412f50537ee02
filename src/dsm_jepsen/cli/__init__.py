"""The command ``dsm-jepsen``: arguments in, exit codes out, one clear message when something is wrong.

Exit codes are Jepsen's: 0 valid, 1 invalid, 2 unknown or inadequate, 254 bad arguments or something
needed is not there, 255 the harness failed; and 130 interrupted.
"""

import signal
import sys
import traceback
from collections.abc import Sequence

import rich_click as click

from dsm_jepsen.cli._check import check
from dsm_jepsen.cli._cluster import cluster
from dsm_jepsen.cli._commands import BAD_ARGUMENTS, HARNESS_FAILED, app
from dsm_jepsen.cli._doctor import doctor
from dsm_jepsen.cli._queue import COMMANDS as QUEUE_COMMANDS
from dsm_jepsen.cluster import ClusterError
from dsm_jepsen.env import RefusedError
from dsm_jepsen.history import HistoryError
from dsm_jepsen.scenarios import ScenarioError

INTERRUPTED = 130

app.add_command(check)
app.add_command(cluster)
for command in QUEUE_COMMANDS:
    app.add_command(command)
app.add_command(doctor)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit with its code."""
    sys.exit(run_command(sys.argv[1:] if arguments is None else arguments, own_process=True))


def run_command(arguments: Sequence[str], *, own_process: bool = False) -> int:
    """Run the command and return its exit code.

    Args:
        arguments: after the command's name.
        own_process: whether the process is there for this alone: then it may change what the process is.
    """
    debug = "--debug" in arguments
    try:
        _listen()
        code = app.main(
            list(arguments) or ["--help"], prog_name="dsm-jepsen", standalone_mode=False, obj=own_process
        )
    except click.ClickException as error:
        error.show()
        return BAD_ARGUMENTS
    except (click.Abort, KeyboardInterrupt):
        return _say(INTERRUPTED, "interrupted", debug=debug)
    except (ScenarioError, RefusedError, HistoryError) as error:
        return _say(BAD_ARGUMENTS, str(error), debug=debug)
    except ClusterError as error:
        return _say(HARNESS_FAILED, str(error), debug=debug)
    except Exception as error:  # noqa: BLE001 - the last resort: said in one line, whatever it was
        words = f"the harness failed: {type(error).__name__}: {error} (--debug shows where)"
        return _say(HARNESS_FAILED, words, debug=debug)
    return code if isinstance(code, int) else 0


def _listen() -> None:
    # A shell that starts us in the background of a script has us ignore Ctrl-C, and so all that rests on it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # A polite end is an interruption: faults are healed and processes removed on the same way out.
    for polite in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(polite) != signal.SIG_IGN:  # as nohup asks for
            signal.signal(polite, lambda *_: signal.raise_signal(signal.SIGINT))


def _say(code: int, words: str, *, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    click.echo(f"dsm-jepsen: {words}", err=True)
    return code
