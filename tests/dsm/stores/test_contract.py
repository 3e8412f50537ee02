"""The contract of a store: real etcd and ZooKeeper keep it, and no store that lies does.

Each run has a Python of its own: libraries for etcd collide in one process as soon as each brings its
own messages.
"""

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from dsm_jepsen.cluster.local.etcd import find_etcd
from dsm_jepsen.cluster.sim import LIES
from dsm_jepsen.env import RefusedError

CONTRACT = Path(__file__).parents[2] / "contract"
TESTS_MIN = 90


def run_contract(*options: str) -> tuple[int, str]:
    """Run the suite; its exit code and its output."""
    command = [sys.executable, "-m", "pytest", str(CONTRACT), "-q", "-p", "no:cacheprovider", *options]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        output, _ = process.communicate(timeout=280)
    finally:
        # The members of etcd are in the same process group; none may outlive this test.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return process.returncode, output


@pytest.mark.etcd
@pytest.mark.slow
@pytest.mark.parametrize("client", ["aetcd", "etcd3"])
def test_real_etcd_keeps_the_contract(client: str) -> None:
    try:
        find_etcd()
    except RefusedError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
    all_must_pass(*run_contract("--world", f"etcd-{client}"), at_least=TESTS_MIN)


@pytest.mark.zookeeper
@pytest.mark.slow
@pytest.mark.usefixtures("zookeeper")
@pytest.mark.parametrize(("world", "at_least"), [("zookeeper", TESTS_MIN), ("zookeeper-single", 75)])
def test_real_zookeeper_keeps_the_contract(world: str, at_least: int) -> None:
    all_must_pass(*run_contract("--world", world), at_least=at_least)


def all_must_pass(code: int, output: str, *, at_least: int) -> None:
    """See that a run of the suite was a whole one."""
    assert code == 0, output
    passed = re.search(r"(\d+) passed", output)
    assert passed is not None, output
    assert int(passed.group(1)) >= at_least, output
    assert "skipped" not in output, output


@pytest.mark.slow
@pytest.mark.parametrize("lie", LIES)
def test_a_store_that_breaks_one_promise_breaks_the_contract(lie: str) -> None:
    code, output = run_contract("--lie", lie, "--exitfirst")
    assert code == pytest.ExitCode.TESTS_FAILED, output
    assert "1 failed" in output, output
