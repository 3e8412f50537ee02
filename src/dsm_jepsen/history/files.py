"""A history from a file of any form: EDN, Jepsen's text or log, or JSON lines."""

from pathlib import Path

from dsm_jepsen.history import edn, jsonl, text
from dsm_jepsen.history.history import History, HistoryError

_PEEK = 4096


def read_history(path: Path) -> History:
    """Read a history in whichever form it begins with.

    Raises:
        HistoryError: the file is not a history; the message begins with file and line.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        beginning = file.read(_PEEK).lstrip()
    if not beginning:
        raise HistoryError(f"{path}: nothing is in it, expected a history")
    if beginning.startswith(b"{") and beginning[1:].lstrip().startswith(b'"'):
        loaded = jsonl.read(path)
        if loaded.truncated:
            raise HistoryError(loaded.truncated)
        return loaded.history
    if beginning.startswith((b"[", b"(", b"{", b";", b"#")):
        return edn.read_history(path)
    return text.read(path)
