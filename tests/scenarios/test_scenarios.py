"""Every scenario on the simulated cluster: the correct system passes, each planted flaw is caught."""

import hashlib
import os
import subprocess
import sys
from typing import Any

import pytest
from msgspec import structs

from dsm_jepsen.env import Capability, RefusedError
from dsm_jepsen.history import History, jsonl
from dsm_jepsen.scenarios import ScenarioError, find_scenario, scenarios, simulate
from dsm_jepsen.scenarios.runner import STORES

SEEDS = int(os.environ.get("DSM_JEPSEN_SEEDS", "2"))
"""How many seeds each scenario is tried with; CI takes more."""

SIMULATED = [name for name, scenario in scenarios().items() if Capability.DISK not in scenario.needs()]
"""Scenarios that the simulated cluster can run."""

RUNS = [
    pytest.param(name, store, settings, id="-".join((name, store, *settings.values())))
    for name, scenario in scenarios().items()
    if name in SIMULATED
    for store in STORES
    for settings in [{"leader": side} for side in scenario.settings.get("leader", ())] or [{}]
]
"""Every scenario on every store, with every setting."""


@pytest.mark.parametrize(("name", "store", "settings"), RUNS)
def test_the_correct_system_is_valid_on_every_seed(name: str, store: str, settings: dict[str, str]) -> None:
    scenario = find_scenario(name)
    for seed in range(SEEDS):
        result = simulate(scenario, seed=seed, store=store, settings=settings)
        wrong = {name: verdict.because for name, verdict in result.verdicts.items() if not verdict.valid}
        assert wrong == {}, f"seed {seed}"


@pytest.mark.parametrize("name", scenarios())
def test_a_scenario_explains_itself(name: str) -> None:
    scenario = find_scenario(name)
    module = sys.modules[f"dsm_jepsen.scenarios.{name.replace('-', '_')}"]
    assert scenario.name == name
    assert "Claim under test:" in (module.__doc__ or "")
    assert "Known to catch:" in (module.__doc__ or "")


def test_isolated_events_commits_versions_one_to_eight() -> None:
    result = simulate(find_scenario("isolated-events"), seed=1)
    accepted = [op.value for op in result.history if op.type == "ok" and op.f == "event"]
    assert [(value["version"], value["event"]) for value in accepted] == list(enumerate("ICIKICIK", start=1))


def test_isolated_events_takes_its_time_from_the_paper() -> None:
    result = simulate(find_scenario("isolated-events"), seed=1)
    sent = [op.time / 1e9 for op in result.history if op.type == "invoke" and op.f == "event"]
    assert sent == pytest.approx([5.1, 10.1, 15.2, 20.3, 25.3, 30.4, 35.5, 40.5], abs=0.5)


def test_mixed_events_makes_two_hundred_commits_while_nodes_come_and_go() -> None:
    history = simulate(find_scenario("mixed-events"), seed=1).history
    assert sum(op.type == "ok" and op.f == "event" for op in history) >= 200
    assert {op.f for op in history if op.type == "ok"} == {"event", "read", "read-strong", "join", "leave"}
    assert any(op.f == "start-kill-node" and op.value for op in history)


def test_a_scenario_whose_fault_the_simulated_cluster_cannot_do_is_refused_with_the_reason() -> None:
    words = r"needs the fault corrupt-log, and .* cannot spoil disks here: the simulated store has one log"
    with pytest.raises(RefusedError, match=words):
        simulate(find_scenario("damaged-log"), seed=1)


@pytest.mark.parametrize("name", ["kill-during-commit", "stop-start"])
def test_a_run_whose_kills_hit_no_commit_is_unknown(name: str) -> None:
    scenario = find_scenario(name)
    result = simulate(scenario, seed=1)
    assert result.valid is True
    # The same history, but every event that was under way at a kill is a read: nothing was there to be torn.
    kills = [op.index for op in result.history.nemesis() if op.f.startswith("start-kill")]
    hit = {
        index
        for sent, end in result.history.operations()
        if end is not None and any(sent.index < kill < end.index for kill in kills)
        for index in (sent.index, end.index)
    }
    calm = History(structs.replace(op, f="read") if op.index in hit else op for op in result.history)
    verdict = scenario.workload(scenario.choose({})).checkers["commits-hit"](calm)
    assert (verdict.valid, verdict.details["hits"]) == (None, 0)


