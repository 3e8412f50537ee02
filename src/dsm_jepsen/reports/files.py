"""The files of a run that other programs read: results, the history in Jepsen's forms, and ``run.json``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from dsm_jepsen.checkers import Verdict
from dsm_jepsen.history import History, HistoryError, edn, text
from dsm_jepsen.reports._base import RunInfo
from dsm_jepsen.reports.summary import overall

INFO_FILE = "run.json"

_VALID_IN_JSON = {True: True, False: False, None: "unknown"}


def write_results(folder: Path, history: History, info: RunInfo, verdicts: Mapping[str, Verdict]) -> None:
    """Write ``results.json``, ``results.edn``, ``history.edn`` and ``history.txt`` into a run's folder.

    Raises:
        OSError: one of them cannot be written.
    """
    (folder / "results.json").write_bytes(_json(results(info, verdicts)))
    (folder / "results.edn").write_text(f"{results_edn(verdicts)}\n", encoding="utf-8")
    edn.write_history(history, folder / "history.edn")
    text.write(history, folder / "history.txt")


def results(info: RunInfo, verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
    """Give the content of ``results.json``; ``valid`` is true, false or ``"unknown"``."""
    word, valid = overall(verdicts)
    return {
        "valid": _VALID_IN_JSON[valid],
        "verdict": word.lower(),
        "scenario": info.scenario,
        "seed": info.seed,
        "command": info.command,
        "checkers": {
            name: {
                "valid": _VALID_IN_JSON[verdict.valid],
                "because": verdict.because,
                "anomaly": verdict.anomaly,
                "culprits": verdict.culprits,
                "details": verdict.details,
            }
            for name, verdict in verdicts.items()
        },
    }


def results_edn(verdicts: Mapping[str, Verdict]) -> str:
    """Give the content of ``results.edn`` as Jepsen has it: ``{:valid? true, :stats {:valid? true ...}}``."""
    _, valid = overall(verdicts)
    whole: dict[Any, Any] = {edn.Keyword("valid?"): _valid_in_edn(valid)}
    for name, verdict in verdicts.items():
        one: dict[Any, Any] = {
            edn.Keyword("valid?"): _valid_in_edn(verdict.valid),
            edn.Keyword("because"): verdict.because,
        }
        if verdict.anomaly is not None:
            one[edn.Keyword("anomaly")] = edn.word(verdict.anomaly)
        if verdict.culprits:
            one[edn.Keyword("culprits")] = list(verdict.culprits)
        if verdict.details:
            one[edn.Keyword("details")] = edn.from_json(verdict.details)
        whole[edn.word(name)] = one
    lines = ",\n ".join(f"{edn.dumps(key)} {edn.dumps(value)}" for key, value in whole.items())
    return f"{{{lines}}}"


def _valid_in_edn(valid: bool | None) -> Any:
    return edn.Keyword("unknown") if valid is None else valid


def write_info(folder: Path, info: RunInfo) -> None:
    """Store where a history comes from as ``run.json``."""
    (folder / INFO_FILE).write_bytes(_json(info))


def read_info(folder: Path) -> RunInfo:
    """Read a run's ``run.json``.

    Raises:
        HistoryError: it is missing or malformed; the message names the file and what to do.
    """
    path = folder / INFO_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=RunInfo)
    except OSError as error:
        raise HistoryError(
            f"{path}: {error.strerror}; expected the folder of a run, "
            f"such as store/isolated-events/latest, with its {INFO_FILE}"
        ) from error
    except msgspec.DecodeError as error:
        raise HistoryError(
            f"{path}: {error}; expected what `dsm-jepsen run` writes: put back the original file, "
            "or run the scenario again"
        ) from error


def _json(content: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"
