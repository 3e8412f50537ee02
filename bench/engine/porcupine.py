"""Porcupine beside us: builds a small Go program around a checkout of it, and lets that judge histories.

A history is handed over as lines of fields between tabs. What never returned returns at the end with an
unknown result, as porcupine's own test of etcd's logs does it.
"""

import os
import resource
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dsm_jepsen.history import History

_LETTERS = ("c", "o", "f", "u")
_GO_MOD = """module peer

go 1.18

require github.com/anishathalye/porcupine v0.0.0

replace github.com/anishathalye/porcupine => {}
"""


@dataclass(frozen=True)
class Answer:
    """What porcupine said: ``None`` if it was stopped, by the clock or for want of memory."""

    valid: bool | None
    seconds: float
    first: float
    megabytes: int


@dataclass(frozen=True)
class Peer:
    """The program that was built."""

    program: Path
    core: int
    seconds: float
    bytes: int

    def judge(self, model: str, history: History, *, times: int) -> Answer:
        """Let porcupine judge a history in a process of its own, ``times`` times."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "history")
            path.write_text("\n".join(lines(history)) + "\n")
            command = [
                "taskset",
                "-c",
                str(self.core),
                self.program,
                model,
                str(self.seconds),
                str(times),
                path,
            ]
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            ran = subprocess.run(
                command, capture_output=True, text=True, check=False, preexec_fn=self._limited, timeout=600
            )
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
        runs = [line.split() for line in ran.stdout.splitlines()]
        if not runs and "out of memory" not in ran.stderr and "cannot allocate" not in ran.stderr:
            raise RuntimeError(f"porcupine's program ended with {ran.returncode}: {ran.stderr[-2000:]}")
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        if not runs:  # out of memory
            return Answer(None, min(spent, self.seconds), spent, self.bytes >> 20)
        taken = [float(seconds) for _, seconds, _ in runs]
        valid = {"Ok": True, "Illegal": False, "Unknown": None}[runs[0][0]]
        return Answer(valid, min(taken), taken[0], int(runs[-1][2]) >> 10)

    def _limited(self) -> None:
        resource.setrlimit(resource.RLIMIT_AS, (self.bytes, self.bytes))


def build(go: Path, checkout: Path, folder: Path, *, core: int, seconds: float, bytes: int) -> Peer:  # noqa: A002
    """Build the program with a toolchain (path of ``go``) and a checkout of porcupine; nothing is fetched."""
    source = Path(__file__).parent / "peer" / "main.go"
    (folder / "main.go").write_text(source.read_text())
    (folder / "go.mod").write_text(_GO_MOD.format(checkout.resolve()))
    offline = {
        "GOPROXY": "off",
        "GOFLAGS": "-mod=mod",
        "GOTOOLCHAIN": "local",
        "GOCACHE": str(folder / "cache"),
    }
    subprocess.run([go, "build", "-o", "peer", "."], cwd=folder, env=os.environ | offline, check=True)
    return Peer(folder / "peer", core, seconds, bytes)


def lines(history: History) -> list[str]:
    """A history as porcupine's program reads it."""
    told, types, partners, fs, values = [], *_columns(history)
    for at, code in enumerate(types):
        call = at if code == 0 else partners[at]
        if code == 3 or partners[at] < 0 <= code - 1:
            continue
        if code == 0:
            told.append(f"call\t{at}\t{_call(fs[at], values[at])}")
        else:
            told.append(f"return\t{call}\t{_LETTERS[code]}\t{_result(fs[at], code, values[at])}")
    for at, code in enumerate(types):
        if code == 0 and (partners[at] < 0 or types[partners[at]] == 3):
            told.append(f"return\t{at}\tu\t")
    return told


def _columns(history: History) -> tuple[Any, ...]:
    types, _, partners, fs, values, _, names, items = history.columns
    return types, partners, [names[number] for number in fs], [items[number] for number in values]


def _call(f: str, value: Any) -> str:
    if f == "cas":
        return f"c\t{value[0]}\t{value[1]}"
    if f == "write":
        return f"w\t{value}\t"
    if f in {"get", "put", "append"}:
        return f"{f[0]}\t{value[0]}\t{value[1] or ''}"
    if f in {"push", "enqueue", "add"}:
        return f"{f[0]}\t\t{value}"
    return f"{f[0]}\t\t"


def _result(f: str, code: int, value: Any) -> str:
    if value is None or code == 2 or f in {"cas", "write", "push", "enqueue", "put", "append", "add"}:
        return ""
    if f == "get":
        return value[1] or ""
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
