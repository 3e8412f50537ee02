"""The end of a run in a few lines of plain text: what is wrong first, then how to see it again."""

from collections.abc import Mapping

from dsm_jepsen.checkers import Verdict, worst
from dsm_jepsen.reports._base import RunInfo

ADEQUACY = "adequacy"


def word_of(name: str, verdict: Verdict) -> str:
    """Say a checker's verdict in one word; the checker of adequacy is never unknown, but ``INADEQUATE``."""
    if verdict.valid is None:
        return "INADEQUATE" if name == ADEQUACY else "UNKNOWN"
    return "VALID" if verdict.valid else "INVALID"


def overall(verdicts: Mapping[str, Verdict]) -> tuple[str, bool | None]:
    """Merge by the worst, as a word and as a value; where nothing was checked nothing is known."""
    valid = worst(verdict.valid for verdict in verdicts.values()) if verdicts else None
    if valid is None:
        undecided = [name for name, verdict in verdicts.items() if verdict.valid is None]
        return ("INADEQUATE" if undecided == [ADEQUACY] else "UNKNOWN"), None
    return ("VALID" if valid else "INVALID"), valid


def verdict_lines(verdicts: Mapping[str, Verdict], info: RunInfo) -> list[str]:
    """Give the lines that end a run: one per verdict that is not valid, the worst first.

    The others share one line; then statistics, and the command that repeats the run.
    """
    bad = sorted(
        ((name, verdict) for name, verdict in verdicts.items() if not verdict.valid),
        key=lambda item: item[1].valid is None,
    )
    words = [(word_of(name, verdict), f"{name}: {verdict.because}") for name, verdict in bad]
    good = ", ".join(name for name, verdict in verdicts.items() if verdict.valid)
    if good:
        words.append(("VALID", good))
    if not verdicts:
        words.append(("UNKNOWN", "nothing was checked"))
    width = max(len(word) for word, _ in words)
    lines = [f"{word:<{width}}  {rest}" for word, rest in words]
    if "stats" in verdicts and verdicts["stats"].valid:
        lines.append(f"  stats    {verdicts['stats'].because}")
    lines.append(f"  replay   {info.command}")
    return lines
