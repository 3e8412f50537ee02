"""``dsm-jepsen check``: a stored run, judged by its scenario; or any history, judged by a model."""

import inspect
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import rich_click as click

from dsm_jepsen.checkers import Budget, Linearizability, MisfitError, check_linearizable, refuse_values
from dsm_jepsen.checkers.models import MODELS, OneSequence, OneValue, named
from dsm_jepsen.cli._commands import _EXIT_CODES as EXIT_CODES
from dsm_jepsen.cli._commands import _debug as debug
from dsm_jepsen.cli._commands import _show as show
from dsm_jepsen.cli._commands import _store as store
from dsm_jepsen.cli._commands import _word as word
from dsm_jepsen.history import HistoryError, edn, line_of, read_history
from dsm_jepsen.scenarios import judge, unknown

_STORED = "history.jsonl"
"""A run's history, in its folder."""

_STDIN = Path("-")

_BUDGET = Budget()


@click.command("check")
@click.argument("history", type=click.Path(exists=True, allow_dash=True, path_type=Path))
@click.option("--model", help="What it should have been; without it, all that there are are listed.")
@click.option("--initial", help="The model's value at first, as JSON or EDN, where it has one to choose.")
@click.option(
    "--budget-seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=_BUDGET.seconds,
    show_default=True,
    help="How long to search before the verdict is unknown.",
)
@click.option(
    "--budget-memory",
    type=click.IntRange(min=1),
    default=_BUDGET.bytes >> 20,
    show_default=True,
    help="How many MiB the search may take before the verdict is unknown.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@debug
def check(history: Path, model: str | None, initial: str | None, as_json: bool, **budget: Any) -> int:
    """Judge a stored run again, or a HISTORY recorded anywhere; the exit code is the verdict's.

    HISTORY is the folder of a run, which is judged by its scenario. Or it is a file, or - for standard
    input: EDN, Jepsen's history.txt or log, JSON lines, or porcupine's key-value lines. With --model it is
    asked whether every operation seems to happen at once, at one moment between its call and its return.
    """
    if model is None:
        if initial is not None or as_json:
            raise click.UsageError("--initial and --json are for histories that are judged by a --model")
        if history.is_dir():
            return _judge(history)
        if history.name == _STORED and (history.parent / "run.json").exists():
            return _judge(history.parent)
        raise HistoryError(f"{history} does not say what it should have been: name a --model{_models()}")
    try:
        chosen = _model(model, initial)
        limit = Budget(seconds=budget["budget_seconds"], bytes=budget["budget_memory"] << 20)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    return _judge_by(chosen, model, history, limit, as_json=as_json)


def _judge(folder: Path) -> int:
    result = judge(folder)
    show(result)
    store(result)
    return EXIT_CODES[result.valid]


def _judge_by(model: Any, name: str, path: Path, limit: Budget, *, as_json: bool) -> int:
    if path.is_dir():
        path /= _STORED
    source: Path | bytes = sys.stdin.buffer.read() if path == _STDIN else path
    called = "standard input" if path == _STDIN else str(path)
    try:
        history = read_history(source, name=called)
    except OSError as error:
        raise HistoryError(f"{called}: {error.strerror}; expected a file, or the folder of a run") from error
    try:
        if not isinstance(model, OneValue | OneSequence):  # these have each operation looked at in any case
            refuse_values(history, model)
        found = check_linearizable(history, model, budget=limit)
    except MisfitError as error:
        line = line_of(source, error.event, name=called)
        known = "" if model.judges(history[error.event].f) else _models(history.columns.names)
        raise HistoryError(f"{called}:{line}: {error}{known}") from error
    if as_json:
        click.echo(json.dumps(_told(found, name), indent=2, default=str))
    else:
        for line_ in _lines(found):
            click.echo(line_)
    return EXIT_CODES[found.valid]


def _model(name: str, initial: str | None) -> Any:
    try:
        model = named(name)
    except ValueError as error:
        raise click.UsageError(unknown("model", name, MODELS)) from error
    return model if initial is None else named(name, _value(initial))


def _value(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        pass
    try:
        return edn.to_json(edn.loads(text))
    except ValueError as error:
        raise click.BadParameter(
            f"{text!r} is neither JSON nor EDN: {error}", param_hint="--initial"
        ) from error


def _models(fs: list[str] | None = None) -> str:
    """List the models, or those that know all these operations."""
    names = set(fs) if fs else set()
    kinds = {name: kind for name, kind in MODELS.items() if all(map(kind().judges, names))}
    if not kinds:
        return "; no model knows them all"
    width = max(map(len, kinds))
    lines = [f"\n  {name:<{width}}  {_title(kind)}" for name, kind in kinds.items()]
    return ("; these know all its operations:" if names else "; there are:") + "".join(lines)


def _title(kind: object) -> str:
    return (inspect.getdoc(kind) or "").splitlines()[0].replace("``", "")


def _lines(found: Linearizability) -> list[str]:
    if found.counterexample:
        _, *story = found.counterexample.story.splitlines()
        return [f"{word(found.valid)}  {found.counterexample.because}", *story]
    widest = max((part.widest for part in found.parts), default=0)
    words = "1 explanation" if widest == 1 else f"{widest} explanations"
    spent = f"{found.seconds:.3f} s" if found.seconds >= 0.1 else f"{found.seconds * 1000:.3f} ms"
    if widest:  # else none was ever looked for
        spent += f", {words} at most at one moment"
    return [f"{word(found.valid).upper()}  {found.because}", f"  took     {spent}"]


def _told(found: Linearizability, model: str) -> Mapping[str, Any]:
    wrong = found.counterexample
    return {
        "valid": "unknown" if found.valid is None else found.valid,
        "because": found.because,
        "anomaly": wrong.anomaly if wrong else None,
        "culprits": wrong.culprits if wrong else (),
        "model": model,
        "operations": sum(part.operations for part in found.parts),
        "seconds": found.seconds,
        "details": found.details,
    }
