"""How long verdicts on linearizability take, and what memory; beside porcupine if there is one.

Generated histories (``engine/histories.py`` makes them from their names) are judged through the Python
interface, encoding included: by the kernel, and by its twin in Python where that is feasible. ``--go`` and
``--porcupine`` name a Go toolchain's ``go`` and a checkout of porcupine: then histories are judged by both in
turn on one core, and the ratios are printed. ``--corpus``, or ``DSM_JEPSEN_CORPUS``, is a folder of recorded
histories with an ``expected.tsv``. ``--chart`` draws the cost of longer and longer histories into a file.
"""

import argparse
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from fnmatch import fnmatch
from itertools import groupby
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "engine"))  # run with -P, that Python's modules come first

import chart
import corpus
import histories
import porcupine
import suite
from measuring import Measured, judged, memory

from dsm_jepsen.checkers import check_linearizable, models
from dsm_jepsen.history import History, edn, read_history

TWIN_OPERATIONS = 10_000
LIMIT_SECONDS = 5
VERDICTS = {True: "valid", False: "invalid", None: "UNKNOWN"}
REGISTERS = {"cas": "register", "reg": "register", "uniq": "register"}


def made(names: Iterable[str]) -> Iterable[tuple[str, History]]:
    """Histories by name; those that differ only in how they end are simulated once."""
    for _, alike in groupby(names, lambda name: name.rpartition("-")[0]):
        simulation = None
        for name in alike:
            asked = histories.Name.of(name)
            simulation = simulation or histories.simulated(asked, 1)
            yield name, histories.finished(simulation, asked, 1)


def generated(names: Iterable[str], *, twin_seconds: float) -> None:
    print(f"{'history':<32}{'verdict':>8}{'cold ms':>10}{'warm ms':>10}{'MiB':>7}{'twin ms':>10}{'MiB':>6}")
    for name, history in made(names):
        model, known = histories.model_of(name), histories.Name.of(name).valid
        kernel = judged(history, model, seconds=LIMIT_SECONDS, times=3)
        said = VERDICTS[kernel.valid]
        if kernel.valid is not known is not None and kernel.valid is not None:
            said = f"{said} WRONG"
        row = f"{name:<32}{said:>8}{kernel.cold * 1e3:10.2f}{kernel.warm * 1e3:10.2f}{kernel.megabytes:7.1f}"
        if histories.Name.of(name).operations <= TWIN_OPERATIONS:
            slow = judged(history, model, seconds=twin_seconds, native=False, times=1)
            row += f"{slow.warm * 1e3:10.1f}{slow.megabytes:6.0f}"
            if slow.valid is None:
                row += f" >, stopped after {twin_seconds:g} s"
            elif kernel.valid is not None and slow.valid != kernel.valid:
                row += f" WRONG: {VERDICTS[slow.valid]}"
        print(row, flush=True)


def million() -> None:
    """Of a million operations: judge them, and read their file and judge them."""
    name = "cas-c5-n1000000-v5-i0-t1-ok"
    ((_, history),) = made([name])
    model = models.CasRegister()
    kernel = judged(history, model, times=3)
    print(f"\n{name}: judged in {kernel.warm:.2f} s, {kernel.megabytes:.0f} MiB")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "history.edn")
        edn.write_history(history, path)
        del history
        taken = []
        for _ in range(3):
            began = time.perf_counter()
            read = read_history(path)
            judging = time.perf_counter()
            assert check_linearizable(read, model).valid
            taken.append((time.perf_counter() - began, judging - began))
            del read
        megabytes = memory(lambda: check_linearizable(read_history(path), model))
    total, reading = min(taken)
    print(f"read from EDN and judged in {total:.2f} s, reading alone {reading:.2f} s; {megabytes:.0f} MiB")


def growth(drawn: Path | None) -> None:
    """Fit how the cost grows with the length."""
    print("\ncost of longer histories, warm ms of the processor; exponent of the fitted power of the length")
    lines: dict[str, list[tuple[int, float, float]]] = {}
    for pattern in suite.LINES:
        points = lines[pattern.format("…")] = []
        for name, history in made(pattern.format(length) for length in suite.LENGTHS):
            model = histories.model_of(name)
            kernel = judged(history, model, times=20, longest=3, clock=time.process_time)
            points.append((histories.Name.of(name).operations, kernel.warm, kernel.megabytes))
        told = "".join(f"{warm * 1e3:9.1f}" for _, warm, _ in points)
        print(f"{pattern.format('…'):<28}{told}   {chart.exponent(points):.2f}", flush=True)
    if drawn:
        chart.draw(lines, drawn)


Case = tuple[str, str, History, object, bool | None]
"""Name, model's name for the peer, history, model, and the verdict if it is known."""


