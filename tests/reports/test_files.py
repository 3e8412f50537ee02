"""Files for other programs: results as JSON and EDN, histories in Jepsen's forms, and a run's origin."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from dsm_jepsen.checkers import Verdict
from dsm_jepsen.history import History, HistoryError, edn
from dsm_jepsen.reports import RunInfo, read_info, write_info, write_results
from dsm_jepsen.reports.files import results_edn

UNDECIDED = {"adequacy": Verdict(valid=None, because="no events")}


def test_results_are_in_json_with_the_words_of_every_checker(
    tmp_path: Path, disturbed: History, info: RunInfo, bad: Mapping[str, Verdict]
) -> None:
    write_results(tmp_path, disturbed, info, bad)
    results = json.loads((tmp_path / "results.json").read_text())
    assert (results["valid"], results["verdict"], results["seed"]) == (False, "invalid", 348)
    assert results["checkers"]["linearizable"]["anomaly"] == "stale-read"
    assert results["checkers"]["convergence"]["valid"] == "unknown"


def test_inadequate_is_unknown_to_machines_and_a_word_to_people(tmp_path: Path, info: RunInfo) -> None:
    write_results(tmp_path, History(), info, UNDECIDED)
    results = json.loads((tmp_path / "results.json").read_text())
    assert (results["valid"], results["verdict"]) == ("unknown", "inadequate")


def test_results_are_in_edn_as_jepsen_has_them(bad: Mapping[str, Verdict]) -> None:
    read = edn.loads(results_edn(bad))
    linearizable = read[edn.Keyword("linearizable")]
    assert read[edn.Keyword("valid?")] is False
    assert linearizable[edn.Keyword("valid?")] is False
    assert list(linearizable[edn.Keyword("culprits")]) == list(bad["linearizable"].culprits)
    assert read[edn.Keyword("convergence")][edn.Keyword("valid?")] == edn.Keyword("unknown")


def test_results_in_edn_are_one_line_per_checker() -> None:
    verdicts = {"stats": Verdict(valid=True, because="fine"), **UNDECIDED}
    assert results_edn(verdicts) == (
        "{:valid? :unknown,\n"
        ' :stats {:valid? true, :because "fine"},\n'
        ' :adequacy {:valid? :unknown, :because "no events"}}'
    )


def test_the_history_can_be_taken_to_jepsen(
    tmp_path: Path, disturbed: History, info: RunInfo, bad: Mapping[str, Verdict]
) -> None:
    write_results(tmp_path, disturbed, info, bad)
    assert list(edn.read_history(tmp_path / "history.edn")) == list(disturbed)
    assert len((tmp_path / "history.txt").read_text().splitlines()) == len(disturbed)


def test_where_a_run_comes_from_is_read_as_it_was_written(tmp_path: Path, info: RunInfo) -> None:
    write_info(tmp_path, info)
    assert read_info(tmp_path) == info


def test_a_folder_that_is_no_runs_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match=r"run\.json: No such file .*; expected the folder of a run"):
        read_info(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", '{"scenario": 3}', '{"scenario": "x"}', "\x00"])
def test_a_malformed_run_file_says_what_to_do(tmp_path: Path, content: str) -> None:
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(HistoryError, match=r"run\.json: .*; expected what `dsm-jepsen run` writes"):
        read_info(tmp_path)
