"""Recorded histories with known verdicts, from a folder with an ``expected.tsv``: file, model, verdict."""

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

from measuring import judged

from dsm_jepsen.checkers import check_linearizable, models
from dsm_jepsen.history import History, Op, read_history

Case = tuple[str, str, History, Any, bool | None]


def families(folder: Path) -> Iterable[tuple[str, Iterable[Case]]]:
    """Histories by the folder they are in; of those with a peer's model only."""
    for title, cases in _cases(folder):
        if all(kind for _, kind, *_ in cases):
            yield title, cases


def measured(folder: Path) -> None:
    """Judge all of them by kernel and twin."""
    columns = ("files", "right", "cold ms", "warm ms", "twin ms", "slowest")
    print(f"\n{'corpus':<18}", *(f"{column:>8}" for column in columns))
    for title, cases in _cases(folder):
        kernel = [judged(history, model) for _, _, history, model, _ in cases]
        twin = [judged(history, model, native=False, times=3) for _, _, history, model, _ in cases]
        right = sum(
            one.valid == two.valid == case[4] for one, two, case in zip(kernel, twin, cases, strict=True)
        )
        cold, warm = sum(one.cold for one in kernel), sum(one.warm for one in kernel)
        slow, slowest = sum(one.warm for one in twin), max(one.warm for one in twin)
        figures = (f"{second * 1e3:8.2f}" for second in (cold, warm, slow, slowest))
        print(f"{title:<18} {len(cases):8} {right:8}", *figures, flush=True)
        for name, _, history, model, expected in cases:
            if expected is False and title == "knossos":
                found = check_linearizable(history, model).counterexample
                print(f"  {name}: {found.operation if found else None}")


def _cases(folder: Path) -> list[tuple[str, list[Case]]]:
    rows = [line.split("\t") for line in (folder / "expected.tsv").read_text().splitlines()[1:]]
    rows.sort()
    found = []
    for title, files in groupby(rows, lambda row: row[0].split("/")[0]):
        cases = [_case(folder, *row) for row in files]
        found.append((title, cases))
    return found


def _case(folder: Path, name: str, model: str, verdict: str) -> Case:
    history = read_history(folder / name)
    kind, judge = "", None
    if model == "cas-register":
        nil = "etcd" in name or "rethink" in name
        kind, judge = "register" if "etcd" in name else "", models.CasRegister(None if nil else 0)
    elif model == "multi-register":
        judge = models.MultiRegister({"x": 0, "y": 0})
    elif model == "mutex":
        judge = models.Mutex()
    else:
        kind, judge, history = "kv", models.KeyValue(), _keyed(history)
    return Path(name).stem, kind, history, judge, verdict == "valid"


def _keyed(history: History) -> History:
    """The same with ``[key, value]`` for values whose key is beside them."""
    if not any((op.extra or {}).get("key") for op in history):
        return history
    return History(
        Op(
            index=op.index,
            time=op.time,
            type=op.type,
            process=op.process,
            f=op.f,
            value=[(op.extra or {})["key"], op.value],
            error=op.error,
        )
        for op in history
    )
