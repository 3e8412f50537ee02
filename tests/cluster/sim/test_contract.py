"""The contract of a store on the model of ZooKeeper: kept when honest, broken by each lie.

Which world the suite is tried on is an option of the whole run, so each run is a Python of its own.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from dsm_jepsen.cluster.sim import LIES

CONTRACT = Path(__file__).parents[2] / "contract"


def _run(*options: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "pytest", str(CONTRACT), "-q", "-p", "no:cacheprovider", "--world"]
    process = subprocess.run(
        [*command, "simulated-zookeeper", *options], capture_output=True, text=True, check=False, timeout=120
    )
    return process.returncode, process.stdout + process.stderr


def test_the_model_of_zookeeper_keeps_the_contract() -> None:
    code, output = _run()
    assert code == pytest.ExitCode.OK, output
    assert "skipped" not in output, output


@pytest.mark.slow
@pytest.mark.parametrize("lie", LIES)
def test_a_lie_of_the_model_of_zookeeper_breaks_the_contract(lie: str) -> None:
    code, output = _run("--lie", lie, "--exitfirst")
    assert code == pytest.ExitCode.TESTS_FAILED, output
    assert "1 failed" in output, output
