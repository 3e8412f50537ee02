"""Scenarios on five real ZooKeeper servers, with real packets dropped; and flaws that go red there, too."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.zookeeper,
    pytest.mark.namespaces,
    pytest.mark.slow,
    pytest.mark.usefixtures("zookeeper", "network_namespaces"),
]


def run(out: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "dsm_jepsen", "run", *arguments)
    return subprocess.run(
        [*command, "--cluster", "local", "--store", "zookeeper", "--out", str(out / "store"), "--seed", "1"],
        env={**os.environ, "TMPDIR": str(out)},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )


@pytest.mark.parametrize("side", ["majority", "minority"])
def test_the_leader_is_on_the_side_that_was_asked_for(tmp_path: Path, side: str) -> None:
    done = run(tmp_path, "partition-half", "--leader", side)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = (tmp_path / "store" / "latest" / "history.jsonl").read_text().splitlines()
    cut = next(
        event["value"]
        for event in map(json.loads, lines)
        if event["f"] == f"start-leader-in-{side}" and event["value"]
    )
    assert cut["outcome"] == "installed"
    assert cut["leader"] in cut[side]
    assert cut["leader_after"] in cut["majority"]
    assert cut["dropped"] > 0


@pytest.mark.parametrize(
    ("scenario", "variant", "checker"),
    [
        pytest.param("partition-half", "stale-healthy", "minority-refuses", id="partition"),
        pytest.param("stop-start", "forgetful-writer", "join-equals-live", id="crash"),
    ],
)
def test_a_flaw_goes_red_on_real_zookeeper(tmp_path: Path, scenario: str, variant: str, checker: str) -> None:
    done = run(tmp_path, scenario, "--variant", variant)
    assert done.returncode == 1, done.stdout + done.stderr
    results = json.loads((tmp_path / "store" / "latest" / "results.json").read_text())
    assert results["checkers"][checker]["valid"] is False
