"""How long a history of 100,000 events takes to write, event by event with a flush each, and to read back."""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from dsm_jepsen.history import History, Op, edn, jsonl

EVENTS = 100_000
PROCESSES = 10


def events() -> Iterator[Op]:
    """Ten clients read, write and compare-and-set in turn; nobody crashes."""
    for index in range(EVENTS):
        turn, place = divmod(index, PROCESSES)
        f = ("read", "write", "cas")[(turn // 2 + place) % 3]
        value = {"read": None, "write": turn % 5, "cas": [turn % 5, place]}[f]
        yield Op(
            index=index,
            time=index * 100_000,
            type="ok" if turn % 2 else "invoke",
            process=place,
            f=f,
            value=value,
        )


def timed(what: str, act: Callable[[], object]) -> None:
    started = time.perf_counter()
    act()
    seconds = time.perf_counter() - started
    print(f"{what:<24} {EVENTS:>8,} events {seconds:7.2f} s {EVENTS / seconds:>11,.0f} events/s")


def write(path: Path, history: History) -> None:
    with jsonl.Writer(path) as writer:
        for op in history:
            writer.append(op)


def main() -> None:
    ops = list(events())
    history = History(ops)
    with tempfile.TemporaryDirectory() as folder:
        lines, forms = Path(folder, "history.jsonl"), Path(folder, "history.edn")
        timed("check in memory", lambda: History(ops))
        timed("write JSON lines", lambda: write(lines, history))
        timed("read JSON lines", lambda: jsonl.read(lines))
        timed("write EDN", lambda: edn.write_history(history, forms))
        timed("read EDN", lambda: edn.read_history(forms))


if __name__ == "__main__":
    main()