def test_a_pause_that_no_lease_runs_out_in_is_told_and_is_not_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dsm_jepsen.scenarios.queue_paused_holder._PAUSE_S", 5)
    result = simulate(find_scenario("queue-paused-holder"), seed=1)
    assert (result.valid, result.verdicts["lost-claims"].valid) == (None, None)
    assert "claims held, 0 taken over" in result.verdicts["lost-claims"].because


def test_mixed_faults_brings_every_kind_over_a_few_seeds() -> None:
    scenario = find_scenario("mixed-faults")
    acted = {
        op.f.removeprefix("start-")
        for seed in range(6)
        for op in simulate(scenario, seed=seed).history.nemesis()
        if op.f.startswith("start-") and isinstance(op.value, dict) and op.value["outcome"] == "installed"
    }
    assert acted == set(scenario.nemeses)


CATCHES = [
    pytest.param({"variant": "no-version-check"}, "linearizable", "lost-update", id="no-version-check"),
    pytest.param({"variant": "replay-events"}, "convergence", "divergence", id="replay-events"),
    # Many seeds go red in another way first, and each is explained.
    pytest.param(
        {"lie": "stale-reads"}, "linearizable", "stale-read", id="stale-reads", marks=pytest.mark.slow
    ),
]


@pytest.mark.parametrize(("broken", "checker", "anomaly"), CATCHES)
def test_mixed_events_catches_what_is_planted_within_50_seeds_and_again(
    broken: dict[str, Any], checker: str, anomaly: str
) -> None:
    scenario = find_scenario("mixed-events")
    for seed in range(50):
        verdict = simulate(scenario, seed=seed, **broken).verdicts[checker]
        if verdict.valid is False and verdict.anomaly == anomaly:
            break
    else:
        pytest.fail("not caught")
    assert verdict.culprits
    again = simulate(scenario, seed=seed, **broken)
    assert again.verdicts[checker] == verdict


@pytest.mark.parametrize(
    "name",
    # Three interpreters each: those with much to do are left out of the quick tests.
    [pytest.param(name, marks=pytest.mark.slow if name.startswith("queue-") else ()) for name in SIMULATED],
)
def test_one_seed_gives_one_history_whatever_the_hash_seed(name: str) -> None:
    program = (
        "import sys, hashlib\n"
        "from dsm_jepsen.history import jsonl\n"
        "from dsm_jepsen.scenarios import find_scenario, simulate\n"
        "history = simulate(find_scenario(sys.argv[1]), seed=7).history\n"
        "print(hashlib.sha256(jsonl.dumps(history)).hexdigest())\n"
    )
    here = hashlib.sha256(jsonl.dumps(simulate(find_scenario(name), seed=7).history)).hexdigest()
    for hash_seed in ("0", "12345"):
        there = subprocess.run(
            [sys.executable, "-c", program, name],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            check=True,
            capture_output=True,
            text=True,
        )
        assert there.stdout.strip() == here


def test_another_seed_gives_another_history() -> None:
    scenario = find_scenario("isolated-events")
    one, other = (jsonl.dumps(simulate(scenario, seed=seed).history) for seed in (1, 2))
    assert one != other


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        pytest.param({"variant": "no-versoin-check"}, "did you mean no-version-check", id="variant"),
        pytest.param({"lie": "stale"}, "did you mean stale-reads", id="lie"),
    ],
)
def test_an_unknown_flaw_is_refused_with_near_names(broken: dict[str, Any], words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        simulate(find_scenario("mixed-events"), seed=1, **broken)
