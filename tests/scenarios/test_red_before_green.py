"""Which checker finds which flaw in which scenario: every checker has seen red, and can again."""

from typing import Any

import pytest

from dsm_jepsen.scenarios import find_scenario, scenarios, simulate
from dsm_jepsen.scenarios.runner import OF_EVERY_RUN

pytestmark = pytest.mark.slow

SEEDS = 50
"""Each flaw must be found within so many seeds."""

TABLE = [
    # checker, scenario, settings, what is broken
    ("linearizable", "mixed-events", {}, {"variant": "no-version-check"}),
    ("linearizable", "mixed-events", {}, {"lie": "stale-reads"}),
    ("linearizable", "partition-half", {"leader": "minority"}, {"variant": "cached-rejoin"}),
    ("legal-transitions", "mixed-events", {}, {"variant": "replay-events"}),
    ("legal-transitions", "mixed-events", {}, {"lie": "lost-commits"}),
    ("agreement", "concurrent-variables", {}, {"variant": "losers-action"}),
    ("convergence", "mixed-events", {}, {"variant": "replay-events"}),
    ("convergence", "partition-half", {}, {"variant": "stale-healthy"}),
    ("convergence", "clock-skew", {}, {"variant": "wall-clock-freshness"}),
    ("monotonic-reads", "crash-all", {}, {"variant": "clean-state"}),
    ("single-winner", "parallel-events", {}, {"variant": "not-idempotent"}),
    ("single-winner", "parallel-events", {}, {"variant": "silent-losers"}),
    ("minority-refuses", "partition-half", {}, {"variant": "stale-healthy"}),
    ("majority-available", "partition-half", {"leader": "minority"}, {"variant": "wedged"}),
    ("convergence-after-heal", "partition-half", {"leader": "minority"}, {"variant": "replay-events"}),
    ("no-lost-acknowledgement", "crash-all", {}, {"variant": "clean-state"}),
    ("no-lost-acknowledgement", "power-cut", {}, {"lie": "unsynced-writes"}),
    ("come-back", "power-cut", {}, {"lie": "no-return"}),
    ("no-effect-of-refused", "kill-during-commit", {}, {"variant": "timeout-is-failure"}),
    ("join-equals-live", "stop-start", {}, {"variant": "forgetful-writer"}),
    ("lost-races", "mixed-events", {}, {"variant": "cries-lost-race"}),
    ("availability", "soak-past-the-log", {}, {"variant": "ring-index"}),
    ("gap-free-watch", "watch-log", {}, {"lie": "watch-gaps"}),
    ("gap-free-watch", "watch-log", {}, {"lie": "lost-commits"}),
    ("steps-once", "queue-workers-killed", {}, {"variant": "read-before-lock"}),
    ("steps-once", "queue-paused-holder", {}, {"variant": "unconditional-put"}),
    ("steps-once", "queue-partition", {"leader": "minority"}, {"variant": "no-fence"}),
    ("legal-steps", "queue-partition", {"leader": "minority"}, {"variant": "no-fence"}),
    ("instances-end", "queue-workers-killed", {}, {"variant": "lease-ignored"}),
    ("instances-end", "queue-workers-killed", {}, {"variant": "record-on-lease"}),
    ("instances-end", "queue-workers-killed", {}, {"variant": "revokes-after-failure"}),
    ("instances-end", "queue-fork-join", {}, {"variant": "counts-branches-later"}),
    ("instances-end", "queue-poison", {}, {"variant": "lost-dead-letter"}),
    ("joins-once", "queue-fork-join", {}, {"variant": "counts-branches-first"}),
    ("effects-once", "queue-workers-killed", {}, {"variant": "keyless-effects"}),
    ("members-agree", "queue-fork-join", {}, {"lie": "skipped-commits"}),
    ("members-agree", "kill-during-commit", {}, {"lie": "skipped-commits"}),
]

COUNTING = {"stats", "adequacy", "commits-hit", "lost-claims", "lost-sessions"}
"""These count: what they call wrong is a run that says too little, not a flaw of the system."""


@pytest.mark.parametrize(
    ("checker", "scenario", "settings", "broken"),
    [pytest.param(*row, id=f"{row[0]}-{next(iter(row[3].values()))}") for row in TABLE],
)
def test_a_checker_finds_a_flaw_and_its_seed_finds_it_again(
    checker: str, scenario: str, settings: dict[str, str], broken: dict[str, Any]
) -> None:
    chosen = find_scenario(scenario)
    for seed in range(SEEDS):
        verdict = simulate(chosen, seed=seed, settings=settings, **broken).verdicts[checker]
        if verdict.valid is False:
            break
    else:
        pytest.fail(f"not found within {SEEDS} seeds")
    assert verdict.anomaly
    again = simulate(chosen, seed=seed, settings=settings, **broken)
    assert again.verdicts[checker] == verdict


def test_every_checker_of_every_scenario_stands_in_the_table() -> None:
    used = OF_EVERY_RUN.keys() | {
        name for scenario in scenarios().values() for name in scenario.workload(scenario.choose({})).checkers
    }
    assert used - COUNTING == {row[0] for row in TABLE}


def test_every_variant_stands_in_the_table() -> None:
    known = {name for scenario in scenarios().values() for name in scenario.variants}
    assert known == {row[3]["variant"] for row in TABLE if "variant" in row[3]}
