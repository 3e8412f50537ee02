"""The command starts with imports that take a while, and Ctrl-C ends it there as quietly as later on."""

import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

SCRIPT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]["scripts"]
MODULE, FUNCTION = SCRIPT["dsm-jepsen"].split(":")

SLOW = """
import time
print("importing", flush=True)
time.sleep(60)
"""
SWALLOWS = """
import time
print("importing", flush=True)
try:
    time.sleep(60)
except BaseException:
    raise ImportError
"""


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["-m", "dsm_jepsen"], id="as a module"),
        # What an installer writes into the script.
        pytest.param(["-c", f"from {MODULE} import {FUNCTION}; {FUNCTION}()"], id="as the script"),
    ],
)
@pytest.mark.parametrize(
    "library",
    [pytest.param(SLOW, id="slow"), pytest.param(SWALLOWS, id="making something else of it")],
)
def test_ctrl_c_during_imports_ends_quietly(command: list[str], library: str, tmp_path: Path) -> None:
    (tmp_path / "rich_click.py").write_text(library)
    with subprocess.Popen(
        [sys.executable, *command, "list"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "importing\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "", "dsm-jepsen: interrupted\n")