def beside(peer: porcupine.Peer, title: str, cases: Iterable[Case]) -> None:
    """Judge by both in turn, and tell how many times faster we are: warm, that is the quickest of repeats."""
    print(f"\n{title}: beside porcupine, limit {peer.seconds:g} s and {peer.bytes >> 30} GiB; milliseconds")
    print(
        f"{'history':<32}{'verdict':>8}{'porcupine':>12}{'MiB':>6}{'kernel':>10}{'MiB':>6}{'ratio':>9}{'cold':>9}"
    )
    finished: list[tuple[str, Measured, porcupine.Answer, float]] = []
    others: list[tuple[float, float]] = []
    for name, kind, history, model, known in cases:
        ours = judged(history, model, seconds=LIMIT_SECONDS, times=10)
        theirs = peer.judge(kind, history, times=20)
        again = judged(history, model, seconds=LIMIT_SECONDS, times=10)
        best = min((ours, again), key=lambda one: one.warm)
        ratio, stopped = theirs.seconds / best.warm, "" if theirs.valid is not None else ">"
        row = f"{name:<32}{VERDICTS[ours.valid]:>8}{stopped:>2}{theirs.seconds * 1e3:10.3f}"
        row += f"{theirs.megabytes:6d}{best.warm * 1e3:10.3f}{best.megabytes:6.0f}{stopped:>2}{ratio:7.1f}"
        row += f"{theirs.first / ours.cold:9.1f}"
        for other, verdict in (("porcupine", theirs.valid), ("expected", known)):
            if None not in {verdict, ours.valid} and verdict != ours.valid:
                row += f" WRONG: {other} {VERDICTS[verdict]}"
        print(row, flush=True)
        if stopped:
            others.append((best.warm, best.megabytes))
            continue
        slow = math.nan
        if len(history) < 2.1 * TWIN_OPERATIONS:
            slow = judged(history, model, seconds=10, native=False, times=2).warm
        finished.append((name, best, theirs, slow))
    told(finished, others)


def told(
    finished: list[tuple[str, Measured, porcupine.Answer, float]], others: list[tuple[float, float]]
) -> None:
    ratios = sorted(theirs.seconds / ours.warm for _, ours, theirs, _ in finished)
    if ratios:
        total, our_total = sum(t.seconds for _, _, t, _ in finished), sum(o.warm for _, o, _, _ in finished)
        cold = sum(t.first for _, _, t, _ in finished) / sum(o.cold for _, o, _, _ in finished)
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
        print(
            f"{len(ratios)} that porcupine finishes: ratio min {ratios[0]:.1f}, median "
            f"{ratios[len(ratios) // 2]:.1f}, geometric mean {mean:.1f}, total {total / our_total:.1f} "
            f"({total * 1e3:.2f} ms / {our_total * 1e3:.2f} ms; once cold {cold:.1f})"
        )
        slow = [(theirs.seconds, seconds) for _, _, theirs, seconds in finished if not math.isnan(seconds)]
        total, slow_total, slowest = (
            sum(one for one, _ in slow),
            sum(s for _, s in slow),
            max(s for _, s in slow),
        )
        print(
            f"the twin in Python, up to {TWIN_OPERATIONS} operations: totals' ratio {total / slow_total:.1f}"
            f" ({total * 1e3:.1f} ms / {slow_total * 1e3:.1f} ms), slowest {slowest:.1f} s"
        )
    if others:
        print(
            f"{len(others)} that it does not finish: we need at most {max(s for s, _ in others):.3f} s "
            f"and {max(m for _, m in others):.0f} MiB"
        )


def of_suite(names: Iterable[str]) -> Iterable[Case]:
    for name, history in made(names):
        kind = histories.Name.of(name).model
        yield (
            name,
            REGISTERS.get(kind, kind),
            history,
            histories.model_of(name),
            histories.Name.of(name).valid,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--go", type=Path, default=os.environ.get("DSM_JEPSEN_GO"), help="path of go")
    parser.add_argument(
        "--porcupine", type=Path, default=os.environ.get("DSM_JEPSEN_PORCUPINE"), help="checkout"
    )
    parser.add_argument(
        "--corpus", type=Path, default=os.environ.get("DSM_JEPSEN_CORPUS"), help="recorded histories"
    )
    parser.add_argument("--chart", type=Path, help="where to draw how the cost grows")
    parser.add_argument("--only", default="*", help="pattern of names of generated histories")
    parser.add_argument(
        "--parts", default="generated,million,growth,corpus", help="what to measure without peer"
    )
    parser.add_argument("--twin-seconds", type=float, default=2, help="the twin's limit for a history")
    parser.add_argument("--seconds", type=float, default=5, help="porcupine's limit for a history")
    parser.add_argument("--gigabytes", type=int, default=6, help="porcupine's limit of memory")
    parser.add_argument("--core", type=int, default=0, help="which core both run on")
    asked = parser.parse_args()
    names = [name for name in (*suite.KINDS, *suite.OTHERS) if fnmatch(name, asked.only)]
    if asked.go and asked.porcupine:
        os.sched_setaffinity(0, {asked.core})
        with tempfile.TemporaryDirectory() as folder:
            peer = porcupine.build(
                Path(asked.go),
                Path(asked.porcupine),
                Path(folder),
                core=asked.core,
                seconds=asked.seconds,
                bytes=asked.gigabytes << 30,
            )
            if asked.corpus:
                for title, cases in corpus.families(Path(asked.corpus)):
                    beside(peer, title, cases)
            beside(peer, "generated", of_suite(names))
        return
    parts: dict[str, Callable[[], None]] = {
        "generated": lambda: generated(names, twin_seconds=asked.twin_seconds),
        "million": million,
        "growth": lambda: growth(asked.chart),
        "corpus": lambda: corpus.measured(Path(asked.corpus)) if asked.corpus else None,
    }
    for part in asked.parts.split(","):
        if part not in parts:
            parser.error(f"--parts {part}: expected some of {','.join(parts)}")
        parts[part]()


if __name__ == "__main__":
    main()
